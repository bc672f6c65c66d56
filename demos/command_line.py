"""From a demo's `main` to a command: its keyword defaults are the settings, and become the flags.

A demo is a module in this folder (or a package):

    '''A Bernoulli VAE on digits: samples, latent space, interpolation [001.2]

    --help prints all of this docstring. Its first line stands in the table of demos; it may end with the sheet and
    question that the demo answers.
    '''

    def main(*, data="mnist-mini", epochs=20, arch: Literal["one", "two"] = "one", seed=1234, out="runs/vae", resume=False):
        '''Train it and draw the figures of the sheet.

        epochs: passes over the training set
        arch: hidden layers of the decoder, as the sheet's text can be read in two ways
        '''

Every `name: text` line of main's docstring explains the flag --name; lines indented deeper continue it. The type of a
flag is that of its default, or its annotation where the default is None; a Literal lists the choices; True or False
makes --name and --no-name; a tuple takes several values. Parameters before the * are arguments without a flag.
"""
import argparse
import ast
import difflib
import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import re
import shutil
import sys
import textwrap
import types
import typing
from pathlib import Path

import demos

PROGRAM = "python -m demos"
WIDTH = 80
# What every demo means by these; a demo's own text comes first.
COMMON = {
    "data": "the data set: mnist-mini, fashion-mini (both in the package), mnist, fashion-mnist",
    "epochs": "passes over the training set",
    "batch_size": "images in a training step",
    "lr": "the learning rate of the optimizer",
    "device": "where to compute: cpu, or cuda (needs CuPy and a GPU)",
    "seed": "the one number that all randomness comes from",
    "out": "the folder to write everything to",
    "resume": "go on from the checkpoint in that folder, with the settings it was started with",
}
CHOICES = {"device": ("cpu", "cuda")}
# The type of --data where images must be grey ones of 28 x 28 pixels: a demo says `data: Grey = "mnist-mini"`.
Grey = typing.Literal["mnist-mini", "fashion-mini", "mnist", "fashion-mnist"]
# Numbers of which there is at least one.
COUNTS = {"epochs", "steps", "every", "batch_size", "critic_steps", "generator_steps", "samples", "images", "iterations", "starts", "pairs"}


class UsageError(ValueError):
    """A mistake in the command: one line that says what to type instead."""


def run(arguments):
    """Run `python -m demos ARGUMENTS` and return its exit code: 0; 2 after a mistake, told in one line; 130 after Ctrl-C;
    141 when whoever read the output has gone. TINYGEN_TRACEBACK=1 shows where an error came from."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")        # a terminal that lacks a letter is no reason to stop
    program = PROGRAM
    try:
        if not arguments or arguments[0] in ("-h", "--help"):
            print(table())
        else:
            name, *flags = arguments
            known = [demo.name for demo in find()]
            if name not in known:
                raise UsageError(f"there is no demo {name!r}{_near(name, known)} ({PROGRAM} lists them)")
            program = f"{PROGRAM} {name}"
            _run_demo(importlib.import_module(f"demos.{name}"), program, flags)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # Python flushes stdout once more as it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
        if os.environ.get("TINYGEN_TRACEBACK", "0") not in ("", "0"):
            raise
        text = _one_line(error)
        told = f"{program.split()[-1]}: "                   # errors of a demo's own begin with its name
        print(f"{program}: {text.removeprefix(told)}", file=sys.stderr)
        return 2


def _run_demo(module, program, flags):
    parser = make_parser(module.main, program, module.__doc__)
    if {"-h", "--help"} & set(flags):
        print(parser.format_help(), end="")
        return
    positional, settings = parse(parser, module.main, flags)
    module.main(*positional, **settings)


# ---- the list of demos ---------------------------------------------------------------------------------------------------


class Demo(typing.NamedTuple):
    name: str
    sheet: str          # "001.2": sheet and question, or nothing
    text: str


def find(package=demos):
    """All Demos in the package, from their docstrings, without running any of their code."""
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        full_name = f"{package.__name__}.{module.name}"
        tree = ast.parse(importlib.util.find_spec(full_name).loader.get_source(full_name))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        names |= {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        if "main" in names:
            line = (ast.get_docstring(tree) or "").split("\n")[0]
            text, sheet = re.fullmatch(r"(.*?)\s*(?:\[(.*)\])?\.?", line).groups()
            found.append(Demo(module.name, sheet or "", text))
    return found


def table(package=demos):
    """The demos in one table, 80 columns wide."""
    rows = [("demo", "sheet", "what it does"), *find(package)]
    name, sheet = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [textwrap.fill(text, WIDTH, initial_indent=f"{row_name:{name}}  {row_sheet:{sheet}}  ",
                           subsequent_indent=" " * (name + sheet + 4)) for row_name, row_sheet, text in rows]
    return "\n".join([*lines, "", f"{PROGRAM} NAME [flags]  runs one",
                      f"{PROGRAM} NAME --help   explains it and its flags"])


# ---- flags -----------------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse, except that a mistake is an error of one line instead of a page and an exit."""

    def error(self, message):
        raise UsageError(f"{message} (--help explains the flags)")


