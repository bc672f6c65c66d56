"""Has it collapsed? A monitor of adversarial training that answers in text while the run is on.

Losses do not answer: a collapsed generator and a perfect one can have the same. What does answer is looked at here every few
hundred steps: how far samples lie from each other, which modes or classes they cover, what the discriminator thinks of both sides
and how large the gradients are.

    monitor = CollapseMonitor(real_images, classify=judge.predict)
    ...
    monitor.read(step, samples, real_logits=d(x), fake_logits=d(g(z)), gradients={"G": 0.02, "D": 0.3})
    print(monitor.line())
    for alarm in monitor.alarms:
        print("ALARM:", alarm)
"""
import json
import math

import numpy as np

from .checks import as_array
from .modes import class_abundance, mode_coverage
from .neighbours import mean_pairwise_distance

SPREAD = 0.5        # mean pairwise distance below this share of the real one: nearly all alike (one class of MNIST alone has .64 to .98)
COVERAGE = 0.5      # fewer than this share of the modes, or of the effective classes of the real data
LOST = 0.7          # coverage below this share of the best it has been
CERTAIN = 0.005     # D(G(z)) below this: the discriminator tells every sample, a saturating generator learns nothing
VANISHED = 1e-7     # gradient norms below this move nothing
EXPLODED = 100.0    # gradient norms above this many times the median so far


