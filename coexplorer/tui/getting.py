"""Files on their way to this machine, one after another, while the app goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from coexplorer.errors import CoexplorerError
from coexplorer.library.library import Library
from coexplorer.library.results import DownloadProgress
from coexplorer.models import AssetId
from coexplorer.text import plural, size_text

_SHOW_EVERY_S = 0.25


class FilesToGet(msgspec.Struct, frozen=True):
    """Files that somebody wants.

    Attributes:
        asset_id: Whose they are.
        path: A file or a folder; empty: all of them.
        folder: Where they go.
    """

    asset_id: AssetId
    path: str
    folder: Path


class Getting:
    """Gets what is wanted; `run` is to be called in a worker when `ask` says so.

    Args:
        library: Downloads.

    Attributes:
        changed: Called when `line` says something else.
        stop: Stops what is on its way; None: nothing is.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._waiting: deque[FilesToGet] = deque()
        self._now = ""
        self._is_running = False
        self._shown_at = 0.0
        self.changed: Callable[[], None] | None = None
        self.stop: Callable[[], None] | None = None

    @property
    def line(self) -> str:
        """What is on its way, in a line; empty: nothing is."""
        if not self._is_running:
            return ""
        more = f" · {len(self._waiting):,} more to get" if self._waiting else ""
        return f"getting {self._now}{more}"

    def ask(self, wanted: list[FilesToGet]) -> bool:
        """Put files behind those that are on their way; tell whether `run` has to be started."""
        self._waiting += wanted
        must_start = not self._is_running
        self._is_running = True
        self._tell()
        return must_start

    async def run(self, say: Callable[[str, str], None]) -> None:
        """Get everything that is wanted; what has come of it stays if this is cancelled.

        Args:
            say: Called with a sentence and its severity when all is there.
        """
        arrived: list[Path] = []
        kept: list[Path] = []
        troubles: list[CoexplorerError] = []
        folder = Path()
        try:
            while self._waiting:
                wanted = self._waiting.popleft()
                folder, self._now = wanted.folder, wanted.path or "all files"
                self._tell()
                try:
                    await self._library.files.download(
                        wanted.asset_id,
                        wanted.path,
                        wanted.folder,
                        progress=self._show,
                        trouble=troubles.append,
                        arrived=arrived.append,
                        kept=kept.append,
                    )
                except CoexplorerError as error:
                    troubles.append(error)
        except BaseException:
            self._waiting.clear()
            say(f"stopped: {plural(len(arrived), 'file')} came; get them again to go on", "warning")
            raise
        finally:
            self._is_running, self.stop = False, None
            self._tell()
        text = f"got {plural(len(arrived), 'file')} into {folder}"
        if kept:
            text += f"; {plural(len(kept), 'file')} of the same size kept, not compared"
        if troubles:
            first = troubles[0]
            hint = f" ({first.hint})" if first.hint else ""
            text = f"{text}; {plural(len(troubles), 'error')}: {first.message}{hint}"
        say(text, "warning" if troubles else "information")

    def _show(self, progress: DownloadProgress) -> None:
        total = "" if progress.total_bytes is None else f" of {size_text(progress.total_bytes)}"
        self._now = f"{progress.path}: {size_text(progress.done_bytes)}{total}"
        if time.monotonic() - self._shown_at >= _SHOW_EVERY_S:
            self._tell()

    def _tell(self) -> None:
        self._shown_at = time.monotonic()
        if self.changed is not None:
            self.changed()
