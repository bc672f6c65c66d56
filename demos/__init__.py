"""The demos: one module each, with a training loop in the open. `python -m demos` lists them."""
import tinygen  # noqa: F401  (first: it sets up the process before NumPy loads)