class CollapseMonitor:
    """Measures samples against `real` (N, ...) at every `read`; `history` keeps the readings, `alarms` what is wrong now.

    centres, sigma:  of a 2-D mixture; then modes are counted (`mode_coverage`).
    classify:        images -> integer labels; then classes are counted (`class_abundance`, against those of the real images).
    critic:          the discriminator's outputs are scores (Wasserstein), not logits: they are shown as they are and raise no alarm.
    warmup:          readings before which only non-finite numbers raise an alarm: an untrained generator looks collapsed.
    patience:        consecutive readings that must agree before an alarm is raised.
    """

    def __init__(self, real, *, centres=None, sigma=None, classify=None, classes=10, critic=False, warmup=3, patience=3):
        if (centres is None) != (sigma is None):
            raise ValueError("CollapseMonitor: centres and sigma describe one mixture; give both or neither")
        if patience < 1 or warmup < 0:
            raise ValueError(f"CollapseMonitor: patience = {patience} must be at least 1 and warmup = {warmup} not negative")
        self.centres, self.sigma, self.classify, self.classes = centres, sigma, classify, classes
        self.critic, self.warmup, self.patience = critic, warmup, patience
        real = as_array(real)
        self.real_spread = _spread(real)
        if not self.real_spread > 0:
            raise ValueError(f"CollapseMonitor: real {real.shape} are all the same sample; there is no spread to compare with")
        self.real_entropy = class_abundance(classify(real), classes).entropy if classify else None
        self.history, self.alarms, self._streaks = [], [], {}

    def read(self, step, samples, *, real_logits=None, fake_logits=None, gradients=None):
        """Measure generated samples (N, ...); returns the reading, a dict of plain numbers, and updates `history` and `alarms`.

        real_logits, fake_logits: the discriminator's outputs on real and generated samples, any shape.
        gradients: {"name of a network": norm of its gradient}.
        """
        samples = as_array(samples)
        reading = {"step": int(step), "finite": bool(np.isfinite(samples).all())}
        if reading["finite"]:
            reading["spread"] = _spread(samples) / self.real_spread
            if self.centres is not None:
                coverage = mode_coverage(samples, self.centres, self.sigma)
                reading |= dict(modes=coverage.hit, near=coverage.quality)
            if self.classify:
                abundance = class_abundance(self.classify(samples), self.classes)
                reading |= dict(classes=self.classes - len(abundance.missing), entropy=abundance.entropy,
                                total_variation=abundance.total_variation, histogram=abundance.shares.tolist())
        for name, logits in (("d_real", real_logits), ("d_fake", fake_logits)):
            if logits is not None:
                logits = as_array(logits).astype(np.float64)
                reading[name] = float(logits.mean() if self.critic else (0.5 + 0.5 * np.tanh(logits / 2)).mean())
        reading |= {f"gradient_{name}": float(norm) for name, norm in (gradients or {}).items()}
        self.history.append(reading)
        self.alarms = self._sustained(self._complaints(reading))
        return reading

    def line(self):
        """The last reading as one line of text."""
        r = self.history[-1]
        parts = [f"step {r['step']:,}"]
        if not r["finite"]:
            parts.append("samples NOT FINITE")
        if "modes" in r:
            parts.append(f"modes {r['modes']}/{len(self.centres)}, {r['near']:.0%} near one")
        if "classes" in r:
            parts.append(f"classes {r['classes']}/{self.classes} {_bars(r['histogram'])} entropy {r['entropy']:.2f}/{self.real_entropy:.2f}")
        if "spread" in r:
            parts.append(f"spread {r['spread']:.2f} of real")
        letter = "C" if self.critic else "D"
        parts += [f"{letter}({what}) {r[key]:.3f}" for key, what in (("d_real", "x"), ("d_fake", "G(z)")) if key in r]
        parts += [f"|grad {key.removeprefix('gradient_')}| {value:.2g}" for key, value in r.items() if key.startswith("gradient_")]
        return " | ".join(parts)

    def state_dict(self):
        """History and streaks for a checkpoint, which holds arrays: the bytes of one JSON text."""
        text = json.dumps({"history": self.history, "streaks": self._streaks, "alarms": self.alarms})
        return {"readings": np.frombuffer(text.encode(), np.uint8)}

    def load_state_dict(self, state):
        """Continue from what `state_dict` gave."""
        state = json.loads(as_array(state["readings"]).tobytes())
        self.history, self._streaks, self.alarms = state["history"], state["streaks"], state["alarms"]

    def _complaints(self, r):
        """{kind: message} of what this one reading shows, whether or not it lasts."""
        if not r["finite"]:
            return {"finite": "samples hold NaN or infinity"}
        found = {}
        if not all(math.isfinite(r.get(key, 0.0)) for key in ("d_real", "d_fake")):
            found["finite"] = f"the {'critic' if self.critic else 'discriminator'}'s outputs are not finite"
        if r["spread"] < SPREAD:
            found["spread"] = f"samples are nearly all alike: mean pairwise distance {r['spread']:.2f} of the real one"
        for key, value, whole, what in self._coverages(r):
            best = max(v for past in self.history for k, v, *_ in self._coverages(past) if k == key)
            if value == 0:
                found[key] = f"no sample is near any of the {whole} modes"
            elif value < COVERAGE * whole:
                found[key] = f"mode collapse: {value:.3g} of {whole:.3g} {what}"
            elif value < LOST * best:
                found[key] = f"{what} are being lost: {value:.3g}, down from {best:.3g}"
        if not self.critic and r.get("d_fake", 1.0) < CERTAIN:
            found["certain"] = f"the discriminator has won: D(G(z)) = {r['d_fake']:.2g}; lower its rate, or use a loss that does not saturate"
        for name, norm in r.items():
            if name.startswith("gradient_"):
                found |= self._gradient_complaint(name, norm)
        return found

    def _coverages(self, r):
        """(kind, covered, out of, words) for modes and classes; classes count by exp(entropy), so a few strays are not a class."""
        if "modes" in r:
            yield "modes", r["modes"], len(self.centres), "modes"
        if "entropy" in r:
            yield "classes", math.exp(r["entropy"]), math.exp(self.real_entropy), "effective classes"

    def _gradient_complaint(self, name, norm):
        network = name.removeprefix("gradient_")
        past = [r[name] for r in self.history if math.isfinite(r.get(name, math.nan))]
        if not math.isfinite(norm):
            return {"finite": f"the gradient of {network} is not finite"}
        if norm < VANISHED:
            return {name: f"the gradient of {network} has vanished: norm {norm:.2g}"}
        if norm > EXPLODED * float(np.median(past)):
            return {name: f"the gradient of {network} has exploded: norm {norm:.2g}, median so far {np.median(past):.2g}"}
        return {}

    def _sustained(self, complaints):
        """Messages that have lasted `patience` readings after the warm-up; what is not finite never gets better, so it counts at once."""
        past_warmup = len(self.history) > self.warmup
        self._streaks = {kind: self._streaks.get(kind, 0) + past_warmup for kind in complaints}
        return [message for kind, message in complaints.items() if kind == "finite" or self._streaks[kind] >= self.patience]


def _spread(samples):
    return mean_pairwise_distance(samples.reshape(len(samples), -1), limit=512)


def _bars(shares):
    """A histogram in one character a class; the full bar is twice the uniform share."""
    return "".join(" ▁▂▃▄▅▆▇█"[min(8, math.ceil(4 * share * len(shares)))] for share in shares)
