"""The Inception network: input, structure, weights that fit and weights that do not; with the weights, the reference's features."""
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from devices import use_stand_in
from tinygen.metrics import inception, inception_features
from tinygen.metrics.inception_weights import FILES, find_weights, read_folded


@pytest.fixture(scope="module")
def random_network():
    """The network with small random weights in place of the trained ones."""
    network, rng = inception.Inception(), np.random.default_rng(0)
    state = {name: rng.choice(np.float32([-1, 1]), a.shape) * (1 / max(1, a[0].size)) ** 0.5 for name, a in network.state_dict().items()}
    network.load_state_dict(state)
    return network


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    inception.load_inception.cache_clear()
    yield tmp_path
    inception.load_inception.cache_clear()


def test_interpolation_by_hand():
    np.testing.assert_allclose(inception.interpolation(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(inception.interpolation(1, 3), np.ones((3, 1)))
    np.testing.assert_allclose(inception.interpolation(5, 5), np.eye(5))
    np.testing.assert_allclose(inception.interpolation(4, 2), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 1, 7, 5), (1, 3, 400, 64)])
def test_resize_interpolates_rows_and_columns_and_scales(shape):
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    resized = inception.resize(images)
    rows, columns = inception.interpolation(shape[2], 299), inception.interpolation(shape[3], 299)
    expected = np.einsum("ih,nchw,jw->ncij", rows, images / 127.5 - 1, columns, optimize=True)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected, atol=2e-6)
    assert resized.transpose(0, 2, 3, 1).flags.c_contiguous     # channels last in memory, as the convolutions read it


def test_resize_keeps_the_ends_of_the_range():
    assert (inception.resize(np.zeros((1, 3, 9, 9), np.uint8)) == -1).all()
    np.testing.assert_allclose(inception.resize(np.full((1, 3, 9, 9), 255, np.uint8)), 1, atol=1e-6)


def test_the_network_has_the_94_convolutions_of_the_reference(random_network):
    state = random_network.state_dict()
    weights = {name: a.shape for name, a in state.items() if name.endswith("weight")}
    assert len(weights) == 94 and sum(a.size for a in state.values()) == 21_751_136 + 17_216      # weights, folded biases
    kernels = [shape[2:] for shape in weights.values()]
    assert {k: kernels.count(k) for k in set(kernels)} == {(1, 1): 40, (3, 3): 17, (5, 5): 3, (1, 7): 13, (7, 1): 13, (1, 3): 4, (3, 1): 4}


def test_features_do_not_depend_on_batch_or_threads(monkeypatch, random_network):
    monkeypatch.setattr(inception, "load_inception", lambda device: random_network)
    images = np.random.default_rng(2).integers(0, 256, (2, 3, 16, 16)).astype(np.uint8)
    whole = inception_features(images, progress=False)
    singly = np.concatenate([inception_features(images[i:i + 1], batch=1, progress=False) for i in range(2)])
    assert whole.shape == (2, 2048) and whole.dtype == np.float32
    np.testing.assert_allclose(whole, singly, rtol=1e-4, atol=1e-4 * np.abs(whole).max())


def test_no_layer_reorders_its_weights(random_network):
    """They lie as (kh, kw, C, O) in memory, which the kernels read without a copy, whatever the order of the state that was loaded."""
    plain = {name: np.ascontiguousarray(value) for name, value in random_network.state_dict().items()}
    for state in (plain, {name: np.asfortranarray(value) for name, value in plain.items()}):
        random_network.load_state_dict(state)
        for name, value in random_network.named_buffers():
            assert np.array_equal(value.data, plain[name]) and (value.ndim < 4 or value.data.transpose(2, 3, 1, 0).flags.c_contiguous), name


def test_on_a_gpu_the_weights_stay_in_order_and_64_images_go_together(monkeypatch):
    use_stand_in(monkeypatch)
    layer = inception.Conv(3, 4, (1, 7)).to("cuda")
    assert layer.weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    shapes = []
    monkeypatch.setattr(inception, "load_inception", lambda device: lambda x: (shapes.append(x.shape[0]), tg.tensor(np.zeros((len(x), 2048), np.float32)))[1])
    monkeypatch.setattr(inception, "resize", lambda images: images.astype(np.float32))
    images = np.zeros((70, 3, 1, 1), np.uint8)
    inception_features(images, device="cuda", progress=False)
    inception_features(images[:5], device="cuda", batch=3, progress=False)
    inception_features(images[:12], progress=False)
    assert shapes[:4] == [64, 6, 3, 2] and max(shapes[4:]) <= 8 and sum(shapes[4:]) == 12


def test_average_pool_leaves_the_padding_out():
    x = tg.tensor(np.ones((1, 1, 3, 3), np.float32))
    np.testing.assert_allclose(inception.average(x).numpy(), 1)


