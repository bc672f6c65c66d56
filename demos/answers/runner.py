"""Runs the answers and prints them: text, numbers, PASS or FAIL; figures into a folder."""
import textwrap
import time
from pathlib import Path

import tinygen as tg
from tinygen.figures import save

from . import (sheet000_echo, sheet000_gan, sheet001_coding, sheet001_gan, sheet001_vae, sheet002_autoencoders, sheet002_gan,  # noqa: F401
               sheet002_gradients, sheet003, sheet004_priors, sheet004_training)
from .questions import QUESTIONS, Check, Drawing, answer, chosen
from .training import see_also, use_runs

WIDTH = 118


def main(*ids: str, figures=True, text=True, runs="runs", out="runs/answers"):
    """Answer the questions and print what was computed; the exit code is 1 where a check fails.

    ids: the questions (001.3e) or whole sheets (001) to answer; all where none is given
    figures: draw the figures of the answers into the output folder
    text: print the answers and their numbers, not only one line a question
    runs: the folder in which the finished runs of other demos are looked for
    out: the folder for the figures
    """
    questions = chosen(ids)
    use_runs(runs)
    threads = tg.get_threads()
    tg.set_threads(1)                   # the networks here are small: a second thread would only wait for the first
    try:
        _run(questions, figures, text, Path(out))
    finally:
        tg.set_threads(threads)


def _run(questions, figures, text, out):
    if figures:
        out.mkdir(parents=True, exist_ok=True)
    start, results = time.perf_counter(), []
    for question in questions:
        result = answer(question)
        drawn = [_draw(line, question.id, out) for line in result.lines if isinstance(line, Drawing)] if figures else []
        if text:
            print(full(result, drawn), end="\n\n", flush=True)
        else:
            print(verdict(result), flush=True)
        results.append(result)
    failed = [r.question.id for r in results if not r.passed]
    checks = sum(isinstance(line, Check) for result in results for line in result.lines)
    print(f"{len(results) - len(failed)} of {len(results)} questions PASS, {checks} checks, {time.perf_counter() - start:.0f} s"
          + (f"; FAIL: {', '.join(failed)}" if failed else ""))
    if failed:
        raise SystemExit(1)


def full(result, drawn=()):
    """The whole answer as text: the question, the answer in words, every computed line, figures, other demos, the verdict."""
    question = result.question
    lines = [f"{question.id}  {question.title}"]
    lines += [textwrap.indent(question.answer, "    "), ""]
    for line in result.lines:
        if isinstance(line, Check):
            lines.append(_hanging(f"{'ok  ' if line.passed else 'FAIL'}  {line.name}: {line.shown}"))
        elif not isinstance(line, Drawing):
            lines.append(_hanging(f"      {line.text}"))
    lines += [f"    figure: {path}" for path in drawn]
    lines += [f"    see also: {demo}" for demo in see_also(question.id)]
    return "\n".join([*lines, verdict(result)])


def verdict(result):
    """One line: PASS or FAIL, the id, the title, the number of checks, the seconds."""
    checks = sum(isinstance(line, Check) for line in result.lines)
    return f"{'PASS' if result.passed else 'FAIL'} {result.question.id:8} {result.question.title} ({checks} checks, {result.seconds:.1f} s)"


def _hanging(text):
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent=" " * 12, break_on_hyphens=False, break_long_words=False)


def _draw(drawing, id, out):
    path = out / f"{id}-{drawing.name}.png"
    save(drawing.draw(), path)
    return path
