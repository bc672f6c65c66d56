"""The answers: complete, in order, right where they are quick to compute; and their checks can fail."""
import json
import math

import numpy as np
import pytest

from demos.answers import questions as q
from demos.answers import runner, training
from demos.command_line import run

IDS = """
000.1a 000.1b 000.1c 000.1d 000.1e 000.2a 000.2b 000.2c 000.2d 000.2e
001.1a 001.1b 001.1c 001.1d 001.1e 001.1f 001.1g 001.1h 001.1i 001.1j 001.2b 001.2c 001.2d 001.2e
001.3a 001.3b 001.3c 001.3d 001.3e 001.4a 001.4b 001.4c 001.4d 001.4e
002.1.1 002.1.2 002.2.1 002.2.2a 002.2.2b 002.2.2c 002.3.1 002.3.2 002.3.3 002.4.1 002.4.2 002.4.3
002.5.1 002.5.2 002.5.3 002.5.4 002.5.5 002.5.6 002.5.7 002.5.8
003.1 003.2 003.3 004.1 004.2.I 004.2.II 004.2.III 004.3a 004.3b 004.3c 004.4a 004.4b
""".split()
# Written questions that train something on the way, and so take seconds.
SECONDS = {"000.2b", "002.2.1", "002.2.2a", "002.2.2b", "002.2.2c", "002.5.6", "002.5.7"}


def test_every_question_is_answered_and_in_order():
    assert [question.id for question in q.chosen(())] == IDS


def test_every_answer_says_something_and_the_trained_ones_are_marked():
    for question in q.chosen(()):
        assert len(question.answer) > 30 and question.title, question.id
    assert [id for id in IDS if q.QUESTIONS[id].trained and id[:5] in ("000.1", "001.1", "001.3", "001.4", "002.1", "004.4")] == []


@pytest.mark.parametrize("id", [id for id in IDS if not q.QUESTIONS[id].trained and id not in SECONDS])
def test_quick_answers_pass(id):
    result = q.answer(q.QUESTIONS[id])
    assert result.passed, runner.full(result)


@pytest.mark.slow
@pytest.mark.parametrize("id", [id for id in IDS if q.QUESTIONS[id].trained or id in SECONDS])
def test_trained_answers_pass(id, tmp_path):
    training.use_runs(tmp_path)
    result = q.answer(q.QUESTIONS[id])
    assert result.passed, runner.full(result)


# ---- a check can fail ----------------------------------------------------------------------------------------------------


def test_a_check_passes_only_within_its_tolerance():
    assert q.check("x", 1.0, 1.0 + 1e-10).passed and not q.check("x", 1.0, 1.1).passed and q.check("x", 1.0, 1.1, 0.2).passed
    assert q.check("x", math.inf, math.inf).passed and not q.check("x", math.inf, 1.0).passed and not q.check("x", 1.0, math.inf).passed
    assert not q.check("x", np.nan, np.nan).passed and not q.check("x", np.nan, 1.0).passed
    assert q.check("x", [1.0, 2.0], [1.0, 2.0]).passed and not q.check("x", [1.0, 2.0], [1.0, 2.1]).passed
    assert not q.less("x", 1.0, 1.0).passed and not q.less("x", 1.0, math.nan).passed and q.less("x", 0.9, 1.0).passed


def test_the_number_of_a_sheet_must_be_wrong():
    wrong = q.check("KL", math.inf, math.inf, sheet=0.0)
    assert wrong.passed and "the sheet says 0, which is wrong" in wrong.shown
    right = q.check("KL", 0.125, 0.125, sheet=0.125)
    assert not right.passed and "which is the same" in right.shown


