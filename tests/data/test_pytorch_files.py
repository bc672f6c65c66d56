"""The reader of PyTorch files, on archives put together by hand, byte by byte as `torch.save` writes them."""
import io
import struct
import zipfile

import numpy as np
import pytest
from damage import damaged, quiet_escapes, watched
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen.data import read_state_dict

pytestmark = quiet_escapes


# A small assembler for pickles: each function gives the instructions that push one value.

def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def items(*values):
    return b"(" + b"".join(values) + b"t"


def numbers(*values):
    return items(*map(number, values))


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def mapping(**values):
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def ordered(**values):
    """An OrderedDict with the attribute _metadata, as a module's state dict is."""
    made = name("collections", "OrderedDict") + b")R"
    return made + b"(" + b"".join(text(key) + value for key, value in values.items()) + b"u" + mapping(_metadata=made) + b"b"


def tensor(size, stride, *, offset=0, kind="FloatStorage", key="0", count=6):
    storage = items(text("storage"), name("torch", kind), text(key), text("cpu"), number(count)) + b"Q"
    return (name("torch._utils", "_rebuild_tensor_v2")
            + items(storage, number(offset), numbers(*size), numbers(*stride), b"\x89", name("collections", "OrderedDict") + b")R") + b"R")


def saved(content, storages, *, folder="archive/", byteorder=b"little", extra=()):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{folder}data.pkl", b"\x80\x02" + content + b".")
        if byteorder:
            archive.writestr(f"{folder}byteorder", byteorder)
        for key, data in storages.items():
            archive.writestr(f"{folder}data/{key}", data)
        archive.writestr(f"{folder}version", b"3\n")
        for member, data in extra:
            archive.writestr(member, data)
    return file.getvalue()


SIX = np.arange(6, dtype="<f4")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    path = tmp_path_factory.mktemp("scratch") / "model.pth"

    def write(data):
        path.write_bytes(data)
        return path
    return write


def read(scratch, *arguments, **options):
    return read_state_dict(scratch(saved(*arguments, **options)))


def refused(scratch, reason, *arguments, **options):
    path = scratch(saved(*arguments, **options))
    outcome = watched(read_state_dict, path)
    assert isinstance(outcome, ValueError)
    assert str(outcome).startswith(f"read_state_dict: {path} cannot be read as a PyTorch state dict: ")
    assert str(outcome).endswith("; save it again with torch.save(module.state_dict(), path)")
    assert reason in str(outcome)


def test_a_state_dict(scratch):
    state = read(scratch, ordered(**{"0.weight": tensor((2, 3), (3, 1)), "0.bias": tensor((), (), key="1", count=1)}),
                 {"0": SIX.tobytes(), "1": SIX[4:5].tobytes()})
    assert list(state) == ["0.weight", "0.bias"]
    assert state["0.weight"].tolist() == [[0, 1, 2], [3, 4, 5]] and state["0.weight"].dtype == np.float32
    assert state["0.bias"].shape == () and state["0.bias"] == 4
    state["0.weight"][0, 0] = 7                                             # to be worked with, not only looked at
    assert state["0.weight"][0, 0] == 7


