"""Threads, randomness and devices: results do not depend on how the work is shared out, a seed is a seed, errors come through."""
import os
import subprocess
import sys
import threading
from unittest import mock

import numpy as np
import pytest

import tinygen as tg
from tinygen import backend, nn


@pytest.fixture(autouse=True)
def threads_as_before():
    """Every test leaves the number of threads as it was."""
    before = tg.get_threads()
    yield
    tg.set_threads(before)


# ---- parallel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 100])
def test_every_part_is_done_once_and_in_order(threads, n):
    tg.set_threads(threads)
    parts = backend.parallel(lambda part: list(range(part.start, part.stop)), n)
    assert sum(parts, []) == list(range(n))
    assert len(parts) == max(1, min(threads, n))


def test_parts_run_on_threads_of_their_own():
    tg.set_threads(3)
    meet = threading.Barrier(3, timeout=10)                              # passes only if all three run at the same time
    names = backend.parallel(lambda part: meet.wait() is not None and threading.current_thread().name, 3)
    assert len(set(names)) == 3


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_of_any_thread_comes_through_and_the_blas_has_its_threads_back(failing):
    tg.set_threads(3)
    switched, done = [], []

    def work(part):
        if part.start == failing:
            raise KeyError(f"part {failing}")
        done.append(part.start)
    with mock.patch.object(backend, "_set_blas_threads", switched.append):
        with pytest.raises(KeyError, match=f"part {failing}"):
            backend.parallel(work, 3)
    assert switched == [1, 3] and len(done) == 2                        # the others were waited for
    assert backend.parallel(lambda part: part.start, 3) == [0, 1, 2]     # and the threads go on


def test_work_without_the_blas_leaves_the_blas_alone():
    tg.set_threads(2)
    switched = []
    with mock.patch.object(backend, "_set_blas_threads", switched.append):
        backend.parallel(lambda part: None, 2, blas=False)
    assert switched == []


def test_work_that_needs_the_blas_stays_whole_where_the_blas_cannot_be_switched():
    tg.set_threads(2)
    with mock.patch.object(backend, "_set_blas_threads", None):
        assert backend.parallel(lambda part: part, 4) == [slice(0, 4)]
        assert len(backend.parallel(lambda part: part, 4, blas=False)) == 2


def test_a_call_from_inside_runs_in_place():
    tg.set_threads(2)

    def work(part):
        inner = backend.parallel(lambda part: threading.current_thread().name, 4)
        return inner == [threading.current_thread().name]
    assert backend.parallel(work, 2) == [True, True]


def test_scratch_memory_is_used_again_and_belongs_to_one_thread():
    tg.set_threads(2)
    a = backend.scratch(100, np.float32, "test")
    assert np.shares_memory(a, backend.scratch(50, np.float32, "test")) and a.size == 100
    assert not np.shares_memory(a, backend.scratch(100, np.float32, "other"))
    assert not np.shares_memory(a, backend.scratch(100, np.float64, "test"))
    meet = threading.Barrier(2, timeout=10)
    buffers = backend.parallel(lambda part: (meet.wait(), backend.scratch(100, np.float32, "test"))[1], 2)
    assert not np.shares_memory(*buffers)


# ---- results and threads ---------------------------------------------------------------------------------------------


def train(threads):
    """Losses and weights of a few steps of a net large enough to be shared out, in float32."""
    tg.set_threads(threads)
    tg.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(3, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2), nn.Conv2d(16, 24, 3, 1, 1), nn.MaxPool2d(2), nn.ELU(),
                        nn.ConvTranspose2d(24, 8, 4, 2, 1), nn.Dropout(0.1), nn.Sigmoid(), nn.Flatten(), nn.Linear(8 * 256, 200), nn.Tanh(),
                        nn.Linear(200, 1))
    optimizer = tg.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        loss = tg.bce_with_logits(net(tg.tensor(tg.standard_normal((48, 3, 32, 32)))), 1.0).mean()
        losses.append(loss.item())
        optimizer.minimize(loss)
    return losses, net.state_dict()


def test_any_number_of_threads_gives_the_same_results_to_rounding_and_one_number_the_same_bits():
    first, weights = train(1)
    for threads in (2, 4):
        losses, state = train(threads)
        np.testing.assert_allclose(losses, first, rtol=1e-4)
        for name, value in state.items():
            # Adam's first steps are about lr * sign(gradient): rounding may turn the sign of a gradient that is nearly 0.
            assert abs(value - weights[name]).max() <= 4e-3 and abs(value - weights[name]).mean() < 1e-4
        again, state_again = train(threads)
        assert again == losses and all(np.array_equal(state[k], state_again[k]) for k in state)


# ---- the number of threads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, None])
def test_set_threads_takes_positive_integers(n):
    with pytest.raises(ValueError, match="set_threads: .* is not a positive integer"):
        tg.set_threads(n)
    assert tg.get_threads() >= 1


def fresh(code, **environment):
    """A fresh interpreter's result, in the environment that this one was given."""
    folder = os.path.dirname(os.path.dirname(tg.__file__))
    given = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    return subprocess.run([sys.executable, "-c", code], env={**given, "PYTHONPATH": folder, **environment}, capture_output=True, text=True)


