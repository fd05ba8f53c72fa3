"""The profile ``demo``: it is there while ``coexplorer demo`` runs, and other terminals can use it.

The running program holds a lock on a file and writes where its server is into another. The
lock ends with the process, however it ends, so nobody is ever sent to a server that is gone.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from coexplorer.config.locking import open_lock, try_lock
from coexplorer.config.paths import ensure_private_dir, write_private
from coexplorer.errors import ConfigError, FileTrouble
from coexplorer.models import Secret

_ATTEMPTS = 5
_PAUSE_S = 0.05


class EmbeddedServer(msgspec.Struct, frozen=True):
    """Where the demo's server is, and the token of the user that the profile signs in as."""

    url: str
    token: Secret


class _Note(msgspec.Struct):
    url: str
    token: str


@contextlib.contextmanager
def announce(demo_dir: Path, server: EmbeddedServer) -> Iterator[None]:
    """Let the profile ``demo`` lead to a server for as long as the context lasts.

    Use it inside `claim`.

    Raises:
        FileTrouble: That can't be written down; another one that is there stays.
    """
    note = _Note(server.url, server.token.reveal())
    path = demo_dir / "server.json"
    try:
        write_private(path, msgspec.json.encode(note).decode())
    except OSError as error:
        raise FileTrouble.of(path, "written", error) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # without the lock nobody believes what is in it
            path.unlink()


@contextlib.contextmanager
def claim(demo_dir: Path) -> Iterator[None]:
    """Hold the demo's folder for this process alone.

    Raises:
        FileTrouble: The folder can't be made or written to.
        ConfigError: When another process has locked it.
    """
    try:
        ensure_private_dir(demo_dir)
        descriptor = open_lock(demo_dir / "lock")
    except OSError as error:
        raise FileTrouble.of(demo_dir, "used", error) from None
    try:
        if not _take(descriptor):
            raise ConfigError(
                "the demo is already running in another terminal",
                hint="use it from here with --profile demo",
            )
        yield
    finally:
        os.close(descriptor)


def is_running(demo_dir: Path) -> bool:
    """Tell whether the demo runs."""
    return _is_claimed(demo_dir / "lock")


def get_embedded_server(demo_dir: Path) -> EmbeddedServer:
    """Say where the demo's server is.

    Raises:
        ConfigError: When it does not run.
    """
    path = demo_dir / "server.json"
    stopped = ConfigError("the demo is not running", hint="start it: coexplorer demo")
    if not is_running(demo_dir):
        raise stopped
    try:
        note = msgspec.json.decode(path.read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        raise stopped from None
    return EmbeddedServer(note.url, Secret(note.token))


def _is_claimed(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    """Take the lock; another terminal's look at it (`_is_claimed`) may hold it for a moment."""
    for _ in range(_ATTEMPTS):
        if try_lock(descriptor):
            return True
        time.sleep(_PAUSE_S)
    return False
