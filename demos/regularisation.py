"""Gradients and regularisation, measured: least squares, weight decay, learned hyper-parameters [002.1, 002.2]

1. The gradient of least squares three ways: closed form, autograd, finite differences.
2. Weight decay per epoch against exp(-eta lambda / m): where it rules, and where it ends.
3. Learning the step size and the decay by differentiating through training steps, and where that fails.
"""
import math
from typing import NamedTuple

import numpy as np

import tinygen as tg
from tinygen import nn
from tinygen.figures import line_panels
from tinygen.training import Run


def main(*, images=1000, epochs=30, eta=0.5, decay=5.0, batch_size=10, outer=120, seed=0, out="runs/regularisation"):
    """Run the three studies, print their numbers, draw their figures.

    images: number of training images for the study of weight decay
    epochs: passes over them
    eta: learning rate
    decay: lambda, the weight of 1/(2n) sum w^2 in the cost
    batch_size: images in a mini-batch, m
    outer: steps of the learned hyper-parameters, each through a whole training
    """
    settings = locals()
    tg.manual_seed(seed)
    with Run(out, settings) as run:
        x, w, y = least_squares_problem(seed)
        closed, by_autograd, by_differences = three_gradients(x, w, y)
        errors = [np.abs(found - closed).max() for found in (by_autograd, by_differences)]
        print(f"least squares: autograd off by {errors[0]:.1e}, central differences by {errors[1]:.1e}")
        run.figure("finite-differences", differences_figure(x, w, y))

        studies = {cost: weight_decay(cost, images, epochs, eta, decay, batch_size, seed) for cost in ("quadratic", "cross-entropy")}
        for cost, study in studies.items():
            print(f"weight decay, {cost}: epoch 1 multiplies the weights by {study.factor[0]:.4f}, exp(-eta lambda/m) = "
                  f"{math.exp(-eta * decay / batch_size):.4f}; decay / gradient {study.ratio[0]:.1f} at first, {study.ratio[-1]:.2f} at last; "
                  f"final rms weight {study.rms[-1]:.4f}, 1/sqrt(weights) = {study.count ** -0.5:.4f}")
        run.figure("weight-decay", weight_decay_figure(studies, math.exp(-eta * decay / batch_size)))

        problem = RidgeProblem(seed)
        paths = {"lambda, validation": learn_hyperparameters(problem, learn_eta=False, outer=outer, eta=0.5),
                 "both, validation": learn_hyperparameters(problem, outer=outer),
                 "both, training": learn_hyperparameters(problem, "training", outer=outer)}
        best, unstable = problem.best_decay(), 2 / largest_curvature(problem, 0.1)
        for name, path in paths.items():
            print(f"learned, {name}: lambda {path['lambda'][-1]:.4f}, largest loss on the way {path['loss'].max():.3g}")
        print(f"best lambda on a grid {best:.4f}, unstable above eta {unstable:.3f}")
        run.figure("learned", learned_figure(paths, best, unstable))
        run.figure("exploding", exploding_figure(problem))
        run.finish(autograd_error=np.abs(by_autograd - closed).max(), decay_factor=studies["quadratic"].factor[0],
                   final_rms=studies["quadratic"].rms[-1], learned_lambda=paths["lambda, validation"]["lambda"][-1], best_lambda=best)


# ---- 1. least squares ------------------------------------------------------------------------------------------------------


