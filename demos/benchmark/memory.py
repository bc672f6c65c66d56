"""The peak memory of a training step, each network and framework in a process of its own, so that none finds memory another left behind.

On the CPU: how far the resident memory rises from before the network is built to its highest point in three steps. On a GPU: what the
framework took of the GPU's memory for the network and three steps (`device_memory` in frameworks.py). In units of 2**20 bytes.
"""
import json
import os
import subprocess
import sys

from . import frameworks, networks

PROGRAM = "import sys; from demos.benchmark.memory import measure; print(measure(*sys.argv[1:]))"


def measure(kind, network, device, tf32):
    """Peak megabytes of three steps of a network, here and now. kind: "Tinygen" or "PyTorch"; tf32: "True" or "False"."""
    f = getattr(frameworks, kind)(device, tf32 == "True")
    before = 0.0 if device == "cuda" else _resident("VmRSS")
    step = networks.NETWORKS[network](f)
    for _ in range(3):
        step()
    f.wait()
    return f.device_memory() / 2 ** 20 if device == "cuda" else _resident("VmHWM") - before


def _resident(key):
    """Resident megabytes of this process (Linux): VmRSS now, VmHWM at the highest."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024


def measure_apart(kind, network, device, tf32):
    """`measure` in a new process."""
    command = [sys.executable, "-c", PROGRAM, kind, network, device, str(tf32)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)
