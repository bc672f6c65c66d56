"""Moving to a GPU and back: values, memory order, random numbers, states and checkpoints; and what is said when it cannot be."""
import sys
import tomllib
import types
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import fakecupy
import tinygen as tg
from devices import use_stand_in
from tinygen import backend, nn, optim
from tinygen.training import Run, load_checkpoint, save_checkpoint

RNG = np.random.default_rng(0)


def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(36, 2))


def same(a, b, rtol=1e-4):
    """Two state dicts are equal within rounding."""
    assert a.keys() == b.keys()
    for key, value in a.items():
        np.testing.assert_allclose(b[key], value, rtol=rtol, atol=1e-6, err_msg=key)


# ---- arrays, tensors, modules ----------------------------------------------------------------------------------------------


def test_there_and_back(gpu):
    for a in (np.float32(RNG.random((2, 3))), RNG.random((4, 3, 2)), np.arange(5), np.array(2.0), RNG.random((2, 3)) > 0.5, np.uint8([1, 255])):
        moved = backend.to(a, gpu)
        assert backend.xp(moved) is sys.modules["cupy"] and backend.device_of(moved) == gpu and backend.is_array(moved)
        assert backend.to(moved, gpu) is moved and moved.dtype == a.dtype
        back = backend.host(moved)
        assert type(back) is np.ndarray and back.dtype == a.dtype and np.array_equal(back, a) and np.array_equal(backend.to(moved, "cpu"), a)
    t = tg.tensor([1.0, 2.0], device=gpu)
    assert t.device == gpu and t.numpy().tolist() == [1, 2] and t[1].item() == 2 and float(t.sum()) == 3 and "2." in repr(t)
    assert t.to("cpu").device == "cpu" and t.to(np.float64).dtype == np.float64 and t.to(np.float64).device == gpu


def test_the_order_of_memory_travels(gpu):
    """Weights of convolutions lie in the order their kernels multiply in, images channels last; a copy in another order would cost at every step."""
    a = np.ascontiguousarray(RNG.random((2, 4, 5, 3))).transpose(0, 3, 1, 2)
    for moved in (backend.to(a, gpu), backend.to(a.transpose(3, 0, 1, 2), gpu).transpose(1, 2, 3, 0)):
        assert moved.strides == a.strides and backend.host(moved).strides == a.strides and np.array_equal(backend.host(moved), a)
    layer = nn.Conv2d(3, 4, 3)
    strides = layer.weight.data.strides
    assert layer.to(gpu).weight.data.strides == strides
    assert nn.ExponentialMovingAverage(layer).average.weight.data.transpose(2, 3, 1, 0).shape == (3, 3, 3, 4)
    layer.load_state_dict(layer.state_dict())
    assert layer.weight.data.strides == strides and layer.to("cpu").weight.data.strides == strides


def test_the_same_seed_makes_the_same_network(gpu):
    tg.manual_seed(7)
    here = net()
    tg.manual_seed(7)
    there = net().to(gpu)
    assert {p.device for p in there.parameters()} == {gpu}
    for key, value in here.state_dict().items():
        assert np.array_equal(value, there.state_dict()[key])
    tg.manual_seed(7)
    nn.init.kaiming_normal_(there[0].weight)
    tg.manual_seed(7)
    nn.init.kaiming_normal_(here[0].weight)
    assert there[0].weight.device == gpu and np.array_equal(here[0].weight.numpy(), there[0].weight.numpy())


def test_random_numbers_of_a_gpu_come_from_the_seed(gpu):
    like = tg.tensor([0.0], device=gpu)

    def draws(seed):
        tg.manual_seed(seed)
        numbers = tg.standard_normal((1000,), like=like), tg.uniform((1000,), like=like, low=2, high=3)
        assert {backend.device_of(n) for n in numbers} == {gpu} and {n.dtype for n in numbers} == {np.dtype(np.float32)}
        return [backend.host(n) for n in numbers]
    normal, uniform = draws((3, 1))
    assert abs(normal.mean()) < 0.2 and abs(normal.std() - 1) < 0.1 and 2 <= uniform.min() and uniform.max() < 3
    assert np.array_equal(normal, draws((3, 1))[0]) and not np.array_equal(normal, draws((3, 2))[0])


