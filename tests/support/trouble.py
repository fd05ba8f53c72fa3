"""A disk in trouble: every kind of call below one folder fails with one errno, in real libc calls.

Run as a program it takes steps as JSON on standard input: commands, each with the folder that is in
trouble while it runs. They share one process, so that hundreds of them take seconds.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

TIMEOUT_S = 100

KINDS = {
    "EROFS": "change",
    "ENOSPC": "make,data",
    "EDQUOT": "make,data",
    "EACCES": "look,change",
    "EMFILE": "look",
    "EIO": "look,change,read,data",
    "ENOTDIR": "look",
    "EISDIR": "change",
    "ENAMETOOLONG": "look",
    "ELOOP": "look",
    "ESTALE": "read,data",
}
"""errno → the calls that it is met in (see ``trouble.c``)."""


class Step(msgspec.Struct, frozen=True):
    """A command.

    Attributes:
        args: The command.
        folder: What is in trouble while it runs; empty: nothing.
        stdin: What it is given.
    """

    args: tuple[str, ...]
    folder: str = ""
    stdin: str = ""


class Ended(msgspec.Struct, frozen=True):
    """How it ended.

    Attributes:
        met: Whether any call failed.
        crash: The traceback of what nobody caught.
    """

    code: int
    out: str
    err: str
    met: bool
    crash: str


@functools.cache
def build_library(folder: Path) -> Path:
    """Compile what is preloaded."""
    library = folder / "trouble.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def run_in_trouble(
    library: Path, name: str, steps: Sequence[Step], env: Mapping[str, str]
) -> list[Ended]:
    """Run commands, one after the other, on a disk that meets them with an errno."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.trouble", name],
        env={**os.environ, **env, "LD_PRELOAD": str(library)},
        input=msgspec.json.encode(steps),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=list[Ended])


def main(name: str) -> None:
    from click.testing import CliRunner  # noqa: PLC0415 - in the child only

    from coexplorer.cli.commands import cli  # noqa: PLC0415 - likewise

    set_trouble = ctypes.CDLL(None).set_trouble
    set_trouble.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    ended = []
    for step in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Step]):
        number = getattr(errno, name)
        set_trouble(step.folder.encode(), KINDS[name].encode(), number)
        result = CliRunner().invoke(cli, list(step.args), input=step.stdin)
        met = bool(set_trouble(b"", b"", 0))
        crash = ""
        if result.exc_info and not isinstance(result.exception, SystemExit | None):
            crash = "".join(traceback.format_exception(*result.exc_info))
        ended.append(Ended(result.exit_code, result.stdout, result.stderr, met, crash))
    sys.stdout.write(json.dumps(msgspec.to_builtins(ended)))


if __name__ == "__main__":
    main(sys.argv[1])
