"""Judges: they learn, they are kept and found again, they leave the random numbers of a run alone."""
import numpy as np
import pytest

import tinygen as tg
from tinygen.metrics import compare, judge, load_judge, train_judge


@pytest.fixture(autouse=True)
def few_images(monkeypatch, tmp_path):
    """An empty data folder, and a small part of the bundled digits."""
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    load = tg.data.load
    monkeypatch.setattr(judge, "load", lambda name, split: tuple(part[:1280 if split == "train" else 200] for part in load(name, split)))
    monkeypatch.setitem(judge.EPOCHS, "mnist-mini", 2)
    return tmp_path


def test_a_judge_learns_is_kept_and_found_again(few_images, monkeypatch):
    tg.manual_seed(5)
    expected = tg.backend.generator().random(3)
    tg.manual_seed(5)
    first = load_judge("mnist-mini")
    assert (tg.backend.generator().random(3) == expected).all()  # a run goes the same way whether or not the judge was there
    assert first.accuracy > 0.6 and first.count == 200
    monkeypatch.setattr(judge, "train_judge", None)             # from now on there is no training
    again = load_judge("mnist-mini")
    images = tg.data.load("mnist-mini", "test")[0][:50]
    np.testing.assert_array_equal(again.logits(images), first.logits(images))
    assert str(again) == str(first) == f"mnist-mini judge ({first.accuracy:.2%} on 200 real test images)"

    assert (again.predict(images) == again.logits(images).argmax(1)).all()
    confidence = again.confidence(images)
    assert confidence.shape == (50,) and (confidence > 0.1).all() and (confidence <= 1).all()
    shifted = again.logits(images).astype(np.float64)
    np.testing.assert_allclose(confidence, np.exp(shifted).max(1) / np.exp(shifted).sum(1), rtol=1e-4)
    assert again.features(images).shape == (50, judge.FEATURES)

    result = compare(images, tg.data.load("mnist-mini", "test")[0][50:200], extractor=again.extractor())
    assert "not FID" in str(result) and f"128 hidden features of the {first}" in str(result)


def test_training_is_reproducible(monkeypatch):
    monkeypatch.setattr(judge, "load", lambda name, split: tuple(part[:256] for part in tg.data.load(name, split)))
    twins = [train_judge("mnist-mini", epochs=1, keep=False) for _ in range(2)]
    for name, array in twins[0].network.state_dict().items():
        np.testing.assert_array_equal(array, twins[1].network.state_dict()[name])


def test_cross_entropy_of_even_logits_and_its_gradient():
    logits = tg.tensor(np.zeros((4, 10), np.float32), requires_grad=True)
    loss = judge.cross_entropy(logits, np.arange(4))
    assert loss.item() == pytest.approx(np.log(10))
    [gradient] = tg.grad(loss, [logits])
    np.testing.assert_allclose(gradient.numpy(), (0.1 - np.eye(10)[:4]) / 4, atol=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match="no judge of 'cifar-10'; choose from mnist"):
        load_judge("cifar-10")
    unborn = judge.Judge("mnist", judge.Classifier().eval(), 0.99, 10)
    with pytest.raises(ValueError, match="must be 28 x 28"):
        unborn.predict(np.zeros((1, 1, 32, 32), np.uint8))
    with pytest.raises(TypeError, match="takes uint8"):
        unborn.predict(np.zeros((1, 1, 28, 28), np.float32))


@pytest.mark.parametrize("arrays", [{"weight": np.zeros(3)}, {"accuracy": 0.9, "count": 10, "weight": np.zeros(3)}])
def test_a_file_that_is_no_judge(few_images, arrays):
    (few_images / "judges").mkdir()
    np.savez(few_images / "judges" / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match="not a judge of this version .* delete it"):
        load_judge("mnist")


@pytest.mark.fulldata
@pytest.mark.parametrize("data, least", [("mnist", 0.985), ("fashion-mnist", 0.90)])
def test_the_judges_in_use_are_good_enough(monkeypatch, data, least):
    monkeypatch.undo()                                          # the real data folder, all images
    found = load_judge(data)
    images, labels = tg.data.load(data, "test")
    assert found.count == 10_000 and (found.predict(images) == labels).mean() == found.accuracy >= least


def test_an_unknown_set_and_no_epochs_are_refused():
    with pytest.raises(ValueError, match="train_judge: there is no judge of 'cifar-10'"):
        judge.train_judge("cifar-10")
    with pytest.raises(ValueError, match="epochs = 0"):
        judge.train_judge("mnist-mini", epochs=0)
