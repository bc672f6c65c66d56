"""Sheet 002, problems 1 and 2: the gradient of least squares, learning hyper-parameters, weight decay."""
import functools
import math

import numpy as np

import tinygen as tg
from demos import regularisation as study

from .derivatives import central_difference, gradient
from .questions import check, drawing, holds, less, note, question


@question("002.1.1", "The gradient of least squares")
def least_squares():
    """||X(w + h) - y||^2 = ||Xw - y||^2 + 2 h'X'(Xw - y) + ||Xh||^2.
    The part linear in h is the gradient: 2 X'X w - 2 X'y."""
    x, w, y = study.least_squares_problem()
    closed = 2 * x.T @ x @ w - 2 * x.T @ y
    h = np.random.default_rng(1).standard_normal((100, 6))
    exact = np.array([study.squared_error(x, w + v, y) - study.squared_error(x, w, y) - ((x @ v) ** 2).sum() for v in h])
    yield check("f(w + h) - f(w) - ||Xh||^2 for 100 random h, against h . gradient", exact, h @ closed, 1e-10)
    yield check("the gradient by central differences", study.differences(x, w, y, 1e-2, central=True), closed, 1e-9)
    yield drawing("finite-differences", lambda: study.differences_figure(x, w, y))


@question("002.1.2", "The same gradient by autograd")
def by_autograd():
    """autograd walks back through the same operations, g = 2 (Xw - y), then X'g, and agrees to rounding; finite
    differences do not."""
    x, w, y = study.least_squares_problem()
    closed, automatic, by_differences = study.three_gradients(x, w, y)
    yield check("autograd against the closed form", automatic, closed, 1e-12)
    yield less("its largest error is below that of finite differences", np.abs(automatic - closed).max(),
               np.abs(by_differences - closed).max())
    solution = np.linalg.lstsq(x, y)[0]
    yield check("autograd at the least-squares solution", gradient(lambda v: study.squared_error(x, v, y), solution)[0], 0, 1e-11)


@question("002.2.1", "Learning lambda and eta by gradient descent")
def hyper_parameters():
    """lambda: dC/d lambda = 1/(2n) sum w^2 >= 0, so descent on the training cost only ever lowers lambda: to zero,
    and beyond. It needs another loss, on validation data, and its derivative through the trained weights.
    eta is not in the cost at all, only in the path the weights take: d L(w - eta g) / d eta = -g(w1) . g(w0), a
    derivative through an update, that is of a gradient. Through T steps it explodes like |1 - eta h|^(2T) as soon as eta
    h > 2, with h the largest curvature; and descent on eta walks right up to that edge, because larger steps are
    better until there."""
    rng = np.random.default_rng(0)
    w, n = rng.standard_normal(40), 200
    yield check("dC/d lambda by autograd, against 1/(2n) sum w^2",
                gradient(lambda lam: (tg.tensor(w) ** 2).sum() * (0.5 / n) * lam, 0.3)[0], (w ** 2).sum() / (2 * n), 1e-12)

    problem = study.RidgeProblem()
    loss = lambda w: problem.loss(w, "training")

    def after_one_step(eta):
        start = tg.tensor(problem.start + 0.5, requires_grad=True)
        g, = tg.grad(loss(start), [start], create_graph=True)
        return loss(start - eta * g)

    eta = 0.2
    g0 = gradient(loss, problem.start + 0.5)[0]
    g1 = gradient(loss, problem.start + 0.5 - eta * g0)[0]
    yield check("dL(w - eta g)/d eta by autograd, a gradient of a gradient, against -g(w1) . g(w0)", gradient(after_one_step, eta)[0],
                -g1 @ g0, 1e-10)
    yield check("... and against differences", gradient(after_one_step, eta)[0],
                central_difference(lambda e: after_one_step(tg.tensor(np.array(e))).item(), eta), 1e-6)

    best = problem.best_decay()
    alone = study.learn_hyperparameters(problem, learn_eta=False, eta=0.5, steps=40, outer=30)
    training = study.learn_hyperparameters(problem, "training", learn_eta=False, eta=0.5, steps=20, outer=20)
    yield check("lambda learned through 40 training steps on validation loss, against the best of an exact grid",
                alone["lambda"][-10:].mean(), best, 0.1 * best)
    yield holds("... on the training loss it only falls", (np.diff(training["lambda"]) < 0).all(),
                f"{training['lambda'][0]:.4f} -> {training['lambda'][-1]:.5f} and going on")
    edge = 2 / study.largest_curvature(problem, best)
    both = study.learn_hyperparameters(problem, eta=0.45, decay=best, steps=40, outer=20)
    yield holds("eta learned as well walks over the edge 2/h, where training explodes",
                both["eta"].max() > edge and both["loss"].max() > 10 * both["loss"][0],
                f"edge {edge:.3f}, eta up to {both['eta'].max():.3f}, loss {both['loss'][0]:.3f} -> {both['loss'].max():.3g}")
    h = study.largest_curvature(problem, best)
    eta = 2.3 / h
    sizes = [abs(study.hyper_gradient(problem, math.log(eta), math.log(best), steps)[1]) for steps in (40, 60)]
    growth = (sizes[1] / sizes[0] * (40 / 60)) ** (1 / 20)          # d (1 - eta h)^2T / d eta also carries a factor T
    yield check("beyond it, at eta h = 2.3, d loss / d eta grows per step by, against (1 - eta h)^2", growth, (1 - eta * h) ** 2, 0.05)


