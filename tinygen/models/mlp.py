"""The multi-layer perceptron that most models here begin with."""
from ..nn import Linear, ReLU, Sequential


def mlp(*sizes, activation=ReLU):
    """[Linear, activation] from sizes[0] to sizes[-2], then Linear to sizes[-1]: (N, sizes[0]) -> (N, sizes[-1])."""
    layers = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:]):
        layers += [Linear(n_in, n_out), activation()]
    return Sequential(*layers, Linear(sizes[-2], sizes[-1]))
