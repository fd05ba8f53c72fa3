"""Downloads of an asset's files: what is there is gone on with, and nothing wrong stays."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import anyio
import anyio.to_thread

from coexplorer.api.refusal_text import find_page_title
from coexplorer.errors import ApiError, BadReply, Conflict, PlatformFault, Refused
from coexplorer.library import part_files
from coexplorer.library.context import Context
from coexplorer.library.file_walk import OF_ALL, OnTrouble
from coexplorer.library.results import DownloadProgress
from coexplorer.models import AssetId, FileEntry

if TYPE_CHECKING:  # most starts of the program read no file
    from coexplorer.library.file_sources import FileSource

_SLACK_BYTES: Final = 1024**3

_STEP_BYTES: Final = 4 * 1024 * 1024
"""Report progress each time this many bytes have come, and at the end."""

_MOST_FAULTS: Final = 3
"""After this many failures of the platform or its storage in a row, the rest would fail too."""

OnProgress = Callable[[DownloadProgress], None]
OnArrival = Callable[[Path], None]


class Downloads:
    """Downloads files of one asset.

    Args:
        context: The session.
        asset_id: The asset.
        find_source: Says where its files are.
    """

    def __init__(
        self,
        context: Context,
        asset_id: AssetId,
        find_source: Callable[[AssetId], Awaitable[FileSource]],
    ) -> None:
        self._context = context
        self._asset_id = asset_id
        self._find_source = find_source

    async def run(
        self,
        walk: AsyncGenerator[FileEntry],
        find_target: Callable[[FileEntry], Path],
        *,
        progress: OnProgress | None,
        trouble: OnTrouble | None,
        arrived: OnArrival | None,
        kept: OnArrival | None,
    ) -> list[Path]:
        """Download all files of a walk, one after the other.

        Args:
            walk: The files; it may have folders in it. It is closed.
            find_target: Says where one goes, or raises `Refused`.
            progress: See `coexplorer.library.files.Files.download`, likewise the others.
            trouble: Likewise.
            arrived: Likewise.
            kept: Likewise.

        Raises:
            Refused: A size does not match.
            ApiError: No file can be read.
        """
        written = []
        faults = 0
        async with aclosing(walk) as entries:
            async for entry in entries:
                if entry.is_folder:
                    continue
                try:
                    target = find_target(entry)
                    part = target.with_name(part_files.name_part(self._asset_id, entry.path))
                    with part_files.telling(target, part):
                        is_alike = await self._download(entry, target, progress)
                except (ApiError, Refused) as error:
                    shown = f"{entry.path[:80]!r}"
                    if f"/{entry.path}" not in error.message and shown not in error.message:
                        error.message = f"{entry.path[:200]}: {error.message}"
                    faults += isinstance(error, BadReply | PlatformFault)
                    if isinstance(error, OF_ALL) or faults >= _MOST_FAULTS or trouble is None:
                        raise
                    trouble(error)
                else:
                    faults = 0
                    written.append(target)
                    told = kept if is_alike and kept is not None else arrived
                    if told is not None:
                        told(target)
        return written

    async def _download(self, entry: FileEntry, target: Path, progress: OnProgress | None) -> bool:
        """Download a file that is not there; tell whether one is that is merely as long."""
        there = await anyio.to_thread.run_sync(part_files.look, target, entry, self._asset_id)
        if there is not part_files.There.NOTHING:
            return there is part_files.There.ALIKE
        part = target.with_name(part_files.name_part(self._asset_id, entry.path))
        await anyio.to_thread.run_sync(part_files.make_room, target)
        try:
            size = await self._fetch_surely(entry, part, progress)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(part_files.drop_useless, part)
            raise
        if entry.size_bytes is not None and size != entry.size_bytes:
            page = find_page_title(await anyio.to_thread.run_sync(part_files.read_head, part))
            await anyio.to_thread.run_sync(part_files.drop_part, part)
            announced = f"{entry.size_bytes:,} bytes"
            why = (
                f"it is longer than the {announced} that were announced"
                if size > entry.size_bytes
                else f"it ends after {size:,} of the {announced} that were announced"
            )
            if page and not entry.name.lower().endswith((".html", ".htm")):
                why = "the file's storage sent a web page instead"
            raise Refused(
                why,
                hint="nothing of it was kept; try again, and tell the asset's owner",
            )
        await anyio.to_thread.run_sync(
            part_files.finish_part, part, target, self._asset_id, entry.path
        )
        return False

    async def _fetch_surely(self, entry: FileEntry, part: Path, progress: OnProgress | None) -> int:
        """Append what is missing to the part, or start over once; return its size.

        Raises:
            PlatformFault: Its content changes all the time, or the storage can't go on with it.
        """
        try:
            return await self._fetch(entry, part, progress)
        except Conflict:  # what is there belongs to other content: from the start, once
            await anyio.to_thread.run_sync(part_files.drop_part, part)
        try:
            return await self._fetch(entry, part, progress)
        except Conflict as error:
            await anyio.to_thread.run_sync(part_files.drop_part, part)
            raise PlatformFault(
                error.message, hint="nothing of it was kept; try again in a while"
            ) from error

    async def _fetch(self, entry: FileEntry, part: Path, progress: OnProgress | None) -> int:
        """Append what is missing to the part; return its size.

        Raises:
            Conflict: The part is of other content than the rest would be.
        """
        source = await self._find_source(self._asset_id)
        done, etag = await anyio.to_thread.run_sync(part_files.resume_at, part, entry.size_bytes)

        # One byte more than was announced shows that there is more, and no disk is filled with it.
        most = None if entry.size_bytes is None else entry.size_bytes + 1
        bound = None
        if most is None:
            bound = await self._find_most(part)
        told = done
        async with (
            await anyio.open_file(part, "ab") as file,
            source.open_download(entry, start=done, most=most, etag=etag) as download,
        ):
            if download.etag != etag:
                # Before the first byte: no part is ever without the mark of its content.
                await anyio.to_thread.run_sync(part_files.mark_part, part, download.etag)
            if bound is not None and (download.total_bytes or 0) > bound:
                await self._refuse_size(part, f"its storage says {download.total_bytes:,} bytes")
            async for chunk in download:
                await file.write(chunk)
                done += len(chunk)
                if done - told < _STEP_BYTES:
                    continue
                told = done
                if progress:
                    progress(DownloadProgress(entry.path, done, entry.size_bytes))
                if bound is not None:
                    await self._ensure_room(part, done, bound)
        if progress:
            progress(DownloadProgress(entry.path, done, entry.size_bytes))
        return done

    async def _find_most(self, part: Path) -> int:
        """Return how many bytes a file may have whose size no listing tells.

        That is twice its asset's size, and a gigabyte; where nobody knows that either, half of what
        is free on the disk. What the storage announces is no promise: it may be anybody's.
        """
        known = await self._context.known(self._asset_id)
        size = None if known is None else known.asset.size_bytes
        if size:
            return 2 * size + _SLACK_BYTES
        return await anyio.to_thread.run_sync(part_files.find_free, part) // 2

    async def _ensure_room(self, part: Path, done: int, bound: int) -> None:
        """Check that a file of unknown size may go on.

        Raises:
            Refused: It is larger than it can be, or leaves no room; nothing of it is kept.
        """
        if done > bound:
            await self._refuse_size(part, f"{done:,} bytes came, and it does not end")
        if not await anyio.to_thread.run_sync(part_files.has_room, part):
            await self._refuse_size(part, f"after {done:,} bytes the disk is nearly full")

    async def _refuse_size(self, part: Path, why: str) -> NoReturn:
        """Give up a file that is larger than anybody said.

        Raises:
            Refused: Always; nothing of it is kept.
        """
        await anyio.to_thread.run_sync(part_files.drop_part, part)
        raise Refused(
            f"no listing says how large it is, and {why}",
            hint="nothing of it was kept; see how large its asset is, and ask its owner; more free"
            " disk space may help",
        )
