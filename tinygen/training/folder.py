"""The files around a run: config.json, metrics.csv, the checks before it may go on, and the command that started it."""
import csv
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from ..files import replacing

# Settings that may differ when a run is resumed: it can go on for longer, and on another device (then not bit for bit).
CHANGEABLE = ("epochs", "steps", "device")
# What a result depends on besides the settings, each with the environment variable that sets it.
MACHINE = {"blas_core": "OPENBLAS_CORETYPE", "threads": "TINYGEN_THREADS"}
# What moves the last digits at most, in words.
NOTED = {"numpy": "NumPy", "cupy": "CuPy", "gpu": "GPU"}


def refuse_differences(folder, then, settings, machine):
    """Raise ValueError, naming the first difference, where a run could not go on as if it had never stopped.

    then: the facts of its checkpoint, among them the settings and the machine of that time
    """
    if then.get("demo") and demo() and then["demo"] != demo():
        raise ValueError(f"resume: {folder} was trained by `python -m demos {then['demo']}`, not {demo()}; start a new run in another folder")
    for name in dict.fromkeys([*then["settings"], *settings]):
        old, new = (there.get(name, "not a setting") for there in (then["settings"], settings))
        if old != new and name not in CHANGEABLE:
            raise ValueError(f"resume: {folder} was trained with {name} = {old!r}, not {new!r}; "
                             "use the same settings, or start a new run in another folder")
    if then["settings"].get("device") != settings.get("device"):
        print(f"note: the checkpoint was written on {then['settings'].get('device')}; the last digits will differ")
        return
    for name, variable in MACHINE.items():
        old, new = then["machine"][name], machine[name]
        if old != new:
            raise ValueError(f"resume: {folder} was trained with {name} = {old}, here it is {new}, and the numbers would "
                             f"not be the same; set {variable}={old}, or start a new run in another folder")
    for name, words in NOTED.items():
        old, new = then["machine"].get(name), machine.get(name)
        if old != new and old and new:                      # neither is known on the CPU, nor from before they were written down
            print(f"note: the checkpoint was written with {words} {old}, this is {new}; the last digits may differ")


def retire(folder):
    """A new run takes the folder: what the old one wrote moves into the subfolder `previous`, in place of the run that was there.

    The checkpoint moves last, and `previous` is replaced after that: killed on the way, the next run takes it up again.
    """
    moving = folder / ".previous"
    (moving / "samples").mkdir(parents=True, exist_ok=True)
    patterns = ("index.html", "*.json", "*.csv", "*.png", "*.gif", "*.npz", "samples/epoch-*.png", "samples/step-*.png")
    written = [path for pattern in patterns for path in folder.glob(pattern)]
    for path in sorted(written, key=lambda path: path.name == "checkpoint.npz"):
        os.replace(path, moving / path.relative_to(folder))
    shutil.rmtree(folder / "previous", ignore_errors=True)
    os.replace(moving, folder / "previous")


def another_study(folder, settings):
    """Whether a finished run without a checkpoint lies in `folder`, of another demo or with other settings: the same again may replace it."""
    if not (folder / "index.html").exists():
        return False
    try:
        config = json.loads((folder / "config.json").read_text())
        return (config.get("demo"), config["settings"]) != (demo(), settings)
    except (OSError, ValueError, KeyError):
        return True


def write_json(path, content):
    """`content` as indented JSON."""
    with replacing(path, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")


def write_metrics(path, history):
    """The rows {column: number} as CSV. A row may have columns that others lack."""
    columns = dict.fromkeys(name for row in history for name in row)
    with replacing(path, "w") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def command():
    """The command that started this process, as a person would type it."""
    program = ["-m", "demos"] if _is_demo() else sys.argv[:1]
    return shlex.join(["python", *program, *sys.argv[1:]])


def how_to_resume():
    """What to type to go on with the run."""
    if not _is_demo():
        return "Run(..., resume=True)"
    return command() if "--resume" in sys.argv else f"{command()} --resume"


def demo():
    """The name of the demo that is running, "" outside of one."""
    return sys.argv[1] if _is_demo() and len(sys.argv) > 1 else ""


def about():
    """The demo's name and what it is about, from the first line of its docstring; "" outside of a demo."""
    text = (getattr(sys.modules.get(f"demos.{demo()}"), "__doc__", None) or "").strip().split("\n")[0]
    return f"{demo()}: {text}" if text else demo()


def _is_demo():
    return Path(sys.argv[0]).parts[-2:] == ("demos", "__main__.py")