def test_an_answer_without_checks_or_with_a_failed_one_fails(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(q, "QUESTIONS", {})

    @q.question("009.1", "one that is wrong")
    def wrong():
        """Twice two is five."""
        yield q.check("2 * 2", 4, 5)

    @q.question("009.2", "one that computes nothing")
    def empty():
        """Nothing."""
        yield q.note("nothing was computed")

    with pytest.raises(ValueError, match="009.1 is answered twice, by wrong and again"):
        @q.question("009.1", "again")
        def again():
            """Again."""

    with pytest.raises(SystemExit) as stopped:
        runner.main(out=str(tmp_path))
    said = capsys.readouterr().out
    assert stopped.value.code == 1 and "FAIL 009.1" in said and "0 of 2 questions PASS, 1 checks" in said and "FAIL: 009.1, 009.2" in said


# ---- the command ---------------------------------------------------------------------------------------------------------


def test_one_question_from_the_command_line(tmp_path, capsys):
    assert run(["answers", "001.3e", "--out", str(tmp_path / "figures"), "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "KL(P1, P2): inf = inf; the sheet says 0, which is wrong" in said and "PASS 001.3e" in said and "1 of 1 questions PASS" in said
    assert (tmp_path / "figures" / "001.3e-uniforms.png").stat().st_size > 10_000


def test_a_group_of_questions_one_line_each(tmp_path, capsys):
    assert run(["answers", "001.1", "--no-text", "--no-figures", "--out", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said[:-1]] == [id for id in IDS if id.startswith("001.1")]
    assert not (tmp_path / "none").exists()


def test_an_id_is_not_the_start_of_a_longer_one():
    assert [question.id for question in q.chosen(["004.2.II", "002.1"])] == ["002.1.1", "002.1.2", "004.2.II"]


def test_unknown_questions_are_refused_with_near_ones(capsys):
    assert run(["answers", "001.3f"]) == 2
    assert "there is no question 001.3f; did you mean 001.3" in capsys.readouterr().err


# ---- where trained numbers come from ---------------------------------------------------------------------------------------


def finished(folder, command, settings, results):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"command": command, "settings": settings}))
    (folder / "results.json").write_text(json.dumps(results))


def test_a_finished_run_is_found_by_its_demo_and_its_settings(tmp_path):
    finished(tmp_path / "a", "python -m demos gan --loss lsgan", {"loss": "lsgan", "data": "mnist"}, {"modes": 2.0})
    finished(tmp_path / "b", "python -m demos gan_2d", {"loss": "lsgan"}, {"modes": 3.0})
    (tmp_path / "c").mkdir()                                        # a run that is not finished, and one that is damaged
    (tmp_path / "c" / "config.json").write_text('{"command": "python -m demos gan"}')
    finished(tmp_path / "d", "python -m demos gan", {}, {})
    (tmp_path / "d" / "config.json").write_text("{")
    training.use_runs(tmp_path)
    run = training.latest("gan", loss="lsgan")
    assert run.folder == tmp_path / "a" and not run.small and training.reported(run) == "modes 2"
    assert training.trained("gan", {}, loss="lsgan").results == {"modes": 2.0}
    assert run.origin == f"from the finished run {tmp_path / 'a'} (data mnist)"
    assert training.latest("gan", loss="hinge") is None and training.latest("vae") is None


def test_a_finished_run_is_named_with_how_long_and_on_what_it_was_trained(tmp_path):
    finished(tmp_path / "a", "python -m demos cifar", {"data": "cifar-10", "epochs": 6, "images": 50_000, "beta": 0.1, "latent": 128, "lr": 1e-3,
                                                       "seed": 0}, {"minutes": 1})
    finished(tmp_path / "b", "python -m demos gan_2d", {"steps": 3000, "sigma": None, "beta": None}, {"modes": 2})
    finished(tmp_path / "c", "python -m demos judge", {"lr": 1e-3}, {})
    training.use_runs(tmp_path)
    assert training.latest("cifar").origin.endswith("/a (data cifar-10, epochs 6, images 50000, latent 128, beta 0.1)")
    assert training.latest("gan_2d", sigma=None).origin.endswith("/b (steps 3000)") and training.latest("judge").origin.endswith("/c")


def test_without_a_finished_run_the_demo_is_run_small_once_and_quietly(tmp_path, capsys):
    training.use_runs(tmp_path)
    small = {"epochs": 1, "images": 200, "every": 1}
    run = training.trained("vae", small)
    assert run.small and run.settings["images"] == 200 and run.results["test -ELBO"] > 0 and "run small here: epochs = 1" in run.origin
    assert training.trained("vae", small) is run and capsys.readouterr().out == ""


def test_answers_point_to_the_demos_that_name_them():
    assert "python -m demos domain_mapping" in training.see_also("002.5.8")
    assert all(line.startswith("python -m demos ") for id in IDS for line in training.see_also(id))
    assert any(line.startswith("python -m demos gan") and line.split()[3] == "gan" for line in training.see_also("002.5.2"))
    assert training.see_also("001.1g") == []
