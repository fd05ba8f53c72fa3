"""Going to the background: fork first, then mount, and tell the parent how it went."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import (
    CatalogError,
    CoexplorerError,
    ConfigError,
    JournalError,
    Refused,
    describe_os,
)

log = logging.getLogger(__name__)


class _Word(msgspec.Struct):
    """What the child tells the parent; an empty message means that the mount answers."""

    message: str = ""
    hint: str = ""
    kind: str = ""


_KINDS = {kind.__name__: kind for kind in (JournalError, CatalogError, ConfigError)}
"""Errors that the parent raises as what they are: each has an exit code of its own."""


def run_in_background(serve: Callable[[Callable[[], None]], None], log_path: Path) -> None:
    """Run `serve` in a process of its own, and return when it says that it is ready.

    The fork comes before any thread and event loop: neither survives one.

    Args:
        serve: Serves until told to stop; calls its argument when it is ready.
        log_path: Where the process's output goes.

    Raises:
        Refused: It ended before it was ready; message and hint are its own.
        CatalogError, JournalError, ConfigError: Likewise; one of our files or folders can't be
            used.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        if not answer:
            raise Refused("the mount ended before it answered", hint=f"look at {log_path}")
        word = msgspec.json.decode(answer, type=_Word)
        if word.message:
            raise _KINDS.get(word.kind, Refused)(word.message, hint=word.hint)
        return
    os.close(reader)
    os._exit(_run_child(serve, log_path, writer))


def _run_child(serve: Callable[[Callable[[], None]], None], log_path: Path, writer: int) -> int:
    """Serve as the child, and return the exit code; nothing may leave this function."""

    def tell(word: _Word) -> None:
        nonlocal writer
        if writer >= 0:
            os.write(writer, msgspec.json.encode(word))
            os.close(writer)
            writer = -1

    try:
        _leave_terminal(log_path)
        serve(lambda: tell(_Word()))
    except CoexplorerError as error:
        log.error("%s", error)  # noqa: TRY400 - a sentence for people, no trace
        kind = next((name for name, kind in _KINDS.items() if isinstance(error, kind)), "")
        tell(_Word(error.message, error.hint, kind))
        return 1
    except OSError as error:
        log.error("%s", error)  # noqa: TRY400 - likewise
        known = describe_os(error)
        told = f"the mount can't be made: {known.message}"
        tell(_Word(told, f"{known.hint}, or look at {log_path}", "CatalogError"))
        return 1
    except BaseException as error:
        log.exception("the mount ended")
        tell(_Word(f"the mount failed: {error}", f"look at {log_path}"))
        return 1
    return 0


def _leave_terminal(log_path: Path) -> None:
    os.setsid()
    os.chdir("/")
    ensure_private_dir(log_path.parent)
    output = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)
