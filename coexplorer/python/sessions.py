"""Sessions of the library for a program's files: one for each profile, as long as Python runs."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final

import anyio

from coexplorer.config import Settings, load_settings
from coexplorer.errors import Conflict, NotSignedIn
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, FileEntry
from coexplorer.python.loop_thread import LoopThread, get_loop_thread
from coexplorer.remote_files import FileReader

_NAME_S: Final = 60.0
"""So long an asset's name means the same asset."""

_OPEN_READERS: Final = 64
"""So many files stay open for reads of parts."""


class Session:
    """Assets and their files, for programs without an event loop. `get_session` makes it.

    The coroutines run in the thread that it was opened in: `background` calls them.

    Args:
        background: The thread.
        library: What it was opened as.
    """

    def __init__(self, background: LoopThread, library: Library) -> None:
        self.background = background
        self._is_signed_out = False
        self._library = library
        self._meant: dict[str, tuple[AssetId, float]] = {}
        self._readers: OrderedDict[tuple[AssetId, str], FileReader] = OrderedDict()

    @property
    def is_over(self) -> bool:
        """Whether to take another one from now on: its token was refused, or this is a fork."""
        return self._is_signed_out or self.background.is_lost

    @contextmanager
    def _noticing_refusal(self) -> Iterator[None]:
        """Let the next call open another session if the token is refused: a new one may do."""
        try:
            yield
        except NotSignedIn:
            self._is_signed_out = True
            raise

    async def resolve(self, asset: str) -> AssetId:
        """Say which asset is meant by a name, an id, or 6 or more characters of an id.

        Raises:
            NotFound: None.
            AmbiguousAsset: Several.
        """
        found, until = self._meant.get(asset, (AssetId(""), 0.0))
        if time.monotonic() >= until:
            with self._noticing_refusal():
                found = await self._library.assets.resolve(asset)
            self._meant[asset] = (found, time.monotonic() + _NAME_S)
        return found

    async def open(self, asset: str, path: str) -> FileReader:
        """Open a file of an asset.

        Raises:
            ApiError: There is none, or it can't be read.
        """
        asset_id = await self.resolve(asset)
        with self._noticing_refusal():
            return await self._library.files.open(asset_id, path)

    async def list_folder(self, asset: str, path: str) -> Sequence[FileEntry]:
        """Return what is in a folder.

        Raises:
            ApiError: It can't be listed.
        """
        asset_id = await self.resolve(asset)
        with self._noticing_refusal():
            return await self._library.files.list_folder(asset_id, path)

    async def read_part(self, asset: str, path: str, start: int | None, end: int | None) -> bytes:
        """Return a part of a file, whose places are as those of a slice.

        Raises:
            ApiError: It can't be read.
        """
        reader = await self._find_reader(asset, path)
        first, stop, _ = slice(start, end).indices(reader.size)
        try:
            return await reader.read(first, max(0, stop - first))
        except Conflict:
            await self._close_reader(reader)
            raise

    async def _find_reader(self, asset: str, path: str) -> FileReader:
        key = (await self.resolve(asset), path)
        reader = self._readers.get(key)
        if reader is None:
            opened = await self.open(asset, path)
            reader = self._readers.setdefault(key, opened)
            if reader is not opened:
                await opened.aclose()
        self._readers.move_to_end(key)
        if len(self._readers) > _OPEN_READERS:
            _, oldest = self._readers.popitem(last=False)
            await oldest.aclose()
        return reader

    async def _close_reader(self, reader: FileReader) -> None:
        for key in [key for key, each in self._readers.items() if each is reader]:
            del self._readers[key]
        await reader.aclose()


def get_session(profile: str | None = None) -> Session:
    """Return the session of a profile; the first call opens it.

    Settings are read again each time: who signs in anew gets another session.

    Args:
        profile: Its name; None: as commands choose it.

    Raises:
        ConfigError: It is not clear who is asked, or there is no token.
        OSError: Python is about to end.
    """
    settings = load_settings(profile=profile)
    background = get_loop_thread()
    with _opening:
        _sessions[:] = [each for each in _sessions if not each[1].is_over]
        for known, session in _sessions:
            if known == settings:
                return session
        opened: Future[Library] = Future()
        holding = background.start(_hold, settings, opened)
        holding.add_done_callback(lambda _: opened.cancel())
        session = Session(background, opened.result())
        _sessions.append((settings, session))
        return session


async def _hold(settings: Settings, opened: Future[Library]) -> None:
    """Keep a session open until Python ends."""
    try:
        async with open_library(settings, origin="cli") as library:
            opened.set_result(library)
            await anyio.sleep_forever()
    except Exception as error:
        if opened.done():
            raise
        opened.set_exception(error)


def _forget() -> None:
    """Begin anew in a forked process, where a lock may be held."""
    global _opening  # noqa: PLW0603 # one for a process is what it is about
    _opening = threading.Lock()


_sessions: list[tuple[Settings, Session]] = []
_opening = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
