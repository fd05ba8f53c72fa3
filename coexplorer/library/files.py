"""An asset's files: listed, and downloaded to a folder from which nothing escapes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path, PurePosixPath

import anyio
import anyio.to_thread

from coexplorer.errors import ApiError, Conflict, Forbidden, NotFound, Refused, Rejected
from coexplorer.library.context import Context
from coexplorer.library.outside import build_outside_error
from coexplorer.library.results import DownloadProgress
from coexplorer.models import AssetId, FileEntry, FileUrls

_STEP_BYTES = 4 * 1024 * 1024
"""Progress is told after so many bytes, and at the end."""

_DEEPEST = 100
"""Folders inside of each other; more are a platform's that lists itself for ever."""

_MOST_FOLDERS = 200_000

_ORIGIN = "user.coexplorer.asset"
"""Extended attribute of a downloaded file: the id of its asset."""

OnProgress = Callable[[DownloadProgress], None]


class Files:
    """Lists and downloads files.

    Args:
        context: The session's servants.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list_files(self, asset_id: AssetId, path: str) -> tuple[FileEntry, ...]:
        """See `Library.list_files`."""
        async with self._explaining(asset_id):
            return await (await self._context.client()).list_files(asset_id, path)

    async def walk(self, asset_id: AssetId, path: str) -> AsyncGenerator[FileEntry]:
        """See `Library.walk_files`."""
        # Depth first: each folder, then what is in it. A stack of what is still to be looked at.
        first = await self.list_files(asset_id, path)
        waiting = [(entry, 0) for entry in reversed(first)]
        seen = {path.strip("/")}
        while waiting:
            entry, depth = waiting.pop()
            if entry.is_folder and entry.path in seen:
                continue  # a folder that lists itself, or one above it
            yield entry
            if not entry.is_folder:
                continue
            seen.add(entry.path)
            if depth >= _DEEPEST or len(seen) > _MOST_FOLDERS:
                raise Refused(
                    f"the platform lists folders in folders without an end: {entry.path[:80]!r}",
                    hint="name one of the folders above it, and tell the asset's owner",
                )
            inner = await self.list_files(asset_id, entry.path)
            waiting += [(each, depth + 1) for each in reversed(inner)]

    async def file_urls(self, asset_id: AssetId, path: str) -> FileUrls:
        """See `Library.file_urls`."""
        async with self._explaining(asset_id):
            return await (await self._context.client()).file_urls(asset_id, path)

    @asynccontextmanager
    async def _explaining(self, asset_id: AssetId) -> AsyncGenerator[None]:
        """Say where the files are when the platform refuses them because they are external.

        How it refuses is not documented, so the asset is asked, not the refusal's words.
        """
        try:
            yield
        except (Rejected, Forbidden, NotFound) as refusal:
            try:
                asset = (await self._context.fetch(asset_id)).asset
            except ApiError:
                raise refusal from None
            if asset.source is not None and asset.source.external:
                raise build_outside_error(asset.source, refusal) from refusal
            raise

    async def download(
        self, asset_id: AssetId, path: str, folder: Path, progress: OnProgress | None
    ) -> list[Path]:
        """See `Library.download`."""
        path = path.strip("/")
        start = PurePosixPath(path).parent if path else PurePosixPath()
        written = []
        async with aclosing(self._walk_from(asset_id, path)) as entries:
            async for entry in entries:
                if entry.is_folder:
                    continue
                target = find_target(folder, entry.path, below=str(start))
                await self._download_file(asset_id, entry, target, progress)
                written.append(target)
        return written

    async def _walk_from(self, asset_id: AssetId, path: str) -> AsyncGenerator[FileEntry]:
        """Stream the file at `path`, or all that is below it."""
        if path:
            parent = str(PurePosixPath(path).parent)
            siblings = await self.list_files(asset_id, "" if parent == "." else parent)
            found = [entry for entry in siblings if entry.path.strip("/") == path]
            if not found:
                raise NotFound(
                    f"this asset has no file {path}", hint="list its folder to see what is there"
                )
            if not found[0].is_folder:
                yield found[0]
                return
        async with aclosing(self.walk(asset_id, path)) as entries:
            async for entry in entries:
                yield entry

    async def _download_file(
        self, asset_id: AssetId, entry: FileEntry, target: Path, progress: OnProgress | None
    ) -> None:
        if await anyio.to_thread.run_sync(_is_there, target, entry, asset_id):
            return
        part = target.with_name(name_part(asset_id, entry.path))
        await anyio.to_thread.run_sync(lambda: target.parent.mkdir(parents=True, exist_ok=True))
        try:
            size = await self._fetch(asset_id, entry, part, progress)
        except Conflict:  # what is there belongs to other content: from the start, once
            await anyio.to_thread.run_sync(_drop_part, part)
            size = await self._fetch(asset_id, entry, part, progress)
        if entry.size_bytes is not None and size != entry.size_bytes:
            more = "more than " if size > entry.size_bytes else ""
            has = f"{more}{min(size, entry.size_bytes):,} bytes"
            raise Refused(
                f"{entry.path} has {has}, and {entry.size_bytes:,} were announced",
                hint=f"what came is in {part}; delete it to start over",
            )
        await anyio.to_thread.run_sync(_finish_part, part, target, asset_id)

    async def _fetch(
        self, asset_id: AssetId, entry: FileEntry, part: Path, progress: OnProgress | None
    ) -> int:
        """Append what is missing to the part; return its size.

        Raises:
            Conflict: The part is of other content than the rest would be.
        """
        client = await self._context.client()
        done, etag = await anyio.to_thread.run_sync(_resume_at, part, entry.size_bytes)

        async def fetch_url() -> str:
            return (await client.file_urls(asset_id, entry.path)).download_url

        # One byte more than was announced shows that there is more, and no disk is filled with it.
        most = None if entry.size_bytes is None else entry.size_bytes + 1
        told = done
        async with (
            await anyio.open_file(part, "ab") as file,
            client.open_download(fetch_url, start=done, most=most, etag=etag) as download,
        ):
            if download.etag != etag:
                # Before the first byte: no part is ever without the mark of its content.
                await anyio.to_thread.run_sync(_mark_part, part, download.etag)
            async for chunk in download:
                await file.write(chunk)
                done += len(chunk)
                if progress and done - told >= _STEP_BYTES:
                    told = done
                    progress(DownloadProgress(entry.path, done, entry.size_bytes))
        if progress:
            progress(DownloadProgress(entry.path, done, entry.size_bytes))
        return done


def name_part(asset_id: AssetId, path: str) -> str:
    """Return the name of a file's unfinished part, in the folder where the file will be.

    It tells assets apart: the rest of one file is never put behind the beginning of another's, nor
    taken for a file that an asset calls ``name.part``.
    """
    mark = hashlib.sha256(f"{asset_id}/{path}".encode("utf-8", "replace")).hexdigest()[:16]
    return f".coexplorer-{mark}.part"


def _is_there(target: Path, entry: FileEntry, asset_id: AssetId) -> bool:
    """Tell whether a file was downloaded before: an asset's files do not change.

    Raises:
        Refused: Another file of this name is there.
    """
    try:
        size = target.stat().st_size
    except FileNotFoundError:
        return False
    if size == entry.size_bytes and target.is_file() and _read_origin(target) in {"", asset_id}:
        return True
    raise Refused(
        f"{target} is there already and is another file",
        hint="move it away, or choose another folder: --to",
    )


def _read_origin(target: Path) -> str:
    """Return the id of the asset that a file was downloaded from; empty if nobody knows.

    Two assets often have files of one name and size: ``metadata.json``.
    """
    with suppress(OSError):  # no such attribute, or no attributes on this file system
        return os.getxattr(target, _ORIGIN).decode("utf-8", "replace")
    return ""


def _resume_at(part: Path, size_bytes: int | None) -> tuple[int, str]:
    """Return how much of a file is there, and the mark of its content.

    A part that is too long is none of it, and deleted. So is one without a mark: nobody could tell
    whether the rest belongs to it.
    """
    done, etag = 0, ""
    with suppress(FileNotFoundError, UnicodeDecodeError):
        done = part.stat().st_size
        etag = _etag_file(part).read_text(encoding="utf-8")
    if not done or not etag or (size_bytes is not None and done > size_bytes):
        _drop_part(part)
        return 0, ""
    return done, etag


def _etag_file(part: Path) -> Path:
    """Return where the storage's mark of a part's content is kept."""
    return part.with_suffix(".etag")


def _mark_part(part: Path, etag: str) -> None:
    _etag_file(part).write_text(etag, encoding="utf-8")


def _drop_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_file(part).unlink(missing_ok=True)


def _finish_part(part: Path, target: Path, asset_id: AssetId) -> None:
    with suppress(OSError):  # not on every file system
        os.setxattr(part, _ORIGIN, asset_id.encode("utf-8", "replace"))
    part.replace(target)
    _etag_file(part).unlink(missing_ok=True)


def find_target(folder: Path, path: str, *, below: str) -> Path:
    """Return where a file of an asset goes, inside of `folder`.

    Args:
        folder: The user's folder.
        path: The file's path in the asset, as the platform says it.
        below: The folder of the asset that `folder` stands for; ``.`` for the asset's root.

    Raises:
        Refused: It would leave `folder`, by its words or by a symbolic link on the way.
    """
    whole = PurePosixPath(path.lstrip("/"))
    outside = below != "." and not whole.is_relative_to(below)
    parts = () if outside else whole.parts if below == "." else whole.relative_to(below).parts
    odd = not parts or any(part in ("..", ".") or "\0" in part for part in parts)
    target = folder.joinpath(*parts)
    if odd or not target.parent.resolve().is_relative_to(folder.resolve()):
        raise Refused(
            f"the platform names a file outside of the target folder: {path[:80]!r}",
            hint="download its folder's files one by one, and tell the asset's owner",
        )
    return target
