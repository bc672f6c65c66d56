"""The command line of the demos: flags from signatures, one table, one-line errors, resume, Ctrl-C, pipes."""
import importlib
import inspect
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Literal

import pytest

import demos
from demos import command_line
from demos.command_line import UsageError, find, make_parser, parse, table

ROOT = Path(__file__).parents[2]

TOY = '''
"""A toy that trains nothing, to try the command line with, in a line that is too long for one line [000.1-3].

And more words about it: café.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import nn, optim
from tinygen.training import Run


def main(*, data="none", epochs=3, lr=0.1, arch: Literal["one", "two"] = "one", hidden=(8, 4), noise: float | None = None,
         augment=True, pause=0.0, fail="", seed=1, out="runs/toytrain", device="cpu", resume=False):
    """Train.

    lr: learning rate, as 5 % of something
        that goes on here
    arch: which one
    hidden: widths of the layers
    noise: how much
    augment: whether to
    pause: seconds to sleep in each step
    fail: the error to raise
    """
    import time
    if fail:
        raise {"ValueError": ValueError, "TypeError": TypeError, "MemoryError": MemoryError,
               "FileNotFoundError": FileNotFoundError, "KeyError": KeyError}[fail]("conv2d: x (8, 3) is wrong;\\n   do this")
    settings = {name: value for name, value in locals().items() if name not in ("time", "fail")}
    with Run(out, settings, resume=resume) as run:
        tg.manual_seed(seed)
        model = nn.Linear(3, 3)
        optimizer = optim.Adam(model.parameters(), lr)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run.epochs(epochs):
            x = tg.standard_normal((8, 3))
            optimizer.minimize(((model(tg.tensor(x)) - x) ** 2).mean())
            time.sleep(pause)
            run.update(8, loss=1.0 / epoch)
        run.finish()
'''
POSITIONAL = '''
"""Answers."""
def main(*questions, a=1):
    """Answer `questions`: all of them by default.

    questions: which ones
    a: a number
    """
    print(questions, a)
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Two more demos, toytrain and toyanswers, in a folder of their own; the working directory is empty."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "toytrain.py").write_text(TOY, encoding="utf-8")
    (folder / "toyanswers.py").write_text(POSITIONAL)
    (folder / "no_demo.py").write_text('"""A helper without main."""\nraise SystemExit("imported!")\n')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(demos, "__path__", [str(folder)])
    yield folder
    for name in ("toytrain", "toyanswers"):
        sys.modules.pop(f"demos.{name}", None)
        if hasattr(demos, name):
            delattr(demos, name)


def start(toy, *arguments, **options):
    """`python -m demos ARGUMENTS`, with the toy demos, in a process of its own."""
    code = ("import sys, demos; from demos.command_line import run; "
            f"demos.__path__ = [{str(toy)!r}]; sys.argv[0] = {str(ROOT / 'demos' / '__main__.py')!r}; sys.exit(run(sys.argv[1:]))")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **options.pop("env", {})}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            encoding="utf-8", env=environment, **options)


def one_line_on_stderr(capsys):
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
    return captured.err.strip()


# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_table_has_every_demo_its_sheet_and_80_columns(toy, capsys):
    assert command_line.run([]) == 0
    text = capsys.readouterr().out
    assert text == table() + "\n" and max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    assert lines[0].split() == ["demo", "sheet", "what", "it", "does"]
    assert lines[1].split() == ["toyanswers", "Answers"]
    assert lines[2].startswith("toytrain    000.1-3  A toy that trains nothing,") and lines[3].startswith(" " * 21)
    assert "no_demo" not in text and "python -m demos NAME --help" in text


def test_help_without_a_demo_is_the_table(toy, capsys):
    assert command_line.run(["--help"]) == 0
    assert capsys.readouterr().out == table() + "\n"


def test_the_table_runs_no_demo(toy):
    (toy / "toytrain.py").write_text('"""Broken."""\nraise SystemExit(9)\ndef main(): pass\n')
    assert [demo.name for demo in find()] == ["toyanswers", "toytrain"]


def test_an_unknown_demo_names_the_near_match(toy, capsys):
    assert command_line.run(["toytrian"]) == 2
    assert one_line_on_stderr(capsys) == ("python -m demos: there is no demo 'toytrian'; did you mean toytrain? "
                                          "(python -m demos lists them)")
    assert command_line.run(["xyz"]) == 2
    assert "did you mean" not in one_line_on_stderr(capsys)


# ---- flags -----------------------------------------------------------------------------------------------------------


def example(*, data="mnist-mini", epochs=20, lr=1e-3, arch: Literal["one", "two"] = "one", depth: Literal[1, 2] = 1,
            hidden=(500, 400), noise: float | None = None, names: tuple[str, ...] = (), augment=True, quiet=False,
            learn_rate_decay=0.5, device="cpu", resume=False, out="runs/x"):
    """Do it.

    lr: the learning
        rate
    """


def chosen(*flags, main=example):
    return parse(make_parser(main, "demo"), main, list(flags))


def test_defaults_are_the_settings():
    positional, settings = chosen()
    assert positional == []
    assert settings == {name: p.default for name, p in inspect.signature(example).parameters.items()}


@pytest.mark.parametrize("flags, name, value", [
    (["--data", "mnist"], "data", "mnist"), (["--epochs", "3"], "epochs", 3), (["--epochs=3"], "epochs", 3),
    (["--lr", "3e-4"], "lr", 3e-4), (["--lr", "1"], "lr", 1.0), (["--arch", "two"], "arch", "two"),
    (["--depth", "2"], "depth", 2), (["--hidden", "10"], "hidden", (10,)), (["--hidden", "10", "20", "30"], "hidden", (10, 20, 30)),
    (["--noise", "0.5"], "noise", 0.5), (["--names", "a", "b"], "names", ("a", "b")), (["--no-augment"], "augment", False),
    (["--augment"], "augment", True), (["--quiet"], "quiet", True), (["--learn-rate-decay", "1"], "learn_rate_decay", 1.0),
    (["--device", "cuda"], "device", "cuda"), (["--resume"], "resume", True), (["--lr", "-1"], "lr", -1.0)])
def test_flags_take_the_type_of_their_default(flags, name, value):
    _, settings = chosen(*flags)
    assert settings[name] == value and type(settings[name]) is type(value)
    others = {k: v for k, v in settings.items() if k != name}
    assert others == {k: p.default for k, p in inspect.signature(example).parameters.items() if k != name}


@pytest.mark.parametrize("flags, message", [
    (["--epochs", "3.5"], "argument --epochs: '3.5' is not a whole number"),
    (["--lr", "fast"], "argument --lr: 'fast' is not a number"),
    (["--arch", "tow"], "'tow' is none of one, two; did you mean two?"),
    (["--depth", "3"], "'3' is none of 1, 2"),
    (["--device", "cdua"], "'cdua' is none of cpu, cuda; did you mean cuda?"),
    (["--hidden", "1", "x"], "'x' is not a whole number"),
    (["--epoch", "3"], "unknown flag --epoch; did you mean --epochs?"),
    (["--learning-rate", "3"], "unknown flag --learning-rate; did you mean --learn-rate-decay?"),
    (["--zzz=1"], "unknown flag --zzz (--help"),
    (["--foo", "1"], "unknown flag --foo (--help"),
    (["stray"], "unknown argument stray"),
    (["--lr"], "argument --lr: expected one argument")])
def test_mistakes_are_told_with_the_remedy(flags, message):
    with pytest.raises(UsageError) as caught:
        chosen(*flags)
    assert message in str(caught.value) and "--help explains the flags" in str(caught.value)


def test_arguments_without_a_flag():
    def needs(a: str, b: int = 3, *, c=1):
        pass

    def takes(*many, c=1):
        pass
    assert chosen("x", main=needs) == (["x", 3], {"c": 1})
    assert chosen("x", "7", "--c", "2", main=needs) == (["x", 7], {"c": 2})
    assert chosen("p", "q", main=takes) == (["p", "q"], {"c": 1}) and chosen(main=takes) == ([], {"c": 1})
    with pytest.raises(UsageError, match="the following arguments are required: A"):
        chosen(main=needs)
    assert make_parser(needs, "demo").format_usage() == "usage: demo A [B] [flags]\n"
    assert make_parser(takes, "demo").format_usage() == "usage: demo [MANY ...] [flags]\n"


def test_prose_is_broken_to_the_width_and_tables_stay():
    text = "One\nline " + "word " * 30 + "\n\n    python -m demos " + "x" * 90 + "\n\na   b   c\n1   3   " + "2" * 90
    filled = command_line._refill(text, 80)
    assert filled.split("\n\n")[1:] == text.split("\n\n")[1:]
    assert max(map(len, filled.split("\n\n")[0].splitlines())) <= 80 and filled.split("\n\n")[0].split() == text.split("\n\n")[0].split()


def test_what_a_command_does_goes_below_it_where_both_are_too_wide():
    text = "    python -m demos gan    digits\n    python -m demos gan --data mnist " + "x" * 30 + "    " + "word " * 12
    short, long, *words = command_line._refill(text.strip("\n"), 80).splitlines()
    assert short == "    python -m demos gan    digits" and long == "    python -m demos gan --data mnist " + "x" * 30
    assert [line[:9] for line in words] == ["        w"] * len(words) and " ".join(words).split() == ["word"] * 12


def test_help_explains_every_flag_in_80_columns(toy, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert command_line.run(["toytrain", "--help"]) == 0
    text = capsys.readouterr().out
    flat = " ".join(text.split())
    assert text.startswith("usage: python -m demos toytrain [flags]\n") and "And more words about it: café." in text
    assert max(map(len, text.splitlines())) <= 80
    for words in ("--lr LR learning rate, as 5 % of something that goes on here (default: 0.1)", "--arch one|two which one (default: one)",
                  "--hidden HIDDEN [HIDDEN ...] widths of the layers (default: 8 4)", "--noise NOISE how much --augment",
                  "--augment, --no-augment whether to (default: True) --pause", "--seed SEED the one number",
                  "--out OUT the folder to write everything to (default: runs/toytrain)", "--device cpu|cuda where to compute",
                  "--resume go on from the checkpoint", "TINYGEN_TRACEBACK=1"):
        assert words in flat, words


def test_positional_arguments_reach_main(toy, capsys):
    assert command_line.run(["toyanswers", "001.3e", "002.1", "--a", "5"]) == 0
    assert capsys.readouterr().out == "('001.3e', '002.1') 5\n"
    assert command_line.run(["toyanswers", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: python -m demos toyanswers [QUESTIONS ...] [flags]")


@pytest.mark.parametrize("demo", find(), ids=lambda demo: demo.name)
def test_every_demo_says_what_it_does_and_explains_every_flag(demo):
    main = importlib.import_module(f"demos.{demo.name}").main
    assert demo.text and len(demo.sheet) <= 21
    explained = {**command_line.COMMON, **command_line.explanations(main)}
    for name, parameter in inspect.signature(main).parameters.items():
        assert explained.get(name), f"main of the demo {demo.name} does not explain {name!r} in its docstring"
        assert parameter.kind is not parameter.VAR_KEYWORD
    make_parser(main, "demo").format_help()


# ---- running ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ValueError", "TypeError", "FileNotFoundError", "MemoryError"])
def test_bad_input_is_one_line_and_exit_2(toy, capsys, kind):
    assert command_line.run(["toytrain", "--fail", kind]) == 2
    assert one_line_on_stderr(capsys) == "python -m demos toytrain: conv2d: x (8, 3) is wrong; do this"


def test_the_name_of_the_demo_stands_once(capsys):
    assert command_line.run(["tour", "11"]) == 2
    assert one_line_on_stderr(capsys).startswith("python -m demos tour: there is no step '11'")


@pytest.mark.parametrize("arguments, setting", [
    (["vae_digits", "--seeds", "1", "2", "1"], "seeds = 1 2 1 holds 1 twice"), (["domain_mapping", "--seeds", "3", "3"], "seeds = 3 3 holds 3 twice"),
    (["short_paths", "--seeds", "3", "3"], "seeds = 3 3 holds 3 twice"), (["rate_distortion", "--betas", "1", "1.0"], "betas = 1.0 1.0 holds 1.0 twice"),
    (["echo", "--models", "vae", "vae"], "models = vae vae"), (["iwae", "--models", "vae", "vae"], "models = vae vae"),
    (["gan_sweep", "--generator-steps", "2", "2"], "generator_steps = 2 2"), (["gan_vs_wgan", "--losses", "hinge", "hinge"], "losses = hinge hinge"),
    (["vae_variants", "--kinds", "infovae", "infovae"], "kinds = infovae infovae"), (["loss_lab", "--parts", "elbo", "elbo"], "parts = elbo elbo")])
def test_no_sweep_makes_the_same_run_twice(tmp_path, capsys, arguments, setting):
    assert command_line.run([*arguments, "--out", str(tmp_path / "run")]) == 2
    error = one_line_on_stderr(capsys)
    assert error.startswith(f"python -m demos {arguments[0]}: {setting}") and not (tmp_path / "run").exists()


@pytest.mark.parametrize("demo", [demo.name for demo in find() if demo.name not in ("cifar", "gan", "explain", "loss_lab")])
def test_demos_of_digits_and_clothes_refuse_images_of_another_shape(capsys, demo):
    """cifar, gan and explain take images of any shape, loss_lab points of the plane."""
    main = importlib.import_module(f"demos.{demo}").main
    if "data" in inspect.signature(main).parameters:
        assert command_line.run([demo, "--data", "cifar-10"]) == 2
        assert "'cifar-10' is none of mnist-mini, fashion-mini, mnist, fashion-mnist" in one_line_on_stderr(capsys)


def test_the_traceback_is_there_when_asked_for(toy, monkeypatch):
    monkeypatch.setenv("TINYGEN_TRACEBACK", "1")
    with pytest.raises(ValueError, match="conv2d"):
        command_line.run(["toytrain", "--fail", "ValueError"])


def test_an_error_in_the_program_keeps_its_traceback(toy):
    with pytest.raises(KeyError):
        command_line.run(["toytrain", "--fail", "KeyError"])


def test_a_folder_that_cannot_be_written_is_one_line(toy, capsys):
    Path("taken").write_text("")
    assert command_line.run(["toytrain", "--out", "taken/run"]) == 2
    assert "Run: the folder taken/run cannot be used: Not a directory" in one_line_on_stderr(capsys).replace(os.sep, "/")


def test_resume_takes_the_settings_of_the_run(toy, capsys):
    run = command_line.run
    assert run(["toytrain", "--epochs", "2", "--lr", "0.3", "--hidden", "1", "2", "3", "--arch", "two", "--no-augment"]) == 0
    capsys.readouterr()
    assert run(["toytrain", "--resume"]) == 0
    assert "is finished, all 2 epochs of it: nothing to do" in capsys.readouterr().out
    assert run(["toytrain", "--resume", "--epochs", "3"]) == 0
    text = capsys.readouterr().out
    assert "after epoch 2 of 3" in text and "epoch 3/3" in text
    assert run(["toytrain", "--resume", "--epochs", "4", "--lr", "0.5"]) == 2
    assert "was trained with lr = 0.3, not 0.5" in one_line_on_stderr(capsys)
    assert run(["toytrain", "--resume", "--out", "nowhere"]) == 0
    assert "there is no checkpoint in nowhere yet: starting from the beginning" in capsys.readouterr().out


def test_a_damaged_config_is_one_line(toy, capsys):
    Path("runs/toytrain").mkdir(parents=True)
    Path("runs/toytrain/config.json").write_text("{")
    assert command_line.run(["toytrain", "--resume"]) == 2
    assert "config.json is damaged" in one_line_on_stderr(capsys)


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_ctrl_c_leaves_a_folder_that_goes_on(toy):
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)                    # jobs in the background are started deaf to Ctrl-C
    process = start(toy, "toytrain", "--epochs", "20000", "--pause", "0.02", preexec_fn=heard)
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == ""
    last = output.splitlines()[-1]
    assert last.startswith("stopped; epoch ")
    assert last.endswith("is saved, go on with: python -m demos toytrain --epochs 20000 --pause 0.02 --resume")
    assert {p.name for p in Path("runs/toytrain").iterdir()} >= {"checkpoint.npz", "metrics.csv", "config.json", "index.html"}
    done = int(last.split()[2].replace(",", ""))
    process = start(toy, "toytrain", "--resume", "--epochs", str(done + 1))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and f"epoch {done + 1}/{done + 1}" in output and errors == ""


def test_piped_output_is_plain_lines(toy):
    process = start(toy, "toytrain", "--epochs", "2")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and errors == "" and "\r" not in output and "\x1b" not in output
    assert [line.split("  ")[:2] for line in output.splitlines() if line.startswith("epoch")] == [
        ["epoch 1/2", "loss 1.000"], ["epoch 2/2", "loss 0.500"]]


@pytest.mark.parametrize("arguments", [(), ("toytrain", "--help"), ("toytrain", "--epochs", "2")])
def test_a_reader_that_goes_away_is_no_error(toy, arguments):
    process = start(toy, *arguments)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141 and errors == ""


def test_a_terminal_without_the_letter_gets_another(toy):
    process = start(toy, "toytrain", "--help", env={"PYTHONIOENCODING": "ascii"})
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "caf?" in output and errors == ""


def test_python_dash_m_demos():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    listing = subprocess.run([sys.executable, "-m", "demos"], capture_output=True, text=True, env=environment, timeout=60)
    assert listing.returncode == 0 and listing.stdout.startswith("demo ") and listing.stderr == ""
    wrong = subprocess.run([sys.executable, "-m", "demos", "nosuchdemo"], capture_output=True, text=True, env=environment, timeout=60)
    assert wrong.returncode == 2 and wrong.stdout == "" and wrong.stderr.count("\n") == 1


def test_the_convention_is_documented_where_it_is_read():
    assert "name: text" in command_line.__doc__ and textwrap.dedent(command_line.__doc__).count("main(") == 1
