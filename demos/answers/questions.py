"""The form of an answer: a function whose docstring answers the question, and which yields what it computed as checks.

    @question("001.1h", "KL of two Gaussians of equal variance")
    def equal_variances():
        '''KL(q || p) = (mu_q - mu_p)^2 / (2 sigma^2): the logarithms of the two normalisers cancel.'''
        yield check("by quadrature", kl(q, p, dx=dx), 0.125, 1e-9)

An answer passes when each of its checks does. A check holds a computed number against another one: a closed form, or the same
quantity computed in another way. Where the sheet prints an answer of its own, `sheet=` holds that too, and it must then be wrong.
"""
import difflib
import inspect
import math
import time
from typing import Callable, NamedTuple

import numpy as np

QUESTIONS = {}
"""Every question by its id, in the order of the sheets."""


class Question(NamedTuple):
    """One question of a sheet, its answer in words, and the function that computes."""
    id: str
    title: str
    answer: str
    compute: Callable
    trained: bool


class Check(NamedTuple):
    """One computed line of an answer: what, the number and what it must be, in words, and whether it is."""
    name: str
    shown: str
    passed: bool


class Note(NamedTuple):
    """A computed remark that claims nothing: a setting, a size, where the numbers come from."""
    text: str


class Drawing(NamedTuple):
    """A figure: its short name, and a function without arguments that returns it, called only where figures are wanted."""
    name: str
    draw: Callable


class Result(NamedTuple):
    """What came of one question: its lines in order, whether all checks passed, and the seconds it took."""
    question: Question
    lines: tuple
    passed: bool
    seconds: float


def question(id, title, *, trained=False):
    """Declare the decorated generator function as the answer to question `id`; `trained` where the answer needs a training run."""
    def declare(compute):
        if id in QUESTIONS:
            raise ValueError(f"question: {id} is answered twice, by {QUESTIONS[id].compute.__name__} and {compute.__name__}")
        QUESTIONS[id] = Question(id, title, inspect.getdoc(compute), compute, trained)
        return compute
    return declare


def check(name, computed, expected, tolerance=1e-9, *, sheet=None):
    """`computed` equals `expected` to within an absolute `tolerance` (infinities equal themselves), and the sheet's own number does not."""
    computed, expected = np.asarray(computed, float), np.asarray(expected, float)
    passed = _near(computed, expected, tolerance)
    if computed.ndim or expected.ndim:
        worst = np.abs(computed - expected).max()
        shown = f"largest difference {worst:.2g} over {np.broadcast(computed, expected).size} values (allowed {tolerance:.1g})"
    elif expected == 0:
        shown = f"{number(computed)} = 0 (within {tolerance:.1g})"
    else:
        exact = computed == expected and float(expected).is_integer() or not math.isfinite(expected)
        shown = f"{number(computed)} = {number(expected)}" + ("" if exact else f" (within {tolerance:.1g})")
    if sheet is not None:
        wrong = not _near(np.asarray(sheet, float), computed, tolerance)
        shown += f"; the sheet says {number(sheet)}, which is {'wrong' if wrong else 'the same'}"
        passed = passed and wrong
    return Check(name, shown, bool(passed))


def less(name, smaller, larger):
    """`smaller` < `larger`, strictly."""
    return Check(name, f"{number(smaller)} < {number(larger)}", bool(smaller < larger))


def holds(name, passed, shown):
    """A statement that was found true or not, and the numbers that say so."""
    return Check(name, str(shown), bool(passed))


def note(text):
    """A remark beside the checks; every number in it was computed."""
    return Note(text)


def drawing(name, draw):
    """A figure of this answer, drawn by `draw()` where figures are wanted."""
    return Drawing(name, draw)


def answer(question):
    """Compute one question and return its `Result`."""
    start = time.perf_counter()
    lines = tuple(question.compute())
    checks = [line for line in lines if isinstance(line, Check)]
    return Result(question, lines, bool(checks) and all(c.passed for c in checks), time.perf_counter() - start)


def chosen(ids):
    """The questions whose ids begin with one of `ids` ("001.3e", "001.3", "001"), in the order of the sheets; all where none is given.

    Raises ValueError for what begins no id.
    """
    unknown = [id for id in ids if not any(q.startswith(id) for q in QUESTIONS)]
    if unknown:
        near = difflib.get_close_matches(unknown[0], QUESTIONS, 3, 0.5)
        remedy = f"did you mean {' or '.join(near)}?" if near else "ids look like 001.3e, sheets like 001"
        raise ValueError(f"there is no question {unknown[0]}; {remedy}")
    groups = tuple(id for id in ids if id not in QUESTIONS)              # 004.2.II is a question of its own, not the start of 004.2.III
    return [q for id, q in sorted(QUESTIONS.items()) if not ids or id in ids or groups and id.startswith(groups)]


def number(x):
    """A number as this demo prints it: whole ones with thousands apart, others with seven digits, no more than needed."""
    x = float(x)
    return f"{x:,.0f}" if x.is_integer() and abs(x) < 1e12 else f"{x:.7g}"


def _near(a, b, tolerance):
    with np.errstate(invalid="ignore"):             # inf - inf
        return np.all((a == b) | (np.abs(a - b) <= tolerance))
