"""The data of assets: listings of folders, and parts of files, asked for when they are needed.

Nothing else in a mount waits for these: a listing is fetched for whoever looks into that folder,
and goes on when he has waited long enough; a read has a deadline, and ends with its program.
"""

from __future__ import annotations

import errno
import logging
import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import pyfuse3
import trio

from coexplorer.errors import (
    ApiError,
    BadReply,
    CoexplorerError,
    Conflict,
    PlatformFault,
    Rejected,
    Unreachable,
    tell_too_old,
)
from coexplorer.fs.core.asset_files import DataFile, name_files
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S, errno_of
from coexplorer.fs.kernel.procfs import is_killed
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.library import Library
from coexplorer.models import FileEntry
from coexplorer.remote_files import FileReader

log = logging.getLogger(__name__)

READ_S = 3 * DEADLINE_S
"""So long a read may take: it holds up nobody but its program, which can be ended meanwhile."""

_KEPT_S = 1.0
"""So long somebody waits for what is kept, while nothing else can be had."""

_PERHAPS_S = 3.0
"""So long a read waits while the platform is away: the file's storage may be there."""

_AWAY_LIFE_S = 5.0
"""So long a storage counts as away after a read that found no way to it."""

_FRESH_S = 60.0
_FAILED_FRESH_S = 1.0
"""So long a listing, or its failure, is believed; a listing that can't change, as long as known."""

_MOST_ENTRIES = 500_000
"""Entries of all listings together that are kept here."""

_NO_SUCH_CALL = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
_SAME_REPORT_S = 5.0
_MOST_TOLD = 100

Names = dict[bytes, FileEntry]


@dataclass(slots=True, eq=False)
class _Listing:
    """A folder: what is in it, by name, or why nobody knows; or a question on its way.

    Attributes:
        over: Set when there is an answer.
        until: So long it is believed (trio's clock).
        is_fixed: It never changes.
    """

    over: trio.Event = field(default_factory=trio.Event)
    names: Names | None = None
    error: CoexplorerError | None = None
    until: float = 0.0
    is_fixed: bool = False


@dataclass(slots=True, eq=False)
class OpenData:
    """A file of an asset's data that is open.

    Attributes:
        file: Which one.
        reader: Reads it.
        tgid: The process that opened it.
        scopes: Its reads that wait.
        silent_until: So long nobody waits for what is not kept (trio's clock): a read was in vain,
            and the kernel asks once more for the same page, alone.
    """

    file: DataFile
    reader: FileReader
    tgid: int
    scopes: set[trio.CancelScope] = field(default_factory=set)
    silent_until: float = 0.0


