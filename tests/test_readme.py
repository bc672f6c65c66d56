"""What the README says works: its code runs, its commands exist, and CI runs its test command."""
import importlib
import re
import shlex
from pathlib import Path

import pytest

from demos import command_line
from toy_demos import FLAGS, few_images_and_a_judge_that_guesses, toy_size

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_ci_runs_exactly_the_readmes_test_command():
    commands = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if "pytest" in line and "venv" in line]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_code_blocks_run(code, capsys):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    numbers = [float(n) for n in re.findall(r"-ELBO (\S+)", printed)]
    assert ("-ELBO" in code) == bool(numbers) and all(100 < n < 300 for n in numbers)


COMMANDS = list(dict.fromkeys(command.strip() for command in re.findall(r"python -m demos ([a-z_0-9]+[^`\n|()]*)", README)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all commands: cifar_table reads what cifar has left."""
    return tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_typed(command):
    words = shlex.split(command)
    main = importlib.import_module(f"demos.{words[0]}").main
    command_line.parse(command_line.make_parser(main, words[0]), main, words[1:])


@pytest.mark.parametrize("command", {" ".join(toy_size(shlex.split(command))): command for command in COMMANDS}.values())
def test_commands_run_at_toy_size(command, folder, monkeypatch, capsys):
    few_images_and_a_judge_that_guesses(monkeypatch)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TINYGEN_DATA", str(folder))
    assert command_line.run(toy_size(shlex.split(command))) == 0, capsys.readouterr().err


def test_there_is_a_command_for_every_demo():
    demos = {demo.name for demo in command_line.find()}
    assert {shlex.split(command)[0] for command in COMMANDS} == demos == set(FLAGS)
