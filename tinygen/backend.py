"""Arrays, devices, randomness and threads: everything tinygen asks of the machine, in one place.

The type of an array is its device: `xp(a)` gives the module (NumPy or CuPy) that computes with it, `to` moves it, `host`
is the only way back. This is the only file that imports CuPy and the only one that touches the threads of the BLAS.

Settings of the process, made once, here, before NumPy loads (TINYGEN_SETTINGS=0 leaves the process as it is):

* OPENBLAS_CORETYPE=SkylakeX on AMD machines with AVX-512, for versions of OpenBLAS that would pick 256-bit kernels there. It only
  helps when tinygen is imported before NumPy, and never overrides a value of the user's. Measured: sgemm 490 GFLOP/s against 270.
* OPENBLAS_THREAD_TIMEOUT=20 lets OpenBLAS's idle threads sleep after 2**20 ticks (0.4 ms) instead of 2**26: until then they
  spin, and take a core from tinygen's own threads. Measured: convolutions that follow a linear layer run 1.9 times as fast.
  Where NumPy is loaded already, OpenBLAS is made to read it again. Measured: the steps of the CIFAR VAE and the DCGAN, 1.5 times.
* glibc's allocator keeps freed blocks instead of returning them to the system, because the first touch of fresh pages
  costs as much as the arithmetic done on them. Measured: 1.8 times on the training step of a small VAE.
"""
import contextlib
import ctypes
import glob
import os
import queue
import sys
import threading


def _prepare_process():
    """Make the settings described above; on any other platform, or when told not to, do nothing."""
    if os.environ.get("TINYGEN_SETTINGS") == "0" or not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo") as cpuinfo:
            first_cpu = cpuinfo.read(8192).split("\n\n")[0]
        if "AuthenticAMD" in first_cpu and {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(first_cpu.split()):
            os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    global _sleep_sooner
    _sleep_sooner = "OPENBLAS_THREAD_TIMEOUT" not in os.environ
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, 2 ** 31 - 1)


_numpy_came_first, _sleep_sooner = "numpy" in sys.modules, False
_prepare_process()

import numpy as np  # noqa: E402  (after the settings, which NumPy reads as it loads)

# ---- arrays and devices ----------------------------------------------------------------------------------------------


def xp(*arrays):
    """The array module of `arrays`: that of the first array, numpy where there is none. Plain numbers belong to either."""
    for a in arrays:
        if type(a) is np.ndarray:
            return np
        if type(a).__module__.startswith("cupy"):
            return sys.modules["cupy"]
    return np


def is_array(a):
    """Whether `a` is an array of numbers on some device (a NumPy scalar counts, a Tensor or a list does not)."""
    return isinstance(a, (np.ndarray, np.generic)) or type(a).__module__.startswith("cupy")


def device_of(a):
    """"cpu" or "cuda", for an array or a Tensor."""
    return "cpu" if getattr(a, "device", "cpu") == "cpu" else "cuda"


def module_of(device):
    """numpy for "cpu", cupy for "cuda"; a clear error where the device is unknown or cannot be had."""
    if device == "cpu":
        return np
    if device != "cuda":
        raise ValueError(f'unknown device {device!r}: the devices are "cpu" and "cuda"')
    try:
        import cupy
    except ImportError:
        raise ValueError('device "cuda" needs CuPy, which is not installed: pip install ".[cuda]" in the folder of tinygen, '
                         'or use device "cpu"') from None
    if not cupy.cuda.is_available():
        raise ValueError(f'device "cuda": CuPy is installed but finds no GPU or driver ({_no_gpu(cupy)}); if the driver is older than '
                         'CUDA 13, pip uninstall cupy-cuda13x, then pip install ".[cuda12]" in the folder of tinygen; or use device "cpu"')
    return cupy


def _no_gpu(cupy):
    """What CUDA says when it is asked for GPUs; cupy.cuda.is_available() keeps that to itself."""
    try:
        return f"it counts {cupy.cuda.runtime.getDeviceCount()} of them"
    except Exception as error:                              # of CUDA, or of a library that is not there
        return " ".join(str(error).split()) or type(error).__name__


def to(a, device):
    """The array `a` on `device` ("cpu" or "cuda"), in the same memory order; `a` itself if it is there already."""
    module = module_of(device)
    if module is np:
        return host(a)
    if isinstance(a, module.ndarray):
        return a
    try:
        return _in_order(module.asarray, np.asarray(a))
    except MemoryError as error:
        raise MemoryError(f"to: no room on the GPU for an array {np.shape(a)}: {error}; move less at a time, or use a smaller batch size") from error