def least_squares_problem(seed=0, rows=50, columns=6):
    """Random (X (rows, columns), w (columns,), y (rows,))."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns)), rng.standard_normal(columns), rng.standard_normal(rows)


def squared_error(x, w, y):
    """||X w - y||^2, for arrays or Tensors."""
    off = (x @ w.reshape(-1, 1)).reshape(-1) - y
    return (off * off).sum()


def three_gradients(x, w, y, step=1e-4):
    """The gradient of ||X w - y||^2 by w: 2 X'X w - 2 X'y, by autograd, and by central differences."""
    weights = tg.tensor(w, requires_grad=True)
    by_autograd, = tg.grad(squared_error(x, weights, y), [weights])
    return 2 * x.T @ x @ w - 2 * x.T @ y, by_autograd.numpy(), differences(x, w, y, step, central=True)


def differences(x, w, y, step, central):
    """The same gradient by differences of the values, central or forward."""
    steps = np.eye(len(w)) * step
    if central:
        return np.array([squared_error(x, w + s, y) - squared_error(x, w - s, y) for s in steps]) / (2 * step)
    return np.array([squared_error(x, w + s, y) - squared_error(x, w, y) for s in steps]) / step


def differences_figure(x, w, y):
    """The error of finite differences by their step: rounding on the left, curvature on the right."""
    closed, by_autograd, _ = three_gradients(x, w, y)
    size = np.linalg.norm(closed)
    steps = np.geomspace(1e-13, 1, 53)
    error = lambda central: np.array([np.linalg.norm(differences(x, w, y, s, central) - closed) / size for s in steps])
    own = np.linalg.norm(by_autograd - closed) / size
    return line_panels(steps, {"relative error": {"forward differences": error(False), "central differences": error(True)}},
                       guides={"relative error": {f"autograd {own:.0e}": own}} if own else None, logx=True, logy=True,
                       xlabel="step of the differences", title="Gradient of least squares against its closed form")


# ---- 2. weight decay -------------------------------------------------------------------------------------------------------------


class DecayStudy(NamedTuple):
    """Per epoch, as arrays: factor by which the norm of all weights changed; ratio of the sum of the decay steps to the sum of the
    gradient steps, as norms; step_ratio, the mean ratio of single steps; rms of the weights at the end; share of saturated hidden
    neurons. count: the number of weights."""
    factor: np.ndarray
    ratio: np.ndarray
    step_ratio: np.ndarray
    rms: np.ndarray
    saturated: np.ndarray
    count: int


def weight_decay(cost="quadratic", images=1000, epochs=30, eta=0.5, decay=5.0, batch=10, seed=0, data="mnist-mini"):
    """Train 784 -> 30 -> 10 with sigmoids and N(0, 1) weights on C = C0 + decay / (2n) sum w^2, and measure each epoch, as a `DecayStudy`.

    C0: "quadratic", 1/2 ||output - target||^2, or "cross-entropy" of each output, both means over the mini-batch.
    """
    tg.manual_seed(seed)
    pixels, labels = tg.data.load(data, "train")
    x, targets = tg.data.to_float(pixels[:images]).reshape(images, 784), np.eye(10, dtype=np.float32)[labels[:images]]
    rng = np.random.default_rng(seed)
    hidden, output = nn.Linear(784, 30), nn.Linear(30, 10)
    for layer in (hidden, output):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    weights, biases = [hidden.weight, output.weight], [hidden.bias, output.bias]
    shrink = tg.optim.SGD(weights, lr=eta, weight_decay=decay / images)         # w <- w - eta (gradient + decay / n w)
    free = tg.optim.SGD(biases, lr=eta)
    count = sum(w.size for w in weights)
    norm = lambda arrays: math.sqrt(sum(float((a.astype(np.float64) ** 2).sum()) for a in arrays))
    rows = []
    for _ in range(epochs):
        before = [w.numpy().copy() for w in weights]
        decayed = [np.zeros_like(b) for b in before]
        ratios, saturated = [], []
        for index in rng.permutation(images).reshape(-1, batch):
            activity = tg.sigmoid(hidden(tg.tensor(x[index])))
            logits, wanted = output(activity), targets[index]
            if cost == "quadratic":
                loss = ((tg.sigmoid(logits) - wanted) ** 2).sum() * (0.5 / batch)
            else:
                loss = tg.bce_with_logits(logits, wanted).sum() * (1.0 / batch)
            gradients = tg.grad(loss, weights + biases)
            steps = [w.numpy() * (eta * decay / images) for w in weights]
            for total, step in zip(decayed, steps):
                total += step
            ratios.append(norm(steps) / (eta * norm([g.numpy() for g in gradients[:2]])))
            saturated.append(np.mean(np.abs(activity.numpy() - 0.5) > 0.45))
            shrink.step(gradients[:2])
            free.step(gradients[2:])
        after = [w.numpy() for w in weights]
        moved = [b - a - d for b, a, d in zip(before, after, decayed)]              # what the gradient steps added up to
        rows.append((norm(after) / norm(before), norm(decayed) / norm(moved), np.mean(ratios), norm(after) / math.sqrt(count),
                     np.mean(saturated)))
    return DecayStudy(*(np.array(column) for column in zip(*rows)), count)


def weight_decay_figure(studies, predicted):
    """Factor, dominance and size of the weights by epoch; studies = {cost: DecayStudy}."""
    count = next(iter(studies.values())).count
    epochs = np.arange(1, 1 + len(next(iter(studies.values())).factor))
    panel = lambda field: {cost: getattr(study, field) for cost, study in studies.items()}
    return line_panels(
        epochs, {"factor of the norm": panel("factor"), "decay / gradient, summed": panel("ratio"), "rms weight": panel("rms"),
                 "saturated neurons": panel("saturated")}, xlabel="epoch", columns=2,
        guides={"factor of the norm": {f"predicted\n{predicted:.4f}": predicted}, "decay / gradient, summed": {"balance": 1.0},
                "rms weight": {f"1/sqrt(count)\n= {count ** -0.5:.4f}": count ** -0.5}},
        title="Weight decay from N(0, 1) weights, epoch by epoch")


# ---- 3. learning the hyper-parameters ---------------------------------------------------------------------------------------------


class RidgeProblem:
    """Few noisy examples of a sparse linear function, and many more for validation; a model of 20 weights trained by gradient descent."""

    def __init__(self, seed=0, train=25, validation=400, columns=20, noise=1.0):
        rng = np.random.default_rng(seed)
        truth = np.where(np.arange(columns) < 4, 1.0, 0.0)
        self.x, self.x_validation = rng.standard_normal((train, columns)), rng.standard_normal((validation, columns))
        self.y, self.y_validation = (x @ truth + noise * rng.standard_normal(len(x)) for x in (self.x, self.x_validation))
        self.start = np.zeros(columns)

    def cost(self, w, decay):
        """1/(2n) ||X w - y||^2 + decay / 2 ||w||^2."""
        return squared_error(self.x, w, self.y) * (0.5 / len(self.x)) + (w * w).sum() * 0.5 * decay

    def loss(self, w, target):
        """1/(2n) ||X w - y||^2, without the decay, on the "validation" or the "training" set."""
        x, y = (self.x_validation, self.y_validation) if target == "validation" else (self.x, self.y)
        return squared_error(x, w, y) * (0.5 / len(x))

    def trained(self, eta, decay, steps):
        """The weights after `steps` of gradient descent, recorded, so that they can be differentiated by the Tensors eta and decay."""
        w = tg.tensor(self.start, requires_grad=True)
        for _ in range(steps):
            gradient, = tg.grad(self.cost(w, decay), [w], create_graph=True)
            w = w - eta * gradient
        return w

    def best_decay(self):
        """The decay whose exact ridge solution has the lowest validation loss, on a fine grid."""
        gram, moment = self.x.T @ self.x / len(self.x), self.x.T @ self.y / len(self.x)
        grid = np.geomspace(1e-4, 10, 2001)
        losses = [self.loss(np.linalg.solve(gram + d * np.eye(len(gram)), moment), "validation") for d in grid]
        return float(grid[int(np.argmin(losses))])


def hyper_gradient(problem, log_eta, log_decay, steps, target="validation"):
    """(loss after `steps`, its derivatives by log eta and log lambda), by one walk back through all of the training."""
    a, b = (tg.tensor(np.array(float(v)), requires_grad=True) for v in (log_eta, log_decay))
    loss = problem.loss(problem.trained(tg.exp(a), tg.exp(b), steps), target)
    by_eta, by_decay = tg.grad(loss, [a, b])
    return loss.item(), by_eta.item(), by_decay.item()


def learn_hyperparameters(problem, target="validation", learn_eta=True, steps=60, outer=120, eta=0.1, decay=0.01, rate=0.5):
    """Gradient descent on log lambda, and on log eta where `learn_eta`, through `steps` of training each time.

    {"loss", "eta", "lambda"}: values at every outer step.  A step is rate * gradient / |gradient| / sqrt(t), which needs no scale.
    """
    position = np.log([eta, decay])
    path = {"loss": [], "eta": [], "lambda": []}
    for t in range(1, outer + 1):
        loss, *gradient = hyper_gradient(problem, *position, steps, target)
        for name, number in zip(path, (loss, *np.exp(position))):
            path[name].append(number)
        gradient = np.array(gradient) * (learn_eta, True)
        position = position - rate / math.sqrt(t) * gradient / (np.linalg.norm(gradient) + 1e-12)
    return {name: np.array(numbers) for name, numbers in path.items()}


def learned_figure(paths, best, unstable):
    """Loss, eta and lambda over the outer steps; paths = {name: what `learn_hyperparameters` returned}."""
    outer = np.arange(len(next(iter(paths.values()))["loss"]))
    panels = {label: {name: path[key] for name, path in paths.items()}
              for label, key in (("loss after 60 steps of training", "loss"), ("learned eta", "eta"), ("learned lambda", "lambda"))}
    return line_panels(outer, panels, xlabel="outer step", logy=True, title="Hyper-parameters learned by differentiating through training",
                       guides={"learned eta": {f"unstable\nabove {unstable:.2f}": unstable}, "learned lambda": {"best on\na grid": best}})


def largest_curvature(problem, decay):
    """The largest eigenvalue of the Hessian of the training cost: gradient descent diverges for eta > 2 over it."""
    return float(np.linalg.eigvalsh(problem.x.T @ problem.x / len(problem.x))[-1] + decay)


def exploding_figure(problem, decay=0.1):
    """|d loss / d eta| by eta, for several numbers of training steps: beyond 2 / (largest curvature) it grows exponentially with them."""
    top = largest_curvature(problem, decay)
    etas = np.linspace(0.2, 2.6, 33) / top
    size = lambda eta, steps: abs(hyper_gradient(problem, math.log(eta), math.log(decay), steps)[1]) / eta
    sizes = {f"{steps} steps": np.array([size(eta, steps) for eta in etas]) for steps in (5, 15, 45)}
    return line_panels(etas * top, {"|d validation loss / d eta|": sizes}, logy=True,
                       xlabel="eta times the largest curvature (stable below 2)",
                       title="Where learning eta fails: the gradient through training explodes")
