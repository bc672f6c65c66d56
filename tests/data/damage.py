"""What the fuzz tests of the readers share: ways to damage a file, and what a reader may do with one."""
import codecs
import sys
import tracemalloc

import pytest
from hypothesis import strategies as st

quiet_escapes = pytest.mark.filterwarnings("ignore:.*invalid.*escape:DeprecationWarning")    # of pickletools, on text opcodes

ALLOWED_PEAK = 64 << 20         # bytes, for files of a few kilobytes: four times what untrusted.py grants any file
RUNS_CODE = {"exec", "compile", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class"}

for _codec in ("cp437", "raw-unicode-escape"):      # the standard library imports these on its way through damaged files
    codecs.lookup(_codec)

_watching, _seen = False, []


def _audit(event, arguments):
    if _watching and event in RUNS_CODE:
        _seen.append((event, arguments))


sys.addaudithook(_audit)        # a hook cannot be taken away again, so it is switched


def watched(function, *arguments):
    """function(*arguments) or the ValueError it raised; fails on any other error, on code that was run, on memory out of proportion."""
    global _watching
    _seen.clear()
    tracemalloc.start()
    _watching = True
    try:
        result = function(*arguments)
    except ValueError as error:
        result = error
    finally:
        _watching = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert not _seen, f"code was run: {_seen}"
    assert peak < ALLOWED_PEAK, f"{peak:,} bytes were used"
    return result


@st.composite
def damaged(draw, data):
    """`data` cut short, with bytes changed, a piece left out, repeated or put in, or the whole replaced by noise."""
    kind = draw(st.sampled_from(["cut", "change", "change", "remove", "repeat", "insert", "noise"]))
    if kind == "noise":
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(data)))
    stop = min(len(data), start + draw(st.integers(0, 40)))
    if kind == "cut":
        return data[:start]
    if kind == "remove":
        return data[:start] + data[stop:]
    if kind == "repeat":
        return data[:stop] + data[start:]
    if kind == "insert":
        return data[:start] + draw(st.binary(min_size=1, max_size=12)) + data[start:]
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255) | st.sampled_from([0, 1, 127, 128, 255]))
    return bytes(changed)