def test_a_folded_batch_norm_is_that_batch_norm(tmp_path):
    rng = np.random.default_rng(3)
    state = {"a.conv.weight": rng.standard_normal((4, 3, 3, 3)), "a.bn.weight": rng.standard_normal(4), "a.bn.bias": rng.standard_normal(4),
             "a.bn.running_mean": rng.standard_normal(4), "a.bn.running_var": rng.uniform(0.5, 2, 4)}
    state = {name: a.astype(np.float32) for name, a in state.items()}
    np.savez(tmp_path / FILES[0], **state)
    folded = read_folded(tmp_path / FILES[0], {"a.weight": (4, 3, 3, 3), "a.bias": (4,)})
    x = rng.standard_normal((2, 3, 6, 6)).astype(np.float32)
    convolved = tg.conv2d(x, state["a.conv.weight"])
    gamma, beta, mean, variance = (state[f"a.bn.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var"))
    expected = gamma * (convolved - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(tg.conv2d(x, folded["a.weight"], folded["a.bias"]), expected, rtol=1e-4, atol=1e-4)


def test_the_state_dict_file_is_read_without_pytorch(monkeypatch, tmp_path):
    state = {"a.conv.weight": np.ones((1, 1, 1, 1)), **{f"a.bn.{p}": np.ones(1) for p in ("weight", "bias", "running_mean", "running_var")},
             "fc.weight": np.ones((9, 9)), "a.bn.num_batches_tracked": np.array(0)}
    monkeypatch.setattr("tinygen.data.pytorch_files.read_state_dict", lambda path: state)
    folded = read_folded(tmp_path / FILES[1], {"a.weight": (1, 1, 1, 1), "a.bias": (1,)})
    assert folded["a.weight"].item() == pytest.approx(1.001 ** -0.5) and set(folded) == {"a.weight", "a.bias"}


def test_missing_weights_say_where_they_come_from(no_weights):
    with pytest.raises(FileNotFoundError, match="pt_inception-2015-12-05-6726825d.pth .*TINYGEN_DATA"):
        inception_features(np.zeros((2, 3, 8, 8), np.uint8))


def test_weights_of_another_network(no_weights):
    folder = no_weights / "inception"
    folder.mkdir()
    np.savez(folder / FILES[0], weight=np.zeros(3))
    with pytest.raises(ValueError, match="holds 1 arrays but no Conv2d_1a_3x3.conv.weight.*not the weights of the FID network"):
        inception_features(np.zeros((2, 3, 8, 8), np.uint8))
    wrong = {"Conv2d_1a_3x3.conv.weight": np.zeros((32, 1, 3, 3))}
    wrong |= {f"Conv2d_1a_3x3.bn.{part}": np.ones(32) for part in ("weight", "bias", "running_mean", "running_var")}
    np.savez(folder / FILES[0], **wrong)
    with pytest.raises(ValueError, match=r"\(32, 1, 3, 3\) .* should be \(32, 3, 3, 3\)"):
        inception_features(np.zeros((2, 3, 8, 8), np.uint8))
    (folder / FILES[0]).write_bytes(b"cut short")
    with pytest.raises(ValueError, match="cannot be read as an .npz"):
        inception_features(np.zeros((2, 3, 8, 8), np.uint8))


@pytest.mark.parametrize("images, error, message", [
    (np.zeros((2, 3, 8, 8), np.float32), TypeError, r"dtype float32, values from 0 to 0; .* \(x \* 255\)"),
    (np.zeros((2, 1, 8, 8), np.uint8), ValueError, "1 channels .* where 3 are needed; repeat the grey channel"),
    (np.zeros((2, 8, 8, 3), np.uint8), ValueError, "8 channels .* transpose"),
    (np.zeros((3, 8, 8), np.uint8), ValueError, r"must be \(N, C, H, W\)"),
    (np.zeros((0, 3, 8, 8), np.uint8), ValueError, "holds 0 images"),
    (np.zeros((2, 3, 0, 8), np.uint8), ValueError, "without pixels"),
])
def test_bad_images(images, error, message):
    with pytest.raises(error, match=message):
        inception_features(images)


@pytest.mark.fulldata
def test_features_agree_with_the_reference_network():
    """The first eight CIFAR-10 test images and what the reference implementation makes of them."""
    with np.load(Path(__file__).parent / "inception_reference.npz") as reference:
        images, expected = reference["images"], reference["features"]
    assert find_weights([tg.data.registry.data_folder(), Path.home() / ".cache" / "tinygen"]).is_file()
    features = inception_features(images, progress=False)
    assert np.linalg.norm(features - expected) < 1e-5 * np.linalg.norm(expected)
    assert np.abs(features - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.fulldata
def test_fid_between_the_splits_of_cifar_10():
    """Test split against the first 10,000 training images; the reference network gives 5.197. About twenty minutes."""
    from tinygen.metrics import cached_features, frechet_score
    test, train = tg.data.load("cifar-10", "test")[0], tg.data.load("cifar-10", "train")[0][:10_000]
    assert frechet_score(cached_features(test), cached_features(train)) == pytest.approx(5.197, abs=2e-3)