@functools.cache
def decay_study(cost, decay=5.0, eta=0.5, images=500, epochs=30):
    """`regularisation.weight_decay`, trained once for the three questions that look at it."""
    return study.weight_decay(cost, images=images, epochs=epochs, eta=eta, decay=decay)


@question("002.2.2a", "Weight decay rules the first epochs")
def decay_first():
    """N(0, 1) weights give a hidden neuron a sum of standard deviation near 9 on a digit (the squares of its pixels add up to some 85): it
    saturates, sigma' is close to 0, and so is the gradient of every weight below it. The decay step (eta lambda / n)
    w does not know of that, and all its steps of an epoch point the same way, while the gradient steps partly cancel.
    So at first the weights just shrink."""
    pixels = tg.data.load("mnist-mini", "train")[0].reshape(-1, 784) / 255.0
    rng = np.random.default_rng(0)
    sums = pixels[:500] @ rng.standard_normal((784, 4000)) + rng.standard_normal(4000)
    yield check("size of a neuron's input, rms over 4000 neurons and 500 digits, against sqrt(1 + E ||x||^2)",
                math.sqrt((sums ** 2).mean()), math.sqrt(1 + (pixels[:500] ** 2).sum(1).mean()), 0.3)
    for cost in ("quadratic", "cross-entropy"):
        found = decay_study(cost)
        yield note(f"{cost}: saturated hidden neurons {found.saturated[0]:.0%} in epoch 1; decay step / gradient step "
                   f"{found.step_ratio[0]:.2f} each, {found.ratio[0]:.1f} summed over the epoch")
        yield less(f"... 1 is below the ratio of the summed decay steps to the summed gradient steps, epochs 1 to 3, {cost}", 1,
                   found.ratio[:3].min())
    yield less("with lambda a hundred times smaller it does not: ratio in epoch 1",
               decay_study("cross-entropy", decay=0.05, epochs=1).ratio[0], 1)


@question("002.2.2b", "exp(-eta lambda / m) per epoch")
def decay_factor():
    """An update multiplies the weights by 1 - eta lambda / n; an epoch has n / m updates, so by (1 - eta lambda /
    n)^(n / m) -> exp(-eta lambda / m) provided eta lambda << n. (The print lost the "<<", and uses n once for the
    training examples and in (c) for the weights.)"""
    eta, lam, n, m = 0.5, 5.0, 50_000, 10
    yield check("eta = 0.5, lambda = 5, n = 50,000, m = 10: the product of 5,000 factors, against exp(-0.25)",
                np.prod(np.full(n // m, 1 - eta * lam / n)), math.exp(-eta * lam / m), 1e-5)
    rough = (1 - 0.5 * 1000 / 2000) ** (2000 / 10)
    yield holds("the condition matters: eta lambda = n/4 gives another factor",
                rough < math.exp(-50) / 10, f"{rough:.3g} against exp(-50) = {math.exp(-50):.3g}")
    found = decay_study("quadratic")
    yield check("in training, epochs 1 to 3: factor of the weights' norm, n = 500", found.factor[:3], math.exp(-0.25), 0.003)
    yield drawing("weight-decay",
                  lambda: study.weight_decay_figure({cost: decay_study(cost) for cost in ("quadratic", "cross-entropy")}, math.exp(-0.25)))


@question("002.2.2c", "Where the decay tails off")
def decay_tail():
    """The decay ends where the gradient of the data balances it, on average over an epoch. The heuristic: once the
    weights are near 1/sqrt(n) in size, sums over n of them are of order 1, neurons are no longer saturated, and
    gradients are. It is an order of magnitude and no law: the weights end well above 1/sqrt(all weights), nearer
    1/sqrt(inputs of a neuron), and the more so the smaller lambda is."""
    for cost in ("quadratic", "cross-entropy"):
        found = decay_study(cost)
        yield check(f"{cost}: factor of the norm over the last 5 epochs", found.factor[-5:].mean(), 1.0, 0.01)
        yield check("... summed decay steps over summed gradient steps", found.ratio[-5:].mean(), 1.0, 0.1)
        yield holds("... rms weight at the end, between 1/sqrt(all weights) and 1/sqrt(30 inputs of an output neuron)",
                    found.count ** -0.5 < found.rms[-1] < 30 ** -0.5,
                    f"{found.count ** -0.5:.4f} < {found.rms[-1]:.4f} < {30 ** -0.5:.4f}; 1/sqrt(784) = {784 ** -0.5:.4f}")
        yield less("... share of saturated neurons, end against start", found.saturated[-1], found.saturated[0])
    yield less("the plateau depends on lambda, which the heuristic does not: rms at lambda = 5 and at 2.5",
               decay_study("quadratic").rms[-1], decay_study("quadratic", decay=2.5, epochs=60).rms[-1])