def host(a):
    """`a` as a NumPy array: the one way from a device to plots, SciPy, files and prints (it waits for the device)."""
    return _in_order(lambda a: a.get(), a) if type(a).__module__.startswith("cupy") else np.asarray(a)


def _in_order(move, a):
    """move(a), which makes a C-contiguous array, without changing the memory order of one that has no gaps (weights, images)."""
    if a.ndim < 2 or a.flags.c_contiguous:
        return move(a)
    order = sorted(range(a.ndim), key=lambda axis: -a.strides[axis])
    return move(a.transpose(order)).transpose([order.index(axis) for axis in range(a.ndim)])


def allow_tf32(allowed=True):
    """Whether float32 matrix products on a GPU may take the TF32 units: 10 bits of mantissa in the factors, 24 in the sums.

    Off at first: gradient checks and comparisons with the CPU need float32. CUPY_TF32=1 in the environment does the same from the start.
    """
    as_usual, tf32 = 1, 7                                       # CuPy's COMPUTE_TYPE_DEFAULT and COMPUTE_TYPE_TF32
    module_of("cuda")._core.set_compute_type(np.float32, tf32 if allowed else as_usual)


# ---- randomness: one seed, one generator a device ----------------------------------------------------------------------

_seed = 0
_generators = {}


def manual_seed(seed):
    """Seed every draw of tinygen. `seed` is an integer or a tuple of integers, such as (seed, epoch)."""
    global _seed
    parts = seed if isinstance(seed, (tuple, list)) else (seed,)
    if not all(isinstance(s, (int, np.integer)) and not isinstance(s, bool) and s >= 0 for s in parts):
        raise ValueError(f"manual_seed: {seed!r} is not a non-negative integer or a tuple of them")
    _seed = [int(s) for s in parts]
    _generators.clear()


def generator(device="cpu"):
    """The random generator of a device. On the CPU, a numpy.random.Generator, also used to shuffle and initialise."""
    if device not in _generators:
        if device == "cpu":
            _generators[device] = np.random.default_rng(_seed)
        else:
            # CuPy's generator takes one integer; the host's SeedSequence mixes the parts into it.
            mixed = int(np.random.SeedSequence(_seed).generate_state(1, np.uint64)[0])
            _generators[device] = module_of(device).random.default_rng(mixed)
    return _generators[device]


def rng_state():
    """The state of the host's generator, as a dictionary that JSON can hold."""
    return generator().bit_generator.state


def set_rng_state(state):
    """Continue exactly where `rng_state()` was taken. A GPU's generator has no public state: seed it anew each epoch."""
    generator().bit_generator.state = state


_default_like = np.empty(0, np.float32)


def _check_like(function, shape, like):
    if not hasattr(like, "dtype"):
        raise TypeError(f"{function}: like is a {type(like).__name__}, not an array or a Tensor; a shape of several axes is one tuple: "
                        f"{function}(({shape}, {like}))")


def standard_normal(shape, like=_default_like):
    """An array of independent N(0, 1) draws with the dtype and device of `like` (an array or a Tensor)."""
    _check_like("standard_normal", shape, like)
    return generator(device_of(like)).standard_normal(shape, dtype=like.dtype)


def uniform(shape, like=_default_like, low=0.0, high=1.0):
    """An array of independent U[low, high) draws with the dtype and device of `like` (an array or a Tensor)."""
    _check_like("uniform", shape, like)
    low, high = float(low), float(high)
    return low + (high - low) * generator(device_of(like)).random(shape, dtype=like.dtype)


# ---- threads -----------------------------------------------------------------------------------------------------------
# NumPy releases Python's lock inside copies, ufuncs and matmul, so a few Python threads, each with a part of the batch
# and a single-threaded BLAS, keep all cores busy through a whole convolution, copies included. A BLAS left to its own
# threads would only speed up the matrix product.


def _load_blas():
    """The OpenBLAS that NumPy carries, and the names of its functions; (None, "", "") where it is another BLAS."""
    folder = os.path.dirname(np.__file__)
    for pattern in ("../numpy.libs/*openblas*", ".dylibs/*openblas*", ".libs/*openblas*"):
        for path in glob.glob(os.path.join(glob.escape(folder), pattern)):
            with contextlib.suppress(OSError):
                library = ctypes.CDLL(path)
                for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
                    if hasattr(library, f"{prefix}openblas_set_num_threads{suffix}"):
                        return library, prefix, suffix
    return None, "", ""


