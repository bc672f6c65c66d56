"""The demo of explain: the drawings exist, and names are checked."""
import json

import pytest

from demos import explain
from demos.command_line import run


def test_end_to_end(tmp_path, capsys):
    assert run(["explain", "--images", "8", "--hidden", "12", "--latent", "3", "--out", str(tmp_path / "e")]) == 0
    assert all((tmp_path / "e" / f"{name}.png").stat().st_size > 20_000 for name in ("graph", "graph-time", "graph-penalty"))
    printed = capsys.readouterr().out
    assert "dL/dx = g * (1.0 - y * y)" in printed and "encode.0.weight" in printed and "penalty = mean" in printed
    results = json.loads((tmp_path / "e" / "results.json").read_text())
    assert results["VAE, operations"] == 24 and results["penalty, seconds"] > 0


def test_operations_by_name(capsys):
    assert run(["explain", "relu", "matmul"]) == 0
    printed = capsys.readouterr().out
    assert "tinygen.explain(tinygen.relu)" in printed and "tinygen.explain(tinygen.matmul)" in printed and "writing to" not in printed
    assert run(["explain", "tahn"]) == 2
    assert "there is no operation 'tahn'; did you mean tanh?" in capsys.readouterr().err


def test_the_vae_is_the_readmes():
    loss, parts = explain.vae_loss(explain.np.zeros((4, 784), "float32"), 128, 10)
    assert parts["encode"].count_parameters() + parts["decode"].count_parameters() == 784 * 128 + 128 + 128 * 20 + 20 + 10 * 128 + 128 + 128 * 784 + 784
    assert loss.item() == pytest.approx(parts["distortion"].item() + parts["rate"].item())