# ---- states ----------------------------------------------------------------------------------------------------------------


def train(model, optimizer, average, device, steps, start=0):
    """A few steps on batches that do not depend on the device."""
    for step in range(start, start + steps):
        x = tg.tensor(np.random.default_rng(step).standard_normal((4, 3, 6, 6)).astype(np.float32)).to(device)
        optimizer.minimize((model(x) ** 2).sum())
        average.update()


def parts(device, make=lambda p: optim.Adam(p, 1e-3)):
    """A model, an optimizer and an average on a device."""
    tg.manual_seed(1)
    model = net().to(device)
    return {"model": model, "optimizer": make(model.parameters()), "average": nn.ExponentialMovingAverage(model)}


@pytest.mark.parametrize("there", [True, False])
def test_a_checkpoint_of_one_device_goes_on_on_the_other(gpu, tmp_path, there):
    before, after = ("cpu", gpu) if there else (gpu, "cpu")
    first = parts(before)
    train(*first.values(), before, 2)
    save_checkpoint(tmp_path / "checkpoint.npz", first, {})
    second = parts(after)
    load_checkpoint(tmp_path / "checkpoint.npz").restore(second)
    for name, part in second.items():
        for key, value in first[name].state_dict().items():
            assert np.array_equal(value, part.state_dict()[key])
    assert {p.device for p in second["average"].average.parameters()} == {after}
    train(*first.values(), before, 2, start=2)
    train(*second.values(), after, 2, start=2)
    for name in ("model", "average"):
        same(first[name].state_dict(), second[name].state_dict(), rtol=0.05)        # Adam's first steps: +-lr for any gradient


@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, 1e-3), lambda p: optim.SGD(p, 1e-3, momentum=0.9), lambda p: optim.RMSprop(p, 1e-4)])
def test_an_optimizer_follows_a_module_that_moves(gpu, make):
    moving, staying = parts("cpu", make), parts("cpu", make)
    train(*moving.values(), "cpu", 2)
    moving["model"].to(gpu)
    train(*moving.values(), gpu, 2, start=2)
    moving["model"].to("cpu")
    train(*moving.values(), "cpu", 1, start=4)
    train(*staying.values(), "cpu", 5)
    for name in ("optimizer", "model"):
        same({k: v for k, v in staying[name].state_dict().items() if k != "0.bias"}, {k: v for k, v in moving[name].state_dict().items() if k != "0.bias"},
             rtol=0.05)                                                              # the bias before a batch norm has no gradient but rounding


def test_a_run_reads_its_numbers_in_one_go(gpu, tmp_path, capsys):
    with Run(tmp_path / "run", {"device": gpu, "seed": 3}) as run:
        layer = nn.Linear(2, 1).to(gpu)
        run.keep(layer=layer)
        x = tg.tensor(RNG.random((5, 2), dtype=np.float32)).to(gpu)
        for _ in run.epochs(2):
            fakecupy.READS.clear()
            for step in range(4):
                run.update(5, loss=(layer(x) * 0.0 + float(step)).mean(), plain=step, array=x.data.sum())
            if hasattr(sys.modules["cupy"], "compute_types"):
                assert fakecupy.READS == []
        assert [row["loss"] for row in run.history] == [1.5, 1.5] and run.history[0]["plain"] == 1.5
        assert run.history[0]["array"] == pytest.approx(float(x.data.sum()))
        with pytest.raises(TypeError, match="Run: loss is not one number"):
            run.update(5, loss=x)
        run._unread.clear()
        for step in range(60):
            run.update(5, loss=x.data[0, 0] * 0, rate=x.data[0, 0] * 0, plain=step)
        assert len(run._unread) == 120
        for step in range(20):
            run.update(5, loss=x.data[0, 0] * 0, rate=x.data[0, 0] * 0, plain=step)
        assert len(run._unread) < 120


