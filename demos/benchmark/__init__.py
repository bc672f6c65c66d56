"""Speed: whole training steps against PyTorch in the same run, and the parts

The frameworks, tinygen and PyTorch (where it can be imported), take turns, each with its default settings, and the ratio of
the median times of a step is printed, with what share of this machine's own sgemm rate (4096 x 4096 float32, the same process
and threads, best of five) the step reaches. On a GPU both compute in float32, or both with TF32 (--tf32); PyTorch alone would take
TF32 for its convolutions. Run it on an otherwise idle machine: ratios suffer from neighbours too.
"""
import statistics
import time

from .frameworks import geometric_mean, peers
from .kernels import convolutions, engine_cost, gflop_of, sgemm_rate
from .memory import measure_apart
from .networks import NETWORKS, PENALIZED

TURN, PAUSE = 8, 0.2      # steps of one framework in a row; seconds before them


def main(*, networks="all", steps=20, kernels=True, memory=False, device="cpu", tf32=False):
    """Time the training steps of the sheets' networks and print the tables.

    networks: "all", or a part of a network's name: vae, gan, critic, ...
    steps: timed steps a network and framework
    kernels: also time the convolution kernels and the engine
    memory: also measure the peak memory of each step, each in a process of its own: the process's own (Linux), or on a GPU the GPU's
    tf32: on a GPU, let both frameworks take the TF32 units, which keep 10 bits of the factors' mantissas
    """
    import tinygen as tg
    tg.backend.module_of(device)                            # an unknown device, or one that cannot be had, ends it here
    if tf32 and device != "cuda":
        raise ValueError(f'benchmark: --tf32 is for device "cuda"; on {device!r} everything is float32')
    frameworks, left_out = peers(device, tf32)
    rate = sgemm_rate() if device == "cpu" else None
    facts = tg.backend.machine(device)
    print(f"{facts['threads']} threads, NumPy {facts['numpy']}, BLAS core {facts['blas_core']}"
          + (f", sgemm {rate:.0f} GFLOP/s" if rate else f", device {device}: {facts['gpu']}, CuPy {facts['cupy']}, "
             + ("float32 with TF32 products and convolutions" if tf32 else "float32, no TF32"))
          + (f"; {left_out}, so there are no ratios" if left_out else ""))
    chosen = {name: build for name, build in NETWORKS.items() if networks == "all" or networks.lower() in name.lower()}
    if not chosen:
        raise ValueError(f"benchmark: no network's name contains {networks!r}; the networks are {', '.join(NETWORKS)}")
    ratios = _print_steps(chosen, frameworks, steps, rate)
    if networks == "all":
        _print_penalties(frameworks, steps)
    if memory:
        _print_memory(chosen, frameworks, device, tf32)
    if kernels and device == "cpu":
        _print_kernels(rate)
    return ratios


def time_in_turns(steps_of, frameworks, steps):
    """Median seconds of each framework's step, the frameworks taking turns of TURN steps.

    After a turn the other's idle threads keep spinning for a while (PyTorch's OpenMP threads for tens of milliseconds), which no
    training loop would meet. So a turn starts with a pause and one untimed step.
    """
    times = [[] for _ in frameworks]
    for _ in range(-(-steps // TURN)):
        for step, f, collected in zip(steps_of, frameworks, times):
            time.sleep(PAUSE)
            for i in range(1 + TURN):
                start = time.perf_counter()
                step()
                f.wait()
                if i:
                    collected.append(time.perf_counter() - start)
    return [statistics.median(t) for t in times]


def _print_steps(chosen, frameworks, steps, rate):
    print(f"\n{'training step':24}" + "".join(f"{f.name + ' ms':>14}" for f in frameworks) + f"{'ratio':>8}"
          + (f"{'GFLOP/s':>9}{'of sgemm':>10}" if rate else ""))
    ratios = {}
    for name, build in chosen.items():
        steps_of = [build(f) for f in frameworks]
        medians = time_in_turns(steps_of, frameworks, steps)
        line = f"{name:24}" + "".join(f"{1e3 * t:14.2f}" for t in medians)
        if len(medians) > 1:
            ratios[name] = medians[0] / medians[1]
            line += f"{ratios[name]:8.2f}"
        if rate:
            speed = gflop_of(steps_of[0]) / medians[0]
            line += f"{speed:{9 if len(medians) > 1 else 17}.0f}{speed / rate:10.0%}"
        print(line, flush=True)
    if len(ratios) > 1:
        print(f"{'geometric mean':24}{geometric_mean(ratios.values()):{14 * len(frameworks) + 8}.2f}")
    return ratios


def _print_penalties(frameworks, steps):
    print("\ncritic step with the gradient penalty / without it" + "".join(f"{f.name:>12}" for f in frameworks))
    for name, build in PENALIZED.items():
        with_it = time_in_turns([build(f) for f in frameworks], frameworks, steps)
        without = time_in_turns([build(f, penalized=False) for f in frameworks], frameworks, steps)
        print(f"{name:50}" + "".join(f"{a / b:12.2f}" for a, b in zip(with_it, without)), flush=True)


def _print_memory(chosen, frameworks, device, tf32):
    heading = "peak memory of a step" if device == "cpu" else "device memory of a step"
    print(f"\n{heading:24}" + "".join(f"{f.name + ' MB':>14}" for f in frameworks))
    for name in chosen:
        peaks = [measure_apart(type(f).__name__, name, device, tf32) for f in frameworks]
        print(f"{name:24}" + "".join(f"{mb:14.0f}" for mb in peaks), flush=True)


def _print_kernels(rate):
    print(f"\n{'convolution, share of the sgemm rate':52}{'GFLOP':>7}{'forward':>9}{'input':>8}{'weight':>8}")
    for words, gflop, *shares in convolutions(rate):
        print(f"{words:52}{gflop:7.2f}{shares[0]:9.0%}{shares[1]:8.0%}{shares[2]:8.0%}", flush=True)
    by_hand, recorded = engine_cost()
    print(f"\nengine, a 120-op chain of 16 x 16 arrays: {recorded:.1f} us an op, NumPy by hand {by_hand:.1f}, "
          f"so {recorded - by_hand:.1f} for the recording and the walk")
