"""Every operation and every training step through the real CuPy, on a GPU with nothing in it.

    python tests/hollow_gpu.py            needs the CuPy wheel, nvidia-cuda-nvrtc and a C compiler, no GPU

The real CuPy checks every argument, type, shape and memory order, generates every kernel, and its compiler compiles each for a real
GPU (sm_90); only the launch does nothing, so the values mean nothing. Prints what fails, and for each family of models the kernels
started by a training step, the reads from the device (none), and what the step costs the host.
"""
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
import types
from pathlib import Path

HERE = Path(__file__).parent
products = 0


def install(folder):
    """Import CuPy on the hollow GPU. `folder` holds what is compiled. Returns `counts` of hollow_gpu.c."""
    os.environ.update(CUPY_ACCELERATORS="", CUPY_CACHE_DIR=folder)                     # CUB brings compiled launches of its own
    library = Path(folder) / "hollow_gpu_functions.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", f"-I{sysconfig.get_paths()['include']}", str(HERE / "hollow_gpu.c"),
                    "-o", str(library)], check=True)
    spec = importlib.util.spec_from_file_location("hollow_gpu_functions", library)
    functions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(functions)
    import cupy_backends.cuda.api.runtime as runtime
    functions.install("runtime", runtime.__pyx_capi__)
    import cupy_backends.cuda.api.driver as driver
    functions.install("driver", driver.__pyx_capi__)
    # What is called by its name in Python, too.
    runtime.getDevice, runtime.getDeviceCount, runtime.streamIsCapturing = lambda: 0, lambda: 1, lambda stream: False
    runtime.eventCreateWithFlags, runtime.eventRecord, runtime.deviceGetAttribute = lambda flags: 7, lambda event, stream: None, lambda which, device: 1
    cublas = types.ModuleType("cupy_backends.cuda.libs.cublas")
    names = {"create": lambda: 7, "destroy": lambda handle: None, "setStream": lambda handle, stream: None, "CUBLASError": RuntimeError}
    names |= dict.fromkeys(("gemmEx", "gemmStridedBatchedEx", "sgemmBatched", "dgemmBatched"), product)
    names |= {name: i for i, name in enumerate("""CUBLAS_COMPUTE_32F CUBLAS_COMPUTE_32F_PEDANTIC CUBLAS_COMPUTE_32F_FAST_TF32 CUBLAS_COMPUTE_64F
        CUBLAS_COMPUTE_64F_PEDANTIC CUBLAS_COMPUTE_32I CUBLAS_GEMM_DEFAULT CUBLAS_GEMM_DEFAULT_TENSOR_OP""".split())}
    vars(cublas).update(names)
    import cupy_backends.cuda.libs
    sys.modules[cublas.__name__] = cupy_backends.cuda.libs.cublas = cublas
    import cupy  # noqa: F401
    return functions.counts


def product(*args):
    """A matrix product that is not computed."""
    global products
    products += 1


def operations():
    """Each operation of the table, to second order: shapes and types as on the CPU. Yields (name, error or None)."""
    from hypothesis import HealthCheck, Phase, given, settings, strategies as st

    import numpy as np
    import tinygen as tg
    from op_cases import CASES
    from test_device_ops import ON_DEVICE
    from tinygen import backend

    def check(case, arrays, keywords, dtype):
        arrays = [np.asarray(a, dtype) for a in arrays]
        xs = [tg.tensor(backend.to(a, "cuda"), requires_grad=True) for a in arrays]
        y = case.op(*xs, **{k: backend.to(v, "cuda") if k in ON_DEVICE else v for k, v in keywords.items()})
        expected = case.op(*map(tg.tensor, arrays), **keywords)
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype), (y.shape, y.dtype, expected.shape, expected.dtype)
        first = tg.grad(y, xs, grad_output=tg.tensor(np.ones(y.shape, dtype)).to("cuda"), create_graph=case.order > 1)
        total = sum(((g * g).sum() for g in first[1:]), (first[0] * first[0]).sum())
        gradients = first + (tg.grad(total, xs) if total.requires_grad else [])
        assert all((g.shape, g.dtype) == (x.shape, x.dtype) for g, x in zip(gradients, xs + xs))
        tg.grad(y, xs, grad_output=tg.tensor(np.ones(y.shape, dtype)).to("cuda"))

    for case in CASES:
        @settings(max_examples=8, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(st.data(), st.sampled_from([np.float32, np.float64]))
        def run(data, dtype):
            check(case, *data.draw(case.inputs), dtype)
        try:
            run()
            yield case.name, None
        except Exception as error:
            yield case.name, error


def layers_and_families(counts):
    """Each layer and each training step. Yields (name, error or None, numbers of the step)."""
    import tinygen as tg
    from test_device_ops import LAYERS, OPTIMIZERS, layer_on, net
    from tinygen import optim
    from training_steps import FAMILIES
    for name, (make, shape) in LAYERS.items():
        yield name, _error(lambda: layer_on("cuda", make, shape)), ""
    for name, make in OPTIMIZERS.items():
        def step():
            model = net().to("cuda")
            make(model.parameters()).minimize((model(tg.tensor(tg.standard_normal((5, 2, 4, 4)))
                                                     .to("cuda")) ** 2).sum())
        yield name, _error(step), ""
    for name, build in FAMILIES.items():
        def steps():
            global products
            tg.manual_seed(0)                                       # from here on with CuPy's own generator
            _, step = build("cuda", lambda parameters: optim.Adam(parameters, 1e-3))
            for _ in range(3):
                step()
            counts()
            products = 0
            step()
            found, seconds = {**counts(), "products": products}, []
            for _ in range(8):
                start = time.process_time()
                step()
                seconds.append(time.process_time() - start)
            assert not found["reads"], found
            return f"{found['launches']:5} kernels {found['products']:4} products {found['uploads']:3} uploads {1e3 * min(seconds):7.2f} ms of the host"
        result = []
        yield name, _error(lambda: result.append(steps())), "".join(result)


def _error(work):
    try:
        work()
    except Exception as error:
        return error


def main():
    """Run everything; the exit code says whether all went well."""
    folder = tempfile.TemporaryDirectory(prefix="hollow-gpu-")
    counts = install(folder.name)
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    failed = 0
    for name, error, *rest in [*operations(), *layers_and_families(counts)]:
        failed += error is not None
        if error is not None:
            print(f"FAILED {name}: {type(error).__name__}: {error}")
            traceback.print_exception(error)
        elif rest and rest[0]:
            print(f"{name:34} {rest[0]}")
    print(f"{failed} failed")
    sys.stdout.flush()
    folder.cleanup()
    os._exit(bool(failed))                  # CuPy's farewell to a GPU that is not there would fail


if __name__ == "__main__":
    main()
