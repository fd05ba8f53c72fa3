"""`library.files`: listing an asset's files, and downloading them.

Nothing escapes from the folder that they are downloaded into.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NoReturn

import anyio
import anyio.to_thread

from coexplorer.api.refusal_text import find_page_title
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    Forbidden,
    NotFound,
    PlatformFault,
    PlatformTooOld,
    Refused,
    Rejected,
    tell_too_old,
)
from coexplorer.library import part_files
from coexplorer.library.context import Context
from coexplorer.library.external_files import build_outside_error
from coexplorer.library.file_rules import FileRules
from coexplorer.library.file_walk import OF_ALL, TELL_OWNER, OnTrouble, tell, walk_folders
from coexplorer.library.local_names import LocalNames
from coexplorer.library.missing_files import build_missing
from coexplorer.library.results import DownloadProgress
from coexplorer.models import AssetId, FileEntry, Folder

if TYPE_CHECKING:  # most starts of the program read no file
    from anyio.abc import TaskGroup

    from coexplorer.library.file_places import FilePlaces
    from coexplorer.library.file_sources import FileSource
    from coexplorer.library.file_store import FileStore
    from coexplorer.remote_files import CacheUse, FileReader

_SLACK_BYTES: Final = 1024**3

_STEP_BYTES: Final = 4 * 1024 * 1024
"""Report progress each time this many bytes have come, and at the end."""

_MOST_FAULTS: Final = 3
"""After this many failures of the platform or its storage in a row, the rest would fail too."""

_SINCE: Final = "3.1"
"""The version of the platform that began to list files."""

OnProgress = Callable[[DownloadProgress], None]
OnArrival = Callable[[Path], None]
OnListing = Callable[[Sequence[FileEntry]], None]


class Files:
    """Lists and downloads files.

    Args:
        context: What the session's modules share.
        tasks: Where parts of files are fetched.
    """

    def __init__(self, context: Context, tasks: TaskGroup) -> None:
        self._context = context
        self._tasks = tasks
        self._made: FileStore | None = None
        self._places: FilePlaces | None = None
        context.forget_files = self._forget

    @property
    def _store(self) -> FileStore:
        """What is open, and what is kept of files."""
        if self._made is None:
            from coexplorer.library.file_store import build_file_store  # noqa: PLC0415 # see above

            self._made = build_file_store(self._context.settings, self._tasks)
        return self._made

    async def _forget(self, asset_ids: Sequence[AssetId]) -> None:
        """Forget the files of assets that are gone."""
        if self._made is not None or self._context.settings.paths.file_cache_dir.exists():
            await self._store.forget_assets(asset_ids)

    def end(self) -> None:
        """Cut off what is on its way; the session ends."""
        if self._made is not None:
            self._made.end()

    async def list_folder(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: OnTrouble | None = None,
    ) -> tuple[FileEntry, ...]:
        """List one folder of an asset's files.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing in the answer. None: raise it.

        Raises:
            BadReply: The platform lists only part of it, or nonsense.
        """
        folder = await self._list(asset_id, path)
        for error in await self._find_gaps(asset_id, path, folder):
            tell(error, trouble)
        return folder.entries

    async def list_path(
        self, asset_id: AssetId, path: str, *, trouble: OnTrouble | None = None
    ) -> tuple[FileEntry, ...]:
        """List one folder, or the file of this path alone.

        Args:
            asset_id: The asset.
            path: The folder or file.
            trouble: See `list_folder`.

        Raises:
            NotFound: There is neither; it names what is nearly called so.
        """
        try:
            return await self.list_folder(asset_id, path, trouble=trouble)
        except NotFound as missing:
            path = path.strip("/")
            if not path:
                raise
            try:
                folder = await self._list(asset_id, path.rpartition("/")[0])
            except NotFound:
                raise missing from None
            entry = folder.find_file(path)
            if entry is None:
                raise build_missing(path, folder, what="file or folder") from None
            return (entry,)

    async def _list(self, asset_id: AssetId, path: str) -> Folder:
        source = await self._find_source(asset_id)
        try:
            if source.is_bucket:
                return await self._store.list_folder(source, path)
            async with self._explaining(asset_id, path):
                return await self._store.list_folder(source, path)
        except ApiError as error:
            source = await self._find_other_source(asset_id, source, error)
        return await self._store.list_folder(source, path)

    async def _find_other_source(
        self, asset_id: AssetId, source: FileSource, error: ApiError
    ) -> FileSource:
        """Say where files are that are not where they were thought to be.

        Raises:
            ApiError: There is nowhere else, or the asset itself is gone.
        """
        if source.is_bucket:
            try:
                await self._context.fetch(asset_id)
            except (NotFound, Forbidden) as gone:
                raise gone from error
            except ApiError:
                raise error from None
        other = await self._find_source(asset_id)
        if other.build_key("") == source.build_key("") or not (source.is_bucket or other.is_bucket):
            raise error
        return other

    async def _find_source(self, asset_id: AssetId) -> FileSource:
        """Say where the files of an asset are."""
        if self._places is None:
            from coexplorer.library.file_places import FilePlaces  # noqa: PLC0415 # see above

            self._places = FilePlaces(self._context)
        return await self._places.find(asset_id)

    async def open(
        self, asset_id: AssetId, path: str, *, entry: FileEntry | None = None
    ) -> FileReader:
        """Open a file for reading any part of it; close it afterwards.

            async with await library.files.open(asset_id, path) as file:
                start = await file.read(0, 1000)

        Only what is needed is fetched, and it is kept for the next one who needs it, also offline.

        Args:
            asset_id: The asset.
            path: The file.
            entry: It, as it was just listed; None: its folder is listed.

        Raises:
            NotFound: There is no such file.
            Refused: It is a folder.
            ApiError: Its folder can't be listed.
        """
        if await self._context.known(asset_id) is None:
            await self._context.fetch(asset_id)  # what is not known of is not kept either
        path = path.strip("/")
        if entry is None:
            folder = await self._list(asset_id, path.rpartition("/")[0])
            entry = folder.find_file(path)
            if entry is None:
                raise build_missing(path, folder)
        source = await self._find_source(asset_id)
        if source.is_bucket:
            return await self._store.open(source, entry)
        async with self._explaining(asset_id):
            return await self._store.open(source, entry)

    async def _find_gaps(self, asset_id: AssetId, path: str, folder: Folder) -> list[BadReply]:
        """Say what a listing lacks."""
        unsaid = folder.unsaid
        if unsaid and not path.strip("/"):
            known = await self._context.known(asset_id)
            unsaid = known is None or known.asset.files != 0  # some say null of what is empty
        place = repr(path[:80]) if path.strip("/") else "its main folder"
        source = await self._find_source(asset_id)
        who = "the bucket" if source.is_bucket else "the platform"
        gaps = _name_gaps(folder, place, unsaid)
        return [BadReply(f"{who} {text}", hint=TELL_OWNER) for text in gaps]

    async def measure_cache(self) -> CacheUse:
        """Return what is kept of all files, of all platforms, on this disk."""
        return await self._store.measure()

    async def measure_assets(self, asset_ids: Sequence[AssetId]) -> dict[AssetId, int]:
        """Return how many bytes are kept of each asset that something is kept of."""
        return await self._store.measure_assets(asset_ids)

    async def forget(self, asset_ids: Sequence[AssetId]) -> None:
        """Remove what is kept of the files of assets."""
        await self._forget(asset_ids)

    async def clear_cache(self) -> int:
        """Remove all of it; return how many bytes of the disk that frees.

        Raises:
            FileTrouble: It can't be removed.
        """
        return await self._store.clear()

    @property
    def parts_under_way(self) -> int:
        """How many parts of files are asked for at this moment."""
        return self._store.parts_under_way

    async def walk(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: OnTrouble | None = None,
        rules: FileRules | None = None,
        listed: OnListing | None = None,
    ) -> AsyncGenerator[FileEntry]:
        """Stream everything below a folder: each folder, then what is in it.

        Close it with ``aclosing``.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing, while the rest goes on. None: raise it.
            rules: Leave out files that they don't take, and don't look into folders without any.
            listed: Called with what is in a folder, before it is yielded.

        Raises:
            Refused: Folders are nested without end; what came before was listed.
            BadReply: See `list_folder`.
        """

        async def look(folder: str) -> tuple[FileEntry, ...]:
            entries = await self.list_folder(asset_id, folder, trouble=trouble)
            if listed is not None:
                listed(entries)
            return entries

        source = await self._find_source(asset_id)

        def ahead(folders: Sequence[str]) -> None:
            self._store.list_ahead(source, folders)

        walk = walk_folders(look, ahead, path, rules or FileRules(), trouble)
        async with aclosing(walk) as entries:
            async for entry in entries:
                yield entry

    @asynccontextmanager
    async def _explaining(self, asset_id: AssetId, folder: str = "") -> AsyncGenerator[None]:
        """Say where the files are when the platform refuses them because they are external.

        How it refuses is not documented, so the asset is asked, not the refusal's words. It also
        says which folder is not there, of an asset that is.
        """
        try:
            yield
        except (Rejected, Forbidden, NotFound) as refusal:
            if isinstance(refusal, Forbidden):
                await self._store.forget_assets([asset_id])
            try:
                asset = (await self._context.fetch(asset_id)).asset
            except ApiError:
                raise refusal from None
            if asset.source is not None and asset.source.external:
                raise build_outside_error(asset.source, refusal) from refusal
            if isinstance(refusal, NotFound):
                raise await self._explain_missing(asset_id, folder.strip("/"), refusal) from refusal
            raise

    async def _explain_missing(
        self, asset_id: AssetId, folder: str, refusal: NotFound
    ) -> NotFound | PlatformTooOld:
        """Say why a folder of an asset that is there is not found."""
        client = await self._context.client()
        if folder:
            with suppress(NotFound):
                await client.list_files(asset_id)
                return NotFound(
                    f"this asset has no folder {folder}",
                    hint="list the folder above it to see what is there",
                )
        if await client.is_before(_SINCE):
            return tell_too_old(_SINCE, refusal.status)
        return refusal

    async def download(
        self,
        asset_id: AssetId,
        path: str,
        folder: Path,
        *,
        progress: OnProgress | None = None,
        trouble: OnTrouble | None = None,
        arrived: OnArrival | None = None,
        rules: FileRules | None = None,
    ) -> list[Path]:
        """Download a file, or a folder with everything below it, into `folder`.

        Resumes what an earlier download left, and does not fetch a complete file again; never
        overwrites a different file of the same name. Checks the size. A folder that has a file's
        name goes to ``NAME~``.

        Args:
            asset_id: The asset.
            path: The file or folder; empty: all of them.
            folder: Where they go.
            progress: Called with how far each file is.
            trouble: Called with each file or folder that can't be read, while the others come.
                None: raise the first one.
            arrived: Called with each file once all of it is there, also of a download that ends
                with an error.
            rules: Which files are meant; None: all.

        Raises:
            Refused: A path from the platform would leave `folder`, or the size does not match.
            ApiError: No file can be read.
        """
        start = PurePosixPath(path.strip("/")).parent if path.strip("/") else PurePosixPath()
        written = []
        faults = 0
        names = LocalNames()
        walk = self._walk_from(asset_id, path, trouble, rules, names)
        async with aclosing(walk) as entries:
            async for entry in entries:
                if entry.is_folder:
                    continue
                try:
                    local = names.find(entry.path)
                    target = part_files.find_target(folder, local, below=str(start))
                    part = target.with_name(part_files.name_part(asset_id, entry.path))
                    with part_files.telling(target, part):
                        await self._download_file(asset_id, entry, target, progress)
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
                    if arrived is not None:
                        arrived(target)
        return written

    async def _walk_from(
        self,
        asset_id: AssetId,
        path: str,
        trouble: OnTrouble | None,
        rules: FileRules | None,
        names: LocalNames,
    ) -> AsyncGenerator[FileEntry]:
        """Stream the file at `path`, or all that is below it; with a slash at its end that alone.

        `names` gets to know what is there.
        """
        found: list[FileEntry] = []
        is_folder = path.endswith("/")
        path = path.strip("/")
        if path:
            parent = path.rpartition("/")[0]
            siblings = await self._list(asset_id, parent)
            found = [entry for entry in siblings.entries if entry.path == path]
            if not found:
                for error in await self._find_gaps(asset_id, parent, siblings):
                    tell(error, trouble)  # it may be there anyway
                raise build_missing(path, siblings)
            names.note(siblings.entries)
        for entry in found:
            if not (entry.is_folder or is_folder) and (rules is None or rules.takes(entry.path)):
                yield entry
        if not path or any(entry.is_folder for entry in found):
            walk = self.walk(asset_id, path, trouble=trouble, rules=rules, listed=names.note)
            async with aclosing(walk) as entries:
                async for entry in entries:
                    yield entry

    async def _download_file(
        self, asset_id: AssetId, entry: FileEntry, target: Path, progress: OnProgress | None
    ) -> None:
        if await anyio.to_thread.run_sync(part_files.is_there, target, entry, asset_id):
            return
        part = target.with_name(part_files.name_part(asset_id, entry.path))
        await anyio.to_thread.run_sync(part_files.make_room, target)
        try:
            size = await self._fetch_surely(asset_id, entry, part, progress)
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
        await anyio.to_thread.run_sync(part_files.finish_part, part, target, asset_id)

    async def _fetch_surely(
        self, asset_id: AssetId, entry: FileEntry, part: Path, progress: OnProgress | None
    ) -> int:
        """Append what is missing to the part, or start over once; return its size.

        Raises:
            PlatformFault: Its content changes all the time, or the storage can't go on with it.
        """
        try:
            return await self._fetch(asset_id, entry, part, progress)
        except Conflict:  # what is there belongs to other content: from the start, once
            await anyio.to_thread.run_sync(part_files.drop_part, part)
        try:
            return await self._fetch(asset_id, entry, part, progress)
        except Conflict as error:
            await anyio.to_thread.run_sync(part_files.drop_part, part)
            raise PlatformFault(
                error.message, hint="nothing of it was kept; try again in a while"
            ) from error

    async def _fetch(
        self, asset_id: AssetId, entry: FileEntry, part: Path, progress: OnProgress | None
    ) -> int:
        """Append what is missing to the part; return its size.

        Raises:
            Conflict: The part is of other content than the rest would be.
        """
        source = await self._find_source(asset_id)
        done, etag = await anyio.to_thread.run_sync(part_files.resume_at, part, entry.size_bytes)

        # One byte more than was announced shows that there is more, and no disk is filled with it.
        most = None if entry.size_bytes is None else entry.size_bytes + 1
        bound = None
        if most is None:
            bound = await self._find_most(asset_id, part)
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

    async def _find_most(self, asset_id: AssetId, part: Path) -> int:
        """Return how many bytes a file may have whose size no listing tells.

        That is twice its asset's size, and a gigabyte; where nobody knows that either, half of what
        is free on the disk. What the storage announces is no promise: it may be anybody's.
        """
        known = await self._context.known(asset_id)
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


def _name_gaps(folder: Folder, place: str, unsaid: bool) -> Iterator[str]:  # noqa: FBT001 # pure
    """Say what a listing lacks, one sentence each, without its subject."""
    if unsaid:
        yield f"does not say what is in {place}"
    if folder.has_more:
        yield f"says that there is more in {place}, but not how to ask for it"
    if folder.unnamed:
        entries = "1 entry" if folder.unnamed == 1 else f"{folder.unnamed:,} entries"
        yield f"lists {entries} in {place} without a name"
    if folder.elsewhere:
        rest = f" and {len(folder.elsewhere) - 1:,} more" if len(folder.elsewhere) > 1 else ""
        yield f"lists {folder.elsewhere[0][:80]!r}{rest} in {place}, where it is not"
