"""The closed pickle machine: equal to pickle on plain data, deaf to everything else."""
import os
import pickle
import pickletools
import struct

import pytest
from damage import damaged, quiet_escapes, watched
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen.data.pickles import read_pickle

pytestmark = quiet_escapes

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
plain = st.recursive(scalars | st.binary(), lambda inner: st.lists(inner) | st.tuples(inner) | st.tuples(inner, inner)
                     | st.tuples(inner, inner, inner) | st.lists(inner, min_size=4).map(tuple)
                     | st.dictionaries(st.text() | st.integers() | st.binary(), inner), max_leaves=20)
older = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner), max_leaves=20)


@given(plain, st.integers(3, 5))
def test_reads_plain_data_as_pickle_does(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol), {}) == value


@given(older, st.integers(0, 2))
def test_reads_the_older_protocols(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol), {}) == value


def test_keeps_sharing_and_cycles():
    inner = [1]
    outer = [inner, inner]
    outer.append(outer)
    read = read_pickle(pickle.dumps(outer), {})
    assert read[0] is read[1] and read[2] is read


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_never_runs_what_a_pickle_asks_for(protocol, tmp_path):
    trace = tmp_path / "trace"
    for evil in (Calls(os.system, f"touch {trace}"), Calls(eval, f"open({str(trace)!r}, 'w')"), Calls(open, str(trace), "w"),
                 {"data": [Calls(os.mkdir, str(trace))]}):
        outcome = watched(read_pickle, pickle.dumps(evil, protocol), {})
        assert isinstance(outcome, ValueError) and "which is not plain data" in str(outcome)
        assert not trace.exists()


def test_calls_nothing_but_the_functions_of_the_table():
    table = {("safe", "double"): lambda x: 2 * x, ("safe", "constant"): "text"}
    assert read_pickle(b"csafe\ndouble\n(I21\ntR.", table) == 42
    for program in (b"csafe\nconstant\n(I21\ntR.", b"I3\n(I21\ntR.", b"csafe\ndouble\nI3\nR.", b"(lcsafe\ndouble\nb."):
        with pytest.raises(ValueError):
            read_pickle(program, table)
    with pytest.raises(ValueError, match="INST"):
        read_pickle(b"(I1\nisafe\ndouble\n.", table)
    with pytest.raises(ValueError, match="not plain data"):
        read_pickle(b"\x80\x04\x8c\x02os\x8c\x06system\x93.", table)


@pytest.mark.parametrize("program", [
    b"", b".", b"N", b"(.", b"t.", b"0.", b"]K\x01", b"g7\n.", b"h\x07.", b"N\x85\x85\x86.", b"K\x01K\x02s.", b"}]K\x01s.", b"}(K\x01u.",
    b"(K\x01K\x02K\x03d.", b"NK\x01a.", b"N(K\x01e.", b"Q.", b"\xff.", b"I" + b"9" * 5000 + b"\n."])
def test_damaged_programs_are_errors(program):
    with pytest.raises((ValueError, IndexError, KeyError, TypeError)):
        read_pickle(program, {})


@pytest.mark.parametrize("program", [
    b"B" + struct.pack("<I", 2**32 - 1) + b"x.", b"\x8e" + struct.pack("<Q", 2**40) + b"x.", b"\x96" + struct.pack("<Q", 2**62) + b"x.",
    b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x.", b"X" + struct.pack("<I", 2**31) + b"x.", b"T" + struct.pack("<i", 2**31 - 1) + b"x.",
    b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N"])
def test_lengths_that_lie_take_no_memory(program):
    assert isinstance(watched(read_pickle, program, {}), ValueError)


def test_a_memo_with_a_huge_index_takes_no_memory():
    assert watched(read_pickle, b"K\x07r" + struct.pack("<I", 2**32 - 1) + b"0j" + struct.pack("<I", 2**32 - 1) + b".", {}) == 7


def test_a_tuple_nested_in_itself_many_times_is_no_key():
    program = b"(l" + b"\x85" + b"2\x86" * 60 + b"}0N."       # hashing it would visit 2^60 items
    assert read_pickle(program, {}) is None
    with pytest.raises(ValueError, match="keys"):
        read_pickle(b"}K\x01\x85" + b"2\x86" * 60 + b"Ns.", {})


EXAMPLE = pickle.dumps({"data": b"x" * 20, "labels": [1, 2, 300, 2**40], "name": ("a", 1.5, None, True)}, 2)


@given(damaged(EXAMPLE))
@settings(max_examples=300, deadline=None)
def test_fuzzed_pickles_end_in_plain_data_or_an_error(data):
    try:
        watched(read_pickle, data, {})
    except (TypeError, KeyError, IndexError, AttributeError, ArithmeticError):
        pass                                                    # the readers turn these into a ValueError with the file's name


@given(st.lists(st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes]) | st.binary(min_size=1, max_size=4)))
@settings(max_examples=300, deadline=None)
def test_fuzzed_programs_run_nothing(instructions):
    try:
        watched(read_pickle, b"".join(instructions) + b".", {("os", "system"): None})
    except (TypeError, KeyError, IndexError, AttributeError, ArithmeticError):
        pass
