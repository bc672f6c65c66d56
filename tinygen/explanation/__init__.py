"""Gradients to look at: `tinygen.explain(loss)` is the graph behind a loss, `tinygen.explain(tinygen.tanh)` one operation.

graph.py: the table and the drawing; operation.py: formula, code and check; examples.py: what operations are shown on.

The folder is not called `explain` because the function is: as the name of a submodule too, `tinygen.explain` would be the one
or the other, depending on what was imported first.
"""
import inspect

from ..autograd import Tensor
from .graph import GraphExplanation
from .operation import OperationExplanation


def explain(thing, *inputs, **settings):
    """Print what lies behind `thing`, and return it as an object: str() is the text again.

        tg.explain(loss, model=model, x=batch).draw()            # a Tensor: every operation that made it, as a table; as a Figure
        tg.explain(tg.tanh)                                      # an operation: formula, code, and a check on the spot
        tg.explain(tg.conv2d, x, w, stride=2)                    # ... on inputs of your own

    thing: a scalar Tensor whose graph is still there (before `backward()` or `minimize(loss)`, which use it up), and then `settings`
    name Modules, Tensors and arrays as they are to be called; or a function of Tensors, such as an operation, to be called with `inputs`
    and `settings`. See `GraphExplanation` and `OperationExplanation` for what is raised, and for what is in the answer.
    """
    if isinstance(thing, Tensor):
        if inputs:
            raise TypeError(f"explain: a loss takes no inputs ({len(inputs)} given); name its parts: explain(loss, model=model, x=x)")
        explanation = GraphExplanation(thing, settings)
    elif inspect.isroutine(thing):
        explanation = OperationExplanation(thing, inputs, settings)
    else:
        raise TypeError(f"explain: {type(thing).__name__} is neither a loss (a Tensor) nor a function of Tensors such as tinygen.tanh; "
                        "of a module, explain a loss that was computed with it")
    print(explanation)
    return explanation
