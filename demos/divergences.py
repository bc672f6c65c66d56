"""What each divergence sees as two distributions slide apart: values, gradients, noise floors [001.3e, 002.4.1]

Two Gaussians of one width, and two uniforms, at a growing distance. KL grows without bound and is infinite as soon
as the supports differ; JS and total variation stop at log 2 and at 1, and their gradients vanish; MMD stops beyond
its bandwidth; the Wasserstein distance is the shift, and its gradient one, however far apart the two are.
"""
import numpy as np

import tinygen as tg
from tinygen import divergences as dv
from tinygen.figures import line_panels
from tinygen.training import Run


def main(*, sigma=0.5, bandwidth=1.0, samples=400, furthest=6.0, seed=0, out="runs/divergences"):
    """Measure, print a table, draw the figures.

    sigma: standard deviation of both Gaussians
    bandwidth: width of the kernel of MMD
    samples: number of samples for the divergences that are estimated from samples
    furthest: the largest shift
    """
    tg.manual_seed(seed)
    with Run(out, locals()) as run:
        shifts = np.linspace(0, furthest, 49)
        values, gradients = sliding_gaussians(shifts, sigma, bandwidth, samples, seed)
        floors = {name: dv.noise_floor(measure, lambda n, rng: rng.normal(0, sigma, (n, 1)), samples, seed=seed)
                  for name, measure in estimators(bandwidth, sigma).items()}
        print(table(shifts, values, floors))
        run.figure("gaussians", gaussians_figure(shifts, values, gradients, sigma))
        small = np.geomspace(0.003, furthest, 40)
        near = sliding_gaussians(small, sigma, bandwidth, samples, seed)[0]
        run.figure("estimates", line_panels(
            small, {name: {"from samples": near[name]} for name in floors}, logx=True, logy=True, xlabel="shift",
            guides={name: {f"floor\n{floor.mean:.2g}": floor.mean} for name, floor in floors.items() if floor.mean > 0},
            title=f"Estimates from {samples} samples each: near the floor they say nothing of the shift"))
        apart = np.linspace(0, 2, 81)
        run.figure("uniforms", uniforms_figure(apart))
        run.finish(**{f"{name} at shift {furthest:g}": curve[-1] for name, curve in values.items()},
                   **{f"{name}, floor": floor.mean for name, floor in floors.items()})


def estimators(bandwidth, sigma):
    """{name: function of two sample sets} of the divergences that are estimated from samples, all differentiable."""
    return {"MMD^2": lambda x, y: dv.mmd(x, y, bandwidth=bandwidth), "W1": dv.wasserstein_1d,
            "Sinkhorn": lambda x, y: dv.sinkhorn_divergence(x, y, epsilon=sigma, p=1)}


def sliding_gaussians(shifts, sigma, bandwidth=1.0, samples=400, seed=0):
    """({name: values (S,)}, {name: derivatives by the shift (S,)}) between N(0, sigma^2) and N(shift, sigma^2).

    KL and its derivative in closed form, JS by quadrature, its derivative by differences; the others from samples, by autograd.
    """
    step = 1e-4
    js = lambda s: dv.js_gaussian(0, sigma ** 2, s, sigma ** 2)
    values = {"KL": [dv.kl_gaussian(0, sigma ** 2, s, sigma ** 2) for s in shifts], "JS": [js(s) for s in shifts]}
    gradients = {"KL": [s / sigma ** 2 for s in shifts], "JS": [(js(s + step) - js(s - step)) / (2 * step) for s in shifts]}
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, sigma, (2, samples, 1))
    for name, measure in estimators(bandwidth, sigma).items():
        values[name], gradients[name] = [], []
        for s in shifts:
            shift = tg.tensor(np.array(s), requires_grad=True)
            value = measure(tg.tensor(x), y + shift)
            values[name].append(value.item())
            gradients[name].append(tg.grad(value, [shift])[0].item())
    return tuple({name: np.array(curve) for name, curve in part.items()} for part in (values, gradients))


def gaussians_figure(shifts, values, gradients, sigma):
    """Values and derivatives of `sliding_gaussians` side by side; KL, which outgrows the others, leaves the frame, which is theirs."""
    panels = {"value": values, "gradient by the shift": gradients}
    tops = {label: 1.1 * max(curve.max() for name, curve in curves.items() if name != "KL") for label, curves in panels.items()}
    return line_panels(shifts, panels, tops=tops, xlabel=f"shift of two Gaussians of sigma {sigma:g}",
                       title="What each divergence sees as two Gaussians slide apart")


def sliding_uniforms(shifts, background=0.01, cells=1000):
    """{name: values (S,)} between U[0, 1] and U[s, s + 1], for shifts s in [0, 2] that are multiples of 1 / cells.

    KL is infinite for every s > 0, so it is given against a mixture with a background of this weight on [0, 3].
    """
    dx = 1 / cells
    density = lambda s: np.pad(np.ones(cells), (round(s * cells), round((2 - s) * cells)))
    fixed, spread = density(0), (np.arange(cells) + 0.5) / cells
    moved = [density(s) for s in shifts]
    return {f"KL, background {background:g}": np.array([dv.kl(fixed, (1 - background) * m + background / 3, dx=dx) for m in moved]),
            "JS": np.array([dv.js(fixed, m, dx=dx) for m in moved]),
            "total variation": np.array([dv.total_variation(fixed, m, dx=dx) for m in moved]),
            "W1": np.array([dv.wasserstein_1d(spread, spread + s) for s in shifts])}


def uniforms_figure(shifts):
    """The curves of `sliding_uniforms` in one panel."""
    return line_panels(shifts, {"divergence": sliding_uniforms(shifts)}, xlabel="shift s of U[s, s + 1] against U[0, 1]",
                       title="Two uniforms: KL without a background is infinite for every s > 0")


def table(shifts, values, floors):
    """Every sixth shift as a row of text, and the floors below."""
    lines = ["shift  " + "".join(f"{name:>12}" for name in values)]
    lines += [f"{shifts[i]:5.2f}  " + "".join(f"{values[name][i]:12.5f}" for name in values) for i in range(0, len(shifts), 6)]
    lines += [f"noise floor of {name}: {floor}" for name, floor in floors.items()]
    return "\n".join(lines)
