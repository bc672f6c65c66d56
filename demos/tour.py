"""A reader's tour of the engine: ten steps from one multiplication to a gradient penalty

Each step prints a few lines of code, runs exactly these, and shows what came out. `python -m demos tour 7` is the seventh alone.
"""
import inspect
import textwrap

import numpy as np

import tinygen as tg
from tinygen import nn
from tinygen.losses.gan import gradient_penalty

from demos.command_line import WIDTH


def main(*steps):
    """Walk.

    steps: numbers from 1 to 10; none: all of them
    """
    for text in steps:
        if text not in map(str, range(1, len(STEPS) + 1)):
            raise ValueError(f"tour: there is no step {text!r}; the steps are numbered from 1 to {len(STEPS)}")
    for number in map(int, steps or range(1, len(STEPS) + 1)):
        title, words, code = parts(STEPS[number - 1])
        print(f"\n{number}. {title}\n\n{words}\n\n{textwrap.indent(code, '    ')}\n")
        tg.manual_seed(0)
        STEPS[number - 1]()


def parts(step):
    """(title, words, code) of a step: its docstring's first line and the rest, and the lines below it, which are what runs."""
    title, _, words = inspect.getdoc(step).partition("\n\n")
    below = inspect.getsource(step).split('"""', 2)[2]
    return title, textwrap.fill(" ".join(words.split()), WIDTH), textwrap.dedent(below).strip("\n")


# ---- ten steps -------------------------------------------------------------------------------------------------------------


def multiplication():
    """One multiplication

    A Tensor is an array that remembers which operation made it, from what. `grad` walks that memory backwards.
    """
    x = tg.tensor(3.0, requires_grad=True)
    z = tg.tensor(5.0, requires_grad=True)
    y = x * z
    print("y is", y.item(), "and was made by", y.op.__name__)
    by_x, by_z = tg.grad(y, [x, z])
    print("dy/dx is z:", by_x.item(), "  dy/dz is x:", by_z.item())


def used_twice():
    """A value that is used twice

    Both uses send a gradient back, and the two are added before they go on. So b must wait for both, and the walk needs an order: the
    numbers that tensors get as they are made are one.
    """
    a = tg.tensor(1.5, requires_grad=True)
    b = a + a
    c = b * b
    print("made in this order:", a.number < b.number < c.number)
    print("dc/da is 8 a:", tg.grad(c, [a])[0].item())


def formula():
    """A gradient is one formula

    Every operation carries a line that turns the gradient g of its output y into that of its input x. Given arrays it is plain NumPy; the
    engine only calls it.
    """
    x, g = np.array([-1.0, 0.0, 2.0]), np.array([1.0, 1.0, 10.0])
    y = np.tanh(x)
    print("the formula of tanh:", tg.tanh.vjps[0](g, y, x))
    print("g (1 - tanh(x)^2):  ", g * (1 - np.tanh(x) ** 2))


def check():
    """Is it right?

    Move x a little, see how much y moves. `explain` shows the formula beside its code and does just that; `gradcheck` does it for any
    function of tensors, to any order, and raises where the two disagree.
    """
    tg.explain(tg.tanh, np.array([-0.5, 1.0]))
    f, x = lambda x: tg.tanh(x) * x, np.array([-0.5, 1.0])
    print("gradcheck to third order:", tg.gradcheck(f, [x], order=3))


def broadcasting():
    """Stretched, then summed

    A bias of shape (3,) added to (4, 3) is used once in each of four rows: its gradient is the sum over them. The engine does it for every
    elementwise operation, once, in one place.
    """
    x = tg.tensor(np.ones((4, 3)))
    bias = tg.tensor(np.zeros(3), requires_grad=True)
    y = (x + bias) * np.array([1.0, 10.0, 100.0])
    print(y.shape, "to", tg.grad(y.sum(), [bias])[0].numpy())


def descent():
    """Downhill

    A layer holds parameters, a loss is a number made of them, and an optimizer takes steps against the gradient: y = 2 x + 1 is found
    from 32 points.
    """
    x = tg.standard_normal((32, 1))
    layer = nn.Linear(1, 1)
    optimizer = tg.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(300):
        loss = ((layer(tg.tensor(x)) - (2 * x + 1)) ** 2).mean()
        optimizer.minimize(loss)
    print(f"slope {layer.weight.item():.4f}, "
          f"intercept {layer.bias.item():.4f}, loss {loss.item():.1e}")


def gradient_of_gradient():
    """The gradient of a gradient

    With create_graph the walk hands the formulas tensors instead of arrays. They are recorded like everything else, and can be
    differentiated again: x^3 gives 3 x^2, 6 x, 6.
    """
    x = tg.tensor(3.0, requires_grad=True)
    y = x ** 3
    for order in (1, 2, 3):
        y, = tg.grad(y, [x], create_graph=True)
        print("derivative", order, "of x^3 at 3:", y.item())


def noise():
    """Through noise

    A random z has no gradient; z = mu + sigma * noise has one, since the noise is drawn outside. E z^2 is mu^2 + sigma^2, so the gradients
    are 2 mu and 2 sigma: this is how a variational autoencoder learns.
    """
    mu = tg.tensor(0.5, requires_grad=True)
    sigma = tg.tensor(2.0, requires_grad=True)
    z = mu + sigma * tg.standard_normal((100_000,))
    by_mu, by_sigma = tg.grad((z * z).mean(), [mu, sigma])
    print(f"by mu {by_mu.item():.3f} (2 mu = 1), "
          f"by sigma {by_sigma.item():.3f} (2 sigma = 4)")


def slopes():
    """How steep is a critic?

    Nothing says that gradients are for weights. The gradient by the data tells how a critic's score changes around every point; summing the
    scores gives each point its own.
    """
    critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    points = tg.tensor(tg.standard_normal((4, 2)), requires_grad=True)
    slope, = tg.grad(critic(points).sum(), [points], create_graph=True)
    norm = tg.sqrt((slope * slope).sum(axis=1))
    print("steepness at four points:", norm.numpy().round(3))
    print("it knows the weights:", norm.requires_grad)


def penalty():
    """A gradient penalty

    A Wasserstein critic should have slope 1: the penalty (||slope|| - 1)^2 is a loss made of a gradient, and its own gradient differentiates
    twice. For a linear critic w it is 2 (1 - 1/||w||) w.
    """
    critic = nn.Linear(2, 1, bias=False)
    critic.load_state_dict({"weight": np.array([[3.0, 4.0]])})
    real, fake = np.random.default_rng(0).standard_normal((2, 8, 2))
    loss = gradient_penalty(critic, real, fake)
    slope, = tg.grad(loss, [critic.weight])
    print(f"penalty (5 - 1)^2: {loss.item():.1f}   gradient:", slope.numpy())
    optimizer = tg.optim.SGD(critic.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.minimize(gradient_penalty(critic, real, fake))
    w = critic.weight.numpy()
    print("after a hundred steps:", w, "of length", np.linalg.norm(w).round(9))


STEPS = (multiplication, used_twice, formula, check, broadcasting, descent, gradient_of_gradient, noise, slopes, penalty)
