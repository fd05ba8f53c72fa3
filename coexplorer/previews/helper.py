"""Looks into files that libraries of others read, in a process of its own.

Those libraries are large, written in C, and were not made for hostile files. The process has none
of our secrets, writes no file, has bounds for memory and time, and asks for each byte of the file,
so it is bounded in these, too. When it crashes, that is one sentence.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final, NamedTuple

import anyio
import anyio.abc
import msgspec

from coexplorer.previews.kinds import FileKind
from coexplorer.previews.shapes import PicturePreview, TreePreview
from coexplorer.previews.texts import Read
from coexplorer.text import size_text

MOST_BYTES: Final = 32 * 1024 * 1024
"""What is read of a file at most."""
MOST_READ: Final = 4 * 1024 * 1024
_MOST_ANSWER: Final = 8 * 1024 * 1024
_ASKS: Final = struct.Struct("<cQI")
_LENGTH: Final = struct.Struct("<I")


class Needed(NamedTuple):
    """What reads a kind of file.

    Attributes:
        module: What is imported.
        package: What is installed; all of them are the extra ``preview``.
        files: What such files are called.
    """

    module: str
    package: str
    files: str


NEEDS: Final[Mapping[FileKind, Needed]] = {
    FileKind.HDF5: Needed("h5py", "h5py", "HDF5 files"),
    FileKind.PARQUET: Needed("pyarrow", "pyarrow", "Parquet files"),
    FileKind.PICTURE: Needed("PIL", "pillow", "pictures"),
}

_SECRETS: Final = ("TOKEN", "SECRET", "KEY", "PASS", "COEXPLORER", "CODEOCEAN", "AWS_")


class FoundInside(msgspec.Struct):
    """What the process found.

    Attributes:
        shown: It.
        fault: Or why there is nothing.
    """

    shown: TreePreview | PicturePreview | None = None
    fault: str = ""


async def look_inside(kind: FileKind, size: int, read: Read) -> TreePreview | PicturePreview | str:
    """Look into a file; a text says why that can't be done.

    Args:
        kind: One of `NEEDS`.
        size: Of the file, in bytes.
        read: Reads bytes of it; what it raises comes out here.
    """
    needed = NEEDS[kind]
    if find_spec(needed.module) is None:
        return f"to look into {needed.files}, install {needed.package}: {_tell_install(needed)}"
    command = [sys.executable, "-P", "-m", "coexplorer.previews.reading", kind.value, str(size)]
    async with await anyio.open_process(
        command, stderr=subprocess.DEVNULL, env=_build_environment(os.environ)
    ) as process:
        try:
            return await _serve(process, kind, size, read)
        finally:
            if process.returncode is None:
                # Not `process.kill()`: that would take the exit code from those who wait for it.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)


def _tell_install(needed: Needed) -> str:
    from coexplorer.config.fuse import find_installer  # noqa: PLC0415  seldom needed

    return f"{find_installer()} {needed.package}"


def _build_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what may be secret; libraries start no threads in it."""
    kept = {
        name: value
        for name, value in env.items()
        if not any(secret in name.upper() for secret in _SECRETS)
    }
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **one, "ARROW_DEFAULT_MEMORY_POOL": "system", "HDF5_USE_FILE_LOCKING": "FALSE"}


async def _serve(
    process: anyio.abc.Process, kind: FileKind, size: int, read: Read
) -> TreePreview | PicturePreview | str:
    """FoundInside the questions of the process until it has found something."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    left = MOST_BYTES
    stream = _Exact(process.stdout)
    try:
        while True:
            sign, offset, length = _ASKS.unpack(await stream.receive(_ASKS.size))
            if sign == b"A" and length <= _MOST_ANSWER:
                answer = msgspec.msgpack.decode(await stream.receive(length), type=FoundInside)
                return answer.fault or answer.shown or _tell_crash(kind, None)
            if sign != b"R" or length > MOST_READ:
                return _tell_crash(kind, None)
            left -= length
            if left < 0:
                return f"too much would have to be read of it: more than {size_text(MOST_BYTES)}"
            data = await read(min(offset, size), min(length, max(0, size - offset)))
            await process.stdin.send(_LENGTH.pack(len(data)) + data)
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return _tell_crash(kind, await process.wait())
    except msgspec.DecodeError:
        return _tell_crash(kind, None)


def _tell_crash(kind: FileKind, code: int | None) -> str:
    if code is not None and -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"it takes too long to read this as {kind}"
    return f"damaged: what reads {NEEDS[kind].files} crashed over it"


class _Exact:
    """Reads exactly as many bytes as are wanted."""

    def __init__(self, stream: anyio.abc.ByteReceiveStream) -> None:
        self._stream = stream
        self._rest = bytearray()

    async def receive(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += await self._stream.receive()
        data = bytes(self._rest[:size])
        del self._rest[:size]
        return data
