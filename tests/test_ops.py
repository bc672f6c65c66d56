"""Every operation of the table in op_cases.py: values, types, gradients to second order, adjoints; and conventions at kinks."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from op_cases import CASES
from tinygen.autograd import ancestors, primitives
from tinygen.ops import normalization
from tinygen.testing import check_op

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("name", BY_NAME)
@given(st.data())
def test_operation(name, data):
    case = BY_NAME[name]
    inputs, settings = data.draw(case.inputs)
    check_op(lambda *xs: case.op(*xs, **settings), inputs, order=case.order,
             reference=lambda *xs: case.reference(*xs, **settings), linear_in=case.linear_in)


# ---- nothing is left out -------------------------------------------------------------------------------------------------------


def test_every_primitive_has_a_row():
    declared = {name for name, op in primitives.items() if op.forward.__module__.startswith("tinygen.ops.")}
    assert declared - set(BY_NAME) == set()


@pytest.mark.parametrize("name", [name for name in BY_NAME if name in primitives and not BY_NAME[name].why])
@given(st.data())
def test_a_row_reaches_its_primitive(name, data):
    inputs, settings = data.draw(BY_NAME[name].inputs)
    y = BY_NAME[name].op(*(tg.Tensor(x, requires_grad=True) for x in inputs), **settings)
    recorded = {t.op.__name__ for t in ancestors(y) if t.op}
    assert name in recorded or name in ("reshape", "broadcast_to")     # which hand x on where there is nothing to do


def test_every_public_operation_has_a_row():
    public = {name for name, f in vars(tg).items() if callable(f) and getattr(f, "__module__", "").startswith("tinygen.ops")}
    tested_below = {"argmax", "one_hot", "dropout"}            # integers, and noise
    assert public - set(BY_NAME) == tested_below


def test_a_lowered_order_carries_its_reason():
    for case in CASES:
        assert (case.order < 2) == bool(case.why), case.name