def _blas_function(name, result=None):
    if _blas is None:
        return None
    function = getattr(_blas, f"{_prefix}{name}{_suffix}")
    function.restype = result
    return function


_blas, _prefix, _suffix = _load_blas()
if (_numpy_came_first and _sleep_sooner and threading.active_count() == 1
        and hasattr(_blas, "blas_thread_shutdown_") and hasattr(_blas, "openblas_read_env")):
    _blas.blas_thread_shutdown_()           # they start again with the next product, and wait as long as is written now
    _blas.openblas_read_env()
_set_blas_threads = _blas_function("openblas_set_num_threads")


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads = 1
_inboxes = []                               # a queue for each of tinygen's own threads
_worker = threading.local()


def set_threads(n):
    """Use `n` threads, here and in the BLAS. The start value is TINYGEN_THREADS, else the number of cores."""
    global _threads
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ValueError(f"set_threads: {n!r} is not a positive integer")
    while len(_inboxes) >= n:
        _inboxes.pop().put(None)
    _threads = int(n)
    if _set_blas_threads:
        _set_blas_threads(_threads)


def get_threads():
    """The number of threads in use."""
    return _threads


def _threads_from_environment():
    value = os.environ.get("TINYGEN_THREADS", "").strip()
    if not value:
        return _cores()
    if not value.isdigit() or int(value) < 1:
        raise ValueError(f"TINYGEN_THREADS={value!r} is not a positive integer")
    return int(value)


set_threads(_threads_from_environment())


def _serve(inbox):
    """What a thread does all its life: take (work, part, index, outbox) from its inbox, and put (index, result, error) into the outbox."""
    _worker.inside = True
    while (job := inbox.get()) is not None:
        work, part, index, outbox = job
        try:
            answer = index, work(part), None
        except BaseException as error:
            answer = index, None, error
        outbox.put(answer)
        del job, work, part, outbox, answer             # or arrays would live until the next job


def parallel(work, n, blas=True):
    """[work(slice), ...] over equal parts of range(n), one part a thread, the BLAS at one thread meanwhile.

    The parts depend on `n` and the number of threads alone, so results are the same from run to run. A call from inside
    `work` runs in place. Where the BLAS cannot be switched, work that needs it (`blas=True`) stays in one piece.
    """
    parts = min(_threads, n)
    if parts <= 1 or getattr(_worker, "inside", False) or (blas and _set_blas_threads is None):
        return [work(slice(0, n))]
    while len(_inboxes) < parts - 1:
        inbox = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(inbox,), name=f"tinygen_{len(_inboxes) + 1}", daemon=True).start()
        _inboxes.append(inbox)                                       # last: an inbox that nobody serves would be waited for
    edges, outbox, results, failed = [n * i // parts for i in range(parts + 1)], queue.SimpleQueue(), [None] * parts, None
    if blas:
        _set_blas_threads(1)
    _worker.inside = True
    try:
        for i, inbox in zip(range(1, parts), _inboxes):
            inbox.put((work, slice(edges[i], edges[i + 1]), i, outbox))
        try:
            results[0] = work(slice(0, edges[1]))
        finally:
            for _ in range(1, parts):                                # wait for all, whatever happened
                i, results[i], error = outbox.get()
                failed = failed or error
        if failed:
            raise failed
        return results
    finally:
        _worker.inside = False
        if blas:
            _set_blas_threads(_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inboxes.clear)               # a forked process has none of the threads


_scratch = threading.local()


def scratch(size, dtype, name):
    """A flat buffer of `size` elements, one a thread, dtype and name, used again by the next call: nothing may keep it."""
    buffers = _scratch.__dict__.setdefault("buffers", {})
    key = (np.dtype(dtype), name)
    buffer = buffers.get(key)
    if buffer is None or buffer.size < size:
        buffer = buffers[key] = np.empty(size, dtype)
    return buffer[:size]


def machine(device="cpu"):
    """What the results of a run may depend on: versions, platform, threads, the kind of core the BLAS was built for, and on "cuda"
    the version of CuPy and the name of the GPU."""
    corename = _blas_function("openblas_get_corename", ctypes.c_char_p)
    facts = {"python": sys.version.split()[0], "numpy": np.__version__, "platform": sys.platform, "threads": _threads,
             "blas_core": corename().decode() if corename else "unknown"}
    if device == "cuda":
        cupy = module_of(device)
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
        facts |= {"cupy": cupy.__version__, "gpu": properties["name"].decode()}
    return facts
