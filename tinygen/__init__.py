"""tinygen: deep generative models from scratch in NumPy."""