class AssetData:
    """Lists and reads them.

    Args:
        volume: What the mount knows.
        library: Asks the platform and the storage.
        reach: What is known of the way to the platform.
        nursery: Where listings go on that nobody waits for any more.

    Attributes:
        reading: How many reads wait.
        opened: How often a file is open.
    """

    def __init__(
        self, volume: Volume, library: Library, reach: Connectivity, nursery: trio.Nursery
    ) -> None:
        self._volume = volume
        self._library = library
        self._reach = reach
        self._nursery = nursery
        self._known: OrderedDict[int, _Listing] = OrderedDict()
        self._asked: dict[int, _Listing] = {}
        self._entries = 0
        self._away_until: dict[int, float] = {}
        self._told: OrderedDict[str, float] = OrderedDict()
        self.reading = self.opened = 0

    @property
    def listing(self) -> int:
        """How many listings are on their way."""
        return len(self._asked)

    # --- Folders

    async def list_folder(self, folder: DataFile) -> tuple[Names, bool]:
        """Return what is in a folder, by name, and whether that never changes.

        Raises:
            pyfuse3.FUSEError: It can't be listed, or not in time; then that goes on.
        """
        listing = self._find_known(folder)
        if listing is None:
            listing = self._asked.get(folder.inode)
            if listing is None:
                listing = self._asked[folder.inode] = _Listing()
                self._nursery.start_soon(self._ask, folder, listing)
            is_away = self._is_platform_away()
            with trio.move_on_after(_KEPT_S if is_away else DEADLINE_S):
                await listing.over.wait()
            if not listing.over.is_set():
                raise self._fail(folder, errno.ENETDOWN if is_away else errno.ETIMEDOUT)
        if listing.names is None:
            error = listing.error or BadReply("nobody says what is in it")
            raise self._refuse(folder, error)
        return listing.names, listing.is_fixed

    def _find_known(self, folder: DataFile) -> _Listing | None:
        known = self._known.get(folder.inode)
        if known is None:
            return None
        if trio.current_time() > known.until:
            self._drop(folder.inode)
            return None
        self._known.move_to_end(folder.inode)
        return known

    def _drop(self, inode: int) -> None:
        former = self._known.pop(inode, None)
        self._entries -= len(former.names or ()) if former is not None else 0

    async def _ask(self, folder: DataFile, listing: _Listing) -> None:
        """Ask what is in a folder; it never raises: whoever waits is told."""
        node, gaps, is_internal = folder.node, list[CoexplorerError](), True
        try:
            known = await self._library.assets.record(node.id)
            source = None if known is None else known.asset.source
            is_internal = source is None or not source.external
            listing.is_fixed = known is not None and known.asset.state == "ready" and is_internal
            found = await self._library.files.list_folder(node.id, folder.path, trouble=gaps.append)
            listing.names = await trio.to_thread.run_sync(name_files, found)
        except CoexplorerError as error:
            listing.error = await self._explain(error, folder)
            if isinstance(error, Unreachable) and not error.of_storage:  # saves go elsewhere
                self._reach.health.note(error)
        except Exception:
            log.exception("listing %s failed", folder.title)
            listing.error = PlatformFault("its folder could not be read")
        else:
            for gap in gaps:
                self._report(f"{folder.title}: {gap.message}")
        finally:
            fresh_s = _FAILED_FRESH_S if listing.names is None else _FRESH_S
            listing.until = trio.current_time() + fresh_s
            self._keep(folder, listing)
            del self._asked[folder.inode]
            listing.over.set()

    async def _explain(self, error: CoexplorerError, folder: DataFile) -> CoexplorerError:
        """Say what it means when a platform does not know the call, though the asset is there."""
        is_missing = isinstance(error, ApiError) and error.status in _NO_SUCH_CALL
        if folder.path or not is_missing:
            return error
        with suppress(CoexplorerError):
            if await self._library.assets.record(folder.node.id) is not None:
                return tell_too_old("3.1", HTTPStatus.NOT_FOUND)
        return error

    def _keep(self, folder: DataFile, listing: _Listing) -> None:
        self._drop(folder.inode)
        self._known[folder.inode] = listing
        self._entries += len(listing.names or ())
        while self._entries > _MOST_ENTRIES and len(self._known) > 1:
            self._drop(next(iter(self._known)))

    # --- Files

    async def open(self, file: DataFile, pid: int) -> OpenData:
        """Open a file.

        Raises:
            pyfuse3.FUSEError: It can't be, or not in time.
        """
        is_away = self._is_platform_away()
        entry = file.entry
        if entry is None or entry.is_folder:
            raise pyfuse3.FUSEError(errno.EISDIR)
        with trio.move_on_after(_KEPT_S if is_away else DEADLINE_S):
            try:
                reader = await self._library.files.open(file.node.id, entry.path, entry=entry)
            except CoexplorerError as error:
                raise self._refuse(file, error) from error
            file.size = reader.size
            file.handles += 1
            self.opened += 1
            return OpenData(file, reader, self._volume.groups.find(pid))
        raise self._fail(file, errno.ENETDOWN if is_away else errno.ETIMEDOUT)

    async def read(self, opened: OpenData, offset: int, size: int) -> bytes:
        """Return a part of a file.

        Raises:
            pyfuse3.FUSEError: It can't be read, or not in time, or its program has ended.
        """
        now = trio.current_time()
        is_storage_away = now < self._away_until.get(opened.file.node.slot, 0.0)
        is_away = is_storage_away or self._is_platform_away()
        patience_s = _PERHAPS_S if is_away else READ_S
        if is_storage_away or now < opened.silent_until:
            patience_s = _KEPT_S
        scope = trio.move_on_after(patience_s)
        opened.scopes.add(scope)
        self.reading += 1
        try:
            with scope:
                return await opened.reader.read(offset, size)
        except CoexplorerError as error:
            if isinstance(error, Unreachable):
                self._note_away(opened.file.node)
            if isinstance(error, Conflict):
                opened.file.is_stale = True
                self._drop(opened.file.parent)  # which has another size, perhaps
            raise self._refuse(opened.file, error, reads=True) from error
        finally:
            self.reading -= 1
            opened.scopes.discard(scope)
        if patience_s != _KEPT_S:
            opened.silent_until = trio.current_time() + _AWAY_LIFE_S
        raise self._fail(opened.file, errno.ENETDOWN if is_away else errno.ETIMEDOUT)

    def note_close(self, opened: OpenData) -> None:
        """Cut off what a program waits for that is just being killed, as one of its files closes.

        FUSE's own way to say so (FUSE_INTERRUPT) does not reach us.
        """
        if opened.scopes and is_killed(opened.tgid):
            for scope in opened.scopes:
                scope.cancel()

    async def release(self, opened: OpenData) -> None:
        """Close it: nobody has it open any more."""
        await opened.reader.aclose()
        opened.file.handles -= 1
        self.opened -= 1
        self._volume.asset_files.tidy(opened.file)

    # --- Trouble

    def _is_platform_away(self) -> bool:
        """Tell whether it is known to be; then it is asked in the background whether it is back."""
        if not self._reach.health.is_out_of_reach:
            return False
        self._reach.check_sign_in()
        return True

    def _note_away(self, node: Node) -> None:
        """Note that the storage of an asset's files can't be reached."""
        now = trio.current_time()
        kept = {slot: until for slot, until in self._away_until.items() if until > now}
        self._away_until = {**kept, node.slot: now + _AWAY_LIFE_S}

    def _refuse(
        self, file: DataFile, error: CoexplorerError, *, reads: bool = False
    ) -> pyfuse3.FUSEError:
        """Return the error that a program is told, after writing its reason into the log."""
        hint = f" ({error.hint})" if error.hint else ""
        self._report(f"{file.title}: {error.message}{hint}")
        if isinstance(error, Conflict):
            return pyfuse3.FUSEError(errno.ESTALE if reads else errno.EBUSY)
        if isinstance(error, Rejected):
            return pyfuse3.FUSEError(errno.EOPNOTSUPP)
        return pyfuse3.FUSEError(errno_of(error))

    def _fail(self, file: DataFile, number: int) -> pyfuse3.FUSEError:
        self._report(f"{file.title}: {os.strerror(number)}")
        return pyfuse3.FUSEError(number)

    def _report(self, text: str) -> None:
        """Log it once: a program that is refused asks again, and many read the same."""
        now = trio.current_time()
        if now - self._told.get(text, -_SAME_REPORT_S) >= _SAME_REPORT_S:
            self._volume.report(text)
            self._told[text] = now
            self._told.move_to_end(text)
            while len(self._told) > _MOST_TOLD:
                self._told.popitem(last=False)