def test_the_environment_sets_the_threads():
    code = "import tinygen; print(tinygen.get_threads())"
    assert fresh(code, TINYGEN_THREADS="3").stdout.strip() == "3"
    assert int(fresh(code, TINYGEN_THREADS="").stdout) == backend._cores()
    refused = fresh(code, TINYGEN_THREADS="many")
    assert refused.returncode and refused.stderr.strip().endswith("ValueError: TINYGEN_THREADS='many' is not a positive integer")


TIMEOUT = "tinygen.backend._blas.openblas_thread_timeout()"


@pytest.mark.skipif(not sys.platform.startswith("linux") or not hasattr(backend._blas, "openblas_thread_timeout"), reason="another BLAS or system")
@pytest.mark.parametrize("first", ["", "import numpy; a = numpy.ones((300, 300)); a @ a; "])
def test_idle_threads_of_the_blas_sleep_soon_whichever_came_first(first):
    code = f"{first}import tinygen, numpy as np; print({TIMEOUT}); a = np.ones((300, 300)); print((a @ a)[0, 0])"
    assert fresh(code, TINYGEN_THREADS="2").stdout.split() == ["20", "300.0"]
    assert fresh(code, OPENBLAS_THREAD_TIMEOUT="24").stdout.split() == ["24", "300.0"]          # the user has chosen
    assert fresh(code, TINYGEN_SETTINGS="0").stdout.split() == ["0", "300.0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_starts_threads_of_its_own():
    code = """
import os, numpy as np, tinygen
tinygen.set_threads(2)
meet = lambda: tinygen.backend.parallel(lambda part: part.start, 2)
assert meet() == [0, 1]
child = os.fork()
if child == 0:
    os._exit(meet() != [0, 1])
assert meet() == [0, 1]
print(os.waitpid(child, 0)[1])
"""
    assert fresh(code).stdout.strip() == "0"


def test_machine_says_what_results_depend_on():
    told = backend.machine()
    assert set(told) == {"python", "numpy", "platform", "threads", "blas_core"} and told["threads"] == tg.get_threads()


# ---- randomness ------------------------------------------------------------------------------------------------------


def test_a_seed_is_a_seed():
    def draws():
        return [tg.standard_normal((3,)).tolist(), tg.uniform((2,), low=-1, high=1).tolist(), backend.generator().integers(100)]
    tg.manual_seed(5)
    first = draws()
    tg.manual_seed(5)
    assert draws() == first
    tg.manual_seed(6)
    assert draws() != first


def test_a_seed_may_have_parts():
    tg.manual_seed((1, 2))
    first = tg.standard_normal((4,))
    tg.manual_seed((1, 3))
    assert not np.array_equal(first, tg.standard_normal((4,)))
    tg.manual_seed([1, np.int64(2)])
    assert np.array_equal(first, tg.standard_normal((4,)))


@pytest.mark.parametrize("seed", [-1, 1.5, "3", None, True, (1, -2), (1, 2.0)])
def test_a_seed_is_made_of_non_negative_integers(seed):
    with pytest.raises(ValueError, match="manual_seed: .* is not a non-negative integer or a tuple of them"):
        tg.manual_seed(seed)


def test_the_state_of_the_generator_goes_through_json():
    import json
    tg.standard_normal((10,))
    state = json.loads(json.dumps(backend.rng_state()))
    first = tg.standard_normal((5,))
    backend.set_rng_state(state)
    assert np.array_equal(first, tg.standard_normal((5,)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_have_the_type_of_what_they_are_for(dtype):
    like = tg.tensor(np.zeros(1, dtype))
    normal, uniform = tg.standard_normal((2000, 5), like=like), tg.uniform((2000, 5), like=like, low=2, high=4)
    assert normal.dtype == uniform.dtype == dtype
    assert abs(normal.mean()) < 0.05 and abs(normal.std() - 1) < 0.05
    assert uniform.min() >= 2 and uniform.max() < 4 and abs(uniform.mean() - 3) < 0.05


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_the_type_of_an_array_is_its_device():
    a = np.zeros(2)
    assert backend.xp(a) is np and backend.xp(1.0, a) is np and backend.xp(2.0) is np
    assert backend.device_of(a) == "cpu" and backend.device_of(tg.tensor(a)) == "cpu"
    assert backend.host(a) is a and backend.to(a, "cpu") is a
    assert backend.is_array(a) and backend.is_array(np.float32(1)) and not backend.is_array([1]) and not backend.is_array(tg.tensor(a))


def test_an_unknown_device_is_refused():
    for move in (lambda: tg.tensor([1.0]).to("tpu"), lambda: nn.Linear(1, 1).to("tpu"), lambda: tg.tensor([1.0], device="tpu")):
        with pytest.raises(ValueError, match='unknown device \'tpu\': the devices are "cpu" and "cuda"'):
            move()


def test_a_missing_cupy_is_named_with_its_remedy():
    with mock.patch.dict(sys.modules, {"cupy": None}):                  # as if it were not installed
        with pytest.raises(ValueError, match=r'device "cuda" needs CuPy, which is not installed: pip install "\.\[cuda\]"'):
            tg.tensor([1.0]).to("cuda")
