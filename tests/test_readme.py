"""What the README says works: its code runs, its commands exist, and CI runs its test command."""
import re
import shlex
from pathlib import Path

import pytest

from demos import command_line

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


def test_every_demo_that_the_readme_names_exists():
    named = {shlex.split(command)[0] for command in re.findall(r"python -m demos ([a-z_0-9]+[^`\n|]*)", README)}
    assert named <= {demo.name for demo in command_line.find()}, named - {demo.name for demo in command_line.find()}