@pytest.mark.parametrize("every", [None, 2])
def test_killed_before_its_end_a_run_on_a_gpu_still_ends_bit_for_bit(gpu, tmp_path, every, monkeypatch):
    """No row is left to do then, and a GPU's generator has no state to save: what is drawn after the loop must not come from before it."""
    def train(out, resume=False, killed=False):
        with Run(out, {"device": gpu, "seed": 3}, resume=resume) as run:
            tg.manual_seed(3)
            layer = nn.Linear(2, 1).to(gpu)
            like = layer.weight.data
            before = backend.host(tg.standard_normal((4,), like=like))
            run.keep(layer=layer)
            for _ in run.steps(3, every=every) if every else run.epochs(3):
                layer.weight.data += tg.standard_normal((1, 2), like=like)
            if killed:
                raise ZeroDivisionError
            after = backend.host(tg.standard_normal((4,), like=like)), tg.uniform((4,))
            run.finish()
        return before, *after, layer.weight.numpy()
    expected = train(tmp_path / "one")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "two", killed=True)
    for a, b in zip(train(tmp_path / "two", resume=True), expected):
        assert np.array_equal(a, b)
    assert not np.array_equal(expected[0], expected[1])
    assert load_checkpoint(tmp_path / "one" / "checkpoint.npz").random == load_checkpoint(tmp_path / "two" / "checkpoint.npz").random


def test_tf32_is_an_option(monkeypatch):
    cupy = use_stand_in(monkeypatch)
    backend.allow_tf32()
    assert cupy.compute_types == {np.float32: 7}
    backend.allow_tf32(False)
    assert cupy.compute_types == {np.float32: 1}


# ---- what cannot be --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer, words", [
    (RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient\nfor CUDA runtime version"),
     "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"),
    (ImportError("libcudart.so.13: cannot open shared object file"), "libcudart.so.13: cannot open shared object file"), (0, "it counts 0 of them")])
def test_a_gpu_that_is_not_there_is_named_in_the_words_of_cuda(answer, words):
    count = mock.Mock(side_effect=[answer] if isinstance(answer, Exception) else None, return_value=answer)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False, runtime=types.SimpleNamespace(getDeviceCount=count)))
    with mock.patch.dict(sys.modules, {"cupy": cupy}):
        with pytest.raises(ValueError, match=f'device "cuda": CuPy is installed but finds no GPU or driver \\({words}\\); if the driver is older than '
                                             r'CUDA 13, .* pip install "\.\[cuda12\]" in the folder of tinygen; or use device "cpu"'):
            nn.Linear(1, 1).to("cuda")


def test_the_extras_that_errors_name_bring_cublas_and_a_compiler():
    """CuPy has left both to its own extra, ctk, since version 14."""
    extras = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["cuda"] == ["cupy-cuda13x[ctk]>=14"] and extras["cuda12"] == ["cupy-cuda12x[ctk]>=14"]


def test_the_gpu_and_cupy_are_facts_of_a_run_on_a_gpu_only(monkeypatch, tmp_path, capsys):
    cupy = use_stand_in(monkeypatch)

    def train(device, resume=False):
        with Run(tmp_path / device, {"device": device}, resume=resume) as run:
            run.keep(layer=nn.Linear(1, 1))
            for _ in run.epochs(1 + resume):
                pass
        return run.machine
    assert {"cupy": "14.2.0", "gpu": "stand-in"}.items() <= train("cuda").items()
    assert not {"cupy", "gpu"} & train("cpu").keys()
    capsys.readouterr()
    monkeypatch.setattr(cupy, "__version__", "15.0.0")
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", lambda device: {"name": b"another"})
    train("cuda", resume=True)
    said = capsys.readouterr().out
    assert "note: the checkpoint was written with CuPy 14.2.0, this is 15.0.0; the last digits may differ" in said
    assert "note: the checkpoint was written with GPU stand-in, this is another; the last digits may differ" in said