def test_strides_and_offsets(scratch):
    state = read(scratch, mapping(transposed=tensor((3, 2), (1, 3)), column=tensor((2,), (3,), offset=1), empty=tensor((0, 5), (5, 1)),
                                  last=tensor((), (), offset=5), stretched=tensor((1, 6), (10**9, 1))), {"0": SIX.tobytes()})
    assert state["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert state["column"].tolist() == [1, 4] and state["empty"].shape == (0, 5) and state["last"] == 5
    assert state["stretched"].tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("kind, dtype", [
    ("FloatStorage", "f4"), ("DoubleStorage", "f8"), ("HalfStorage", "f2"), ("LongStorage", "i8"), ("IntStorage", "i4"), ("ShortStorage", "i2"),
    ("CharStorage", "i1"), ("ByteStorage", "u1"), ("BoolStorage", "?")])
@pytest.mark.parametrize("byteorder", ["little", "big", None])
def test_every_dtype_in_both_byte_orders(scratch, kind, dtype, byteorder):
    values = np.array([0, 1, 0, 1, 100, 3]).astype(dtype)
    stored = values.astype(np.dtype(dtype).newbyteorder(">" if byteorder == "big" else "<")).tobytes()
    state = read(scratch, mapping(a=tensor((6,), (1,), kind=kind)), {"0": stored}, byteorder=byteorder and byteorder.encode())
    assert state["a"].dtype == np.dtype(dtype) and np.array_equal(state["a"], values)


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_bfloat16_becomes_float32_exactly(scratch, byteorder):
    values = np.array([0.0, -1.0, 3.140625, 2.0**-130, np.inf, np.nan], "<f4")
    stored = (values.view("<u4") >> 16).astype("<u2" if byteorder == "little" else ">u2").tobytes()
    state = read(scratch, mapping(a=tensor((6,), (1,), kind="BFloat16Storage")), {"0": stored}, byteorder=byteorder.encode())
    assert state["a"].dtype == np.float32 and np.array_equal(state["a"], values, equal_nan=True)


def test_nested_containers_give_dotted_names_and_other_values_are_left_out(scratch):
    one = tensor((6,), (1,))
    parameter = name("torch._utils", "_rebuild_parameter") + items(one, b"\x88", name("collections", "OrderedDict") + b")R") + b"R"
    state = read(scratch, mapping(epoch=number(3), state_dict=ordered(**{"0.weight": parameter}), steps=b"](" + one + b"N" + one + b"e",
                                  size=name("torch", "Size") + items(numbers(2, 3)) + b"R"), {"0": SIX.tobytes()})
    assert list(state) == ["state_dict.0.weight", "steps.0", "steps.2"]


def test_tensors_of_one_storage_share_memory(scratch):
    state = read(scratch, mapping(a=tensor((6,), (1,)), b=tensor((6,), (1,))), {"0": SIX.tobytes()})
    assert np.shares_memory(state["a"], state["b"])


def test_the_folder_may_have_any_name(scratch):
    assert read(scratch, mapping(a=tensor((6,), (1,))), {"0": SIX.tobytes()}, folder="model_best/")["a"].tolist() == SIX.tolist()


def test_data_pkl_without_a_folder(scratch):
    assert read(scratch, mapping(a=tensor((6,), (1,))), {"0": SIX.tobytes()}, folder="")["a"].tolist() == SIX.tolist()


@pytest.mark.parametrize("reason, content", [
    ("reaches beyond", tensor((7,), (1,))), ("reaches beyond", tensor((6,), (1,), offset=1)), ("reaches beyond", tensor((2, 3), (4, 1))),
    ("reaches beyond", tensor((2,), (2**60,))), ("repeats the 6 elements", tensor((10**9, 10**6), (0, 0))), ("repeats", tensor((7,), (0,))),
    ("negative sizes", tensor((-1,), (1,))), ("negative sizes", tensor((2,), (-1,), offset=3)), ("negative sizes", tensor((1,), (1,), offset=-1)),
    ("negative sizes", tensor((2, 3), (1,))), ("6 elements where 7", tensor((1,), (1,), count=7)), ("6 elements where 5", tensor((1,), (1,), count=5)),
    ("3 elements where 6", tensor((1,), (1,), kind="DoubleStorage")), ("bytes of storage 9 are missing", tensor((1,), (1,), key="9")),
    ("bytes of storage ../0 are missing", tensor((1,), (1,), key="../0")), ("torch.ComplexFloatStorage", tensor((1,), (1,), kind="ComplexFloatStorage")),
    ("posix.system", name("posix", "system") + items(text("true")) + b"R"), ("torch.nn.modules.linear.Linear", name("torch.nn.modules.linear", "Linear")),
    ("not a storage", items(text("module"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(6)) + b"Q"),
    ("not a storage", items(text("storage"), text("f4x"), text("0"), text("cpu"), number(6)) + b"Q")])
def test_what_a_tensor_may_not_say(scratch, reason, content):
    refused(scratch, reason, mapping(a=content), {"0": SIX.tobytes()})


@pytest.mark.parametrize("reason, content", [
    ("a single tensor, not a dict", tensor((6,), (1,))), ("a list, not a dict", b"]"), ("two tensors that would both be named 'a.b'", mapping(
        **{"a.b": tensor((6,), (1,)), "a": mapping(b=tensor((6,), (1,)))}))])
def test_what_the_content_may_not_be(scratch, reason, content):
    refused(scratch, reason, content, {"0": SIX.tobytes()})


def test_containers_without_end(scratch):
    cycle = b"}q\x01" + text("self") + b"h\x01s"
    many = b"]" + b"".join(b"q" + bytes([i]) + b"0](h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(45))
    refused(scratch, "nested without end", cycle, {})
    refused(scratch, "nested without end", mapping(a=many), {})            # 2^45 paths through 45 lists
    refused(scratch, "nested without end", mapping(**{"x" * 1001: tensor((6,), (1,))}), {"0": SIX.tobytes()})


def test_archives_of_another_kind(scratch):
    whole = saved(mapping(a=tensor((6,), (1,))), {"0": SIX.tobytes()})
    for data, reason in ((b"", "not a zip archive"), (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "not a zip archive, which torch.save writes since"),
                         (whole[:-30], "not a zip file"), (whole[:100], "not a zip file")):
        outcome = watched(read_state_dict, scratch(data))
        assert isinstance(outcome, ValueError) and reason in str(outcome)
    refused(scratch, "TorchScript archive", mapping(), {}, extra=[("archive/constants.pkl", b"")])
    refused(scratch, "2 members named data.pkl", mapping(), {}, extra=[("other/data.pkl", b"")])
    refused(scratch, "would leave the archive's folder", mapping(), {}, extra=[("../../evil", b"")])
    refused(scratch, "would leave the archive's folder", mapping(), {}, extra=[("/etc/evil", b"")])
    refused(scratch, "middle", mapping(), {}, byteorder=b"middle")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="read_state_dict: .*none.pth is not a file"):
        read_state_dict(tmp_path / "none.pth")


CONTENT = mapping(state_dict=ordered(a=tensor((2, 3), (3, 1)), b=tensor((2,), (3,), offset=1, kind="BFloat16Storage", key="1")), epoch=number(3))
STORED = {"0": SIX.tobytes(), "1": SIX.tobytes()[:12]}


@given(damaged(saved(CONTENT, STORED)))
@settings(max_examples=150, deadline=None)
def test_fuzzed_archives(scratch, data):
    watched(read_state_dict, scratch(data))


@given(damaged(CONTENT))
@settings(max_examples=300, deadline=None)
def test_fuzzed_descriptions(scratch, content):
    watched(read_state_dict, scratch(saved(content, STORED)))


@given(size=st.lists(st.integers(-1, 4) | st.sampled_from([2**31, 2**63]), max_size=4), offset=st.integers(-1, 7), data=st.data())
@settings(max_examples=200, deadline=None)
def test_every_tensor_lies_within_its_storage(scratch, size, offset, data):
    stride = data.draw(st.lists(st.integers(-1, 4) | st.sampled_from([2**31, 2**63]), min_size=len(size), max_size=len(size)))
    outcome = watched(read_state_dict, scratch(saved(mapping(a=tensor(size, stride, offset=offset)), {"0": SIX.tobytes()})))
    if isinstance(outcome, ValueError):
        return
    assert outcome["a"].shape == tuple(size)
    if outcome["a"].size:
        places = offset + sum(np.arange(n).reshape(-1, *[1] * (len(size) - 1 - axis)) * step if n > 1 else 0
                              for axis, (n, step) in enumerate(zip(size, stride)))
        assert np.array_equal(outcome["a"], np.broadcast_to(SIX[places], size))