def make_parser(main, program, description=None):
    """The argparse parser for the settings of `main`; see the top of this file."""
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, 120)
    parameters = inspect.signature(main).parameters
    arguments = [_in_usage(name, parameter) for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    parser = _Parser(prog=program, usage=" ".join(["%(prog)s", *arguments, "[flags]"]), allow_abbrev=False,
                     description=_refill(inspect.cleandoc(description or main.__doc__ or ""), width),
                     epilog="TINYGEN_THREADS=n uses n threads.\nTINYGEN_TRACEBACK=1 shows where an error came from.",
                     formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=24, width=width))
    texts = {**COMMON, **explanations(main)}
    annotations = typing.get_type_hints(main)
    for name, parameter in parameters.items():
        kind, choices, several = _type(name, parameter, annotations.get(name))
        several = several or parameter.kind is parameter.VAR_POSITIONAL
        options = {"help": texts.get(name, "").replace("%", "%%")}
        if kind is not bool:
            options |= {"type": _reader(name, kind, choices), "metavar": "|".join(choices) if choices else name.upper()}
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.default is parameter.empty:
                options["required"] = True
            else:
                options["default"] = parameter.default
                options["help"] += _default_text(parameter.default)
            if kind is bool:
                options["action"] = argparse.BooleanOptionalAction if name != "resume" else "store_true"
            elif several:
                options["nargs"] = "+"
            flag = parser.add_argument("--" + name.replace("_", "-"), **options)
            flag.help = options["help"]         # some versions of argparse add a second "(default: ...)"
        else:
            if several:
                options["nargs"] = "*"
            elif parameter.default is not parameter.empty:
                options |= {"nargs": "?", "default": parameter.default}
            parser.add_argument(name, **options)
    return parser


def _in_usage(name, parameter):
    """An argument without a flag as the usage line shows it, in brackets where it may be left out."""
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"[{name.upper()} ...]"
    return name.upper() if parameter.default is parameter.empty else f"[{name.upper()}]"


def _refill(text, width):
    """Paragraphs of prose broken anew to fit `width`; what is indented or set in columns stays as it is, unless it is too wide."""
    def fold(line):
        columns = re.fullmatch(r"( *)(\S.*?)  +(\S.*?)", line)
        if len(line) <= width or not columns or "  " in columns[3]:     # it fits, or is prose, or a table
            return line
        indent, first, second = columns.groups()
        return f"{indent}{first}\n" + textwrap.fill(second, width, initial_indent=indent + "    ", subsequent_indent=indent + "    ")

    preformatted = re.compile(r"^ |\S  +\S|^[-|*] ", re.MULTILINE)
    return "\n\n".join("\n".join(map(fold, p.split("\n"))) if preformatted.search(p) else textwrap.fill(p, width) for p in text.split("\n\n"))


def explanations(main):
    """{name: text} from the `name: text` lines of main's docstring."""
    found, name = {}, None
    for line in inspect.cleandoc(main.__doc__ or "").split("\n"):
        start = re.match(r"(\w+): +(\S.*)", line)
        if start and start[1] in inspect.signature(main).parameters:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.startswith(" "):
            found[name] += " " + line.strip()
        else:
            name = None
    return found


def parse(parser, main, flags):
    """(positional arguments, {keyword: value}) for `main`. With --resume, flags that are not given are those of the run
    in the folder."""
    chosen = _parse(parser, flags)
    config = Path(getattr(chosen, "out", "")) / "config.json"
    if getattr(chosen, "resume", False) and config.is_file():
        try:
            earlier = json.loads(config.read_text())["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{config} is damaged ({error}); remove it, and give all flags again") from error
        parser.set_defaults(**{name: value for name, value in earlier.items() if hasattr(chosen, name)})
        chosen = _parse(parser, flags)
    positional, settings = [], {}
    for name, parameter in inspect.signature(main).parameters.items():
        value = getattr(chosen, name)
        value = tuple(value) if isinstance(value, list) else value
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += value
        elif parameter.kind is parameter.KEYWORD_ONLY:
            settings[name] = value
        else:
            positional.append(value)
    return positional, settings


def _parse(parser, flags):
    chosen, unknown = parser.parse_known_args(flags)
    if unknown:
        known = [flag for action in parser._actions for flag in action.option_strings]
        flag = unknown[0].split("=")[0]
        kind = "flag" if flag.startswith("-") else "argument"
        raise UsageError(f"unknown {kind} {flag}{_near(flag, known)} (--help explains the flags)")
    return chosen


def _type(name, parameter, annotation):
    """(type, choices or None, whether it takes several values) of a parameter."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):        # float | None
        annotation = next(kind for kind in typing.get_args(annotation) if kind is not type(None))
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        return type(choices[0]), [str(choice) for choice in choices], False
    if typing.get_origin(annotation) in (tuple, list):
        return typing.get_args(annotation)[0], None, True
    default = parameter.default
    if isinstance(default, (tuple, list)):
        return (type(default[0]) if default else str), None, True
    if annotation is None:
        annotation = str if default is None or default is parameter.empty else type(default)
    return annotation, CHOICES.get(name), False


def _reader(name, kind, choices):
    """A function from the text of the flag `name` to its value."""
    def read(text):
        if choices and text not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(choices)}{_near(text, choices)}")
        try:
            value = kind(text)
        except ValueError:
            what = {int: "a whole number", float: "a number"}.get(kind, f"a {kind.__name__}")
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
        if name in COUNTS and kind is int and value < 1:
            raise argparse.ArgumentTypeError(f"{value} must be 1 or more")
        return value
    return read


def _default_text(default):
    if default is None or default is False or default == ():
        return ""
    return f" (default: {' '.join(map(str, default)) if isinstance(default, (tuple, list)) else default})".replace("%", "%%")


def _near(text, known):
    plain = {name.lstrip("-"): name for name in map(str, known)}            # the dashes of flags make no two of them alike
    near = difflib.get_close_matches(text.lstrip("-"), plain, 1, 0.65)
    return f"; did you mean {plain[near[0]]}?" if near else ""


def _one_line(error):
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())