def test_on_the_cpu_cupy_is_never_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    backend.machine()
    backend.machine("cpu")
    assert "cupy" not in sys.modules


def tensors(*shapes):
    return [tg.tensor(RNG.random(shape, dtype=np.float32), requires_grad=True) for shape in shapes]


MIXED = {
    "add": (tg.add, (2, 3), (2, 3)), "multiply": (tg.multiply, (2, 3), (3,)), "maximum": (tg.maximum, (4,), (4,)), "divide": (tg.divide, (4,), (4,)),
    "product": (tg.matmul, (2, 3), (3, 4)), "linear": (tg.linear, (2, 3), (4, 3)), "conv2d": (tg.conv2d, (2, 3, 4, 4), (1, 3, 2, 2)),
    "conv_transpose2d": (tg.conv_transpose2d, (2, 3, 4, 4), (3, 1, 2, 2)), "concatenate": (lambda x, z: tg.concatenate([x, z]), (2, 3), (1, 3)),
    "where": (lambda x, z: tg.where(x.data > 0, x, z), (2, 3), (2, 3)), "bce_with_logits": (tg.bce_with_logits, (2, 3), (2, 3)),
    "batch_norm": (lambda x, w: tg.batch_norm(x, w, w), (4, 3), (3,)), "gate": (lambda x, z: tg.ops.gate(x, z), (4,), (4,)),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("swapped", [False, True])
def test_two_devices_in_one_operation_are_both_named(gpu, name, swapped):
    op, *shapes = MIXED[name]
    x, z = tensors(*shapes)
    first, second = (x, z.to(gpu)) if swapped else (x.to(gpu), z)
    with pytest.raises(TypeError, match=rf"{name}: the inputs are on two devices: .* on c.* on c.*; move some of them: tensor.to\(\"cuda\"\)") as error:
        op(first, second)
    assert f"{first.shape} on {first.device}" in str(error.value) and f"{second.shape} on {second.device}" in str(error.value)


@pytest.mark.parametrize("name", MIXED)
def test_an_array_of_the_host_is_refused_on_a_gpu(gpu, name):
    op, *shapes = MIXED[name]
    x, z = tensors(*shapes)
    with pytest.raises(TypeError, match=rf"{name}: the inputs are on two devices: .*tinygen.backend.to\(array, \"cuda\"\)"):
        op(x.to(gpu), z.data)


def test_a_gradient_of_another_device_is_refused(gpu):
    layer = nn.Linear(2, 1).to(gpu)
    with pytest.raises(TypeError, match=r"step: gradient 0 is on cpu, its parameter on cuda; move one: gradient.to\(\"cuda\"\)"):
        optim.SGD(layer.parameters(), 0.1).step([np.zeros((1, 2), np.float32), np.zeros(1, np.float32)])


def test_a_full_gpu_names_the_operation_and_the_batch(monkeypatch):
    use_stand_in(monkeypatch)
    x, w = (t.to("cuda") for t in tensors((64, 3, 8, 8), (4, 3, 3, 3)))
    monkeypatch.setattr(fakecupy, "LIMIT", 10_000)
    with pytest.raises(MemoryError, match=r"conv2d: out of GPU memory, with inputs \(64, 3, 8, 8\) and \(4, 3, 3, 3\) \(Out of memory allocating .*\); "
                                          "use a smaller batch size than 64"):
        tg.conv2d(x, w)
    with pytest.raises(MemoryError, match=r"to: no room on the GPU for an array \(64, 100\): .*; move less at a time, or use a smaller batch size"):
        tg.tensor(np.zeros((64, 100))).to("cuda")
    monkeypatch.setattr(fakecupy, "LIMIT", None)
    y = (tg.conv2d(x, w) * x[:, :1, :6, :6]).sum()
    monkeypatch.setattr(fakecupy, "LIMIT", 10_000)
    with pytest.raises(MemoryError, match="gradient of .*: out of GPU memory, with inputs .* use a smaller batch size than 64"):
        tg.grad(y, [x, w])
