"""What every reader does before it believes a file: bytes in proportion, names that stay inside, one clear error.

A data file may be cut short, be something else altogether, or be made to do harm: headers that promise a terabyte, a
kilobyte that decompresses without end. Readers take their bytes from here, so each of them is safe from that once.
"""
import contextlib
import errno
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np

# What the standard library and NumPy raise for bytes that are not what they should be.
DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, MemoryError, RuntimeError, EOFError,
           SyntaxError, struct.error, zlib.error, zipfile.BadZipFile, tarfile.TarError)

# An array of real images compresses three to ten times; one of zeros a thousand times, and so do the bombs.
MOST_TIMES, ALWAYS_ALLOWED = 100, 16 << 20
CHUNK = 1 << 20


@contextlib.contextmanager
def reading(path, function, kind, remedy="delete it and fetch it again"):
    """Whatever goes wrong with the bytes of `path` inside the block becomes one ValueError: function, file, reason, remedy."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise FileNotFoundError(f"{function}: {path} is not a file; check the path") from error
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:      # EINVAL: sent to a place before the file's start
            raise
        reason = str(error) or type(error).__name__
        raise ValueError(f"{function}: {path} cannot be read as {kind}: {reason}; {remedy}") from error


def check_size(promised, path):
    """Raise ValueError where `promised` bytes are out of proportion to the file: over 16 MiB and over 100 times its size."""
    most = max(ALWAYS_ALLOWED, MOST_TIMES * os.path.getsize(path))
    if promised > most:
        raise ValueError(f"it promises {promised:,} bytes, which is out of all proportion to a file of "
                         f"{os.path.getsize(path):,}")


def read_plain(path):
    """The bytes of a file; where it begins as .gz or .xz files do, decompressed."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        expand = zlib.decompressobj(wbits=31)                   # 31: the gzip container, with its checksum
    elif data[:6] == b"\xfd7zXZ\0":
        import lzma                                             # not in every Python, so asked for only where needed
        expand = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 27)     # xz -9 needs half of it
    else:
        return data
    try:
        plain = expand.decompress(data, max(ALWAYS_ALLOWED, MOST_TIMES * len(data)) + 1)
    except Exception as error:                                  # zlib.error, lzma.LZMAError
        raise ValueError(str(error)) from error
    check_size(len(plain), path)
    if not expand.eof:
        raise ValueError(f"the compressed data end too soon, after {len(plain):,} bytes")
    if expand.unused_data:
        raise ValueError(f"{len(expand.unused_data):,} bytes follow the compressed data")
    return plain


def read_zip(path):
    """{member name: uint8 array (size,)} of a zip archive, wholly in memory: nothing is ever written where a name says.

    Raises ValueError for names that are absolute or lead upwards, for two members of one name, for any compression but
    deflate, and for sizes out of proportion; zipfile.BadZipFile for a wrong checksum.
    """
    with zipfile.ZipFile(path) as archive:
        check_size(sum(info.file_size for info in archive.infolist()), path)
        members = {}
        for info in archive.infolist():
            name = info.filename
            if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
                raise ValueError(f"it holds a member named {name!r}, which would leave the archive's folder")
            if name in members:
                raise ValueError(f"it holds two members named {name!r}")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"member {name!r} is compressed in another way than deflate")
            members[name] = _read_member(archive, info)
        return members


def _read_member(archive, info):
    data = np.empty(info.file_size, np.uint8)                       # memory is touched only as far as bytes really come
    view, filled = memoryview(data), 0
    with archive.open(info) as file:
        while got := file.readinto(view[filled:filled + CHUNK]):
            filled += got
        if filled < len(data) or file.read(1):                      # the last read also verifies the checksum
            raise ValueError(f"member {info.filename!r} has {filled:,} bytes where the index says {len(data):,}")
    return data
