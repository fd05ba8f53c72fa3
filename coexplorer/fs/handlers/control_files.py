"""``README.md`` and ``.coexplorer/``: what the mount says about itself, as text files."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass

import trio

from coexplorer.fields import FIELDS
from coexplorer.fs.core.failures import name_unsent
from coexplorer.fs.core.file_format import (
    EDITABLE_PARTS,
    FIELDS_OF_PARTS,
    build_text,
    restore_bytes,
)
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.inodes import Inode, Part, Place
from coexplorer.fs.mount_status import NOT_KEPT, ONLY_IN_MEMORY
from coexplorer.fs.sync.upstream import Upstream
from coexplorer.library import Library
from coexplorer.library.entries import Entry, is_written_out
from coexplorer.library.status import Status
from coexplorer.names import escape_name
from coexplorer.remote_files import CacheUse
from coexplorer.text import size_text

_FIELD_FILES = "  ".join(field.file for field in FIELDS)
README = f"""\
# Your data assets, as a folder

Every data asset of the platform is a folder in `all/` (or `archived/`). In it:

    {_FIELD_FILES:<34}  what you can change: edit and save, with any tool
    asset.json                          everything the platform says about it (read-only)
    error                               only after a failed write: what happened, what to do
    about/sharing                       who can see it, one per line (no listing shows about/)
    about/uses                          the capsules and pipelines that use it
    about/sources/  about/derived/      links to the assets it was made from, and into
    files                               a link to its data, read-only: only what is read is fetched

A save is one change on the platform, or an error. Tags: one per line. Swap files and
locks of editors stay in memory; any other file that you put here stays on this machine.

    mv all/A all/B               rename the asset        mv all/A archived/     archive it; and back
    ln -s ../../all/A tags/T/    add a tag               mv tags/T/A tags/U/    replace a tag
    mkdir tags/T                 a new, empty tag        rm tags/T/A            remove a tag*
    mv archived/A deleted/       delete it for good*     touch .coexplorer/refresh   look for news

    * only on a mount started with --allow-untag, or --allow-delete. Nothing else deletes anything:
      not rm -r, not find -delete, not rsync --delete.

    mine/ shared/ favorites/ by-id/ tags/    links to the same folders
    search/QUERY/                            any query: ls 'search/tag:raw created:-30d'
    .coexplorer/                             status, log, unsent/ (what could not be sent)
"""

FIXED_FILES: dict[bytes, Place] = {
    b"README.md": Place.README,
    b".nomedia": Place.NO_MEDIA,
    b".metadata_never_index": Place.NEVER_INDEX,
    b".trackerignore": Place.TRACKER_IGNORE,
}
"""Files in the mount's root; the empty ones tell crawlers to stay away."""

CONTROL_FILES: dict[bytes, Place] = {
    b"status": Place.STATUS,
    b"log": Place.LOG,
    b"refresh": Place.REFRESH,
}


@dataclass(frozen=True, slots=True)
class UnsentText:
    """A text in ``.coexplorer/unsent/``."""

    name: bytes
    inode: Inode
    content: bytes
    at: float


@dataclass(slots=True)
class _Promise:
    """The size of the status that a process was told; `is_kept` once it has opened it."""

    size: int
    at: float
    is_kept: bool = False


_NOTHING_KNOWN = Status(0, complete=False, synced_at=None, offline=False, syncing=False, unsent=0)


class ControlFiles:
    """Makes the texts when they are asked for."""

    def __init__(self, volume: Volume, library: Library, upstream: Upstream) -> None:
        self.volume = volume
        self.library = library
        self._reach = upstream.reach
        self._health = upstream.reach.health
        self._saver = upstream.saver
        self._keeper = upstream.keeper
        self._upstream = upstream
        self._spell = volume.options.spell
        self._unsent: dict[bytes, UnsentText] = {}
        self._unsent_inodes: dict[tuple[int, Part], Inode] = {}
        self._status: Status | None = None
        self._cache_use: CacheUse | None = None
        self._cache_measured = -_CACHE_FRESH_S
        self._promises: dict[int, _Promise] = {}

    async def read(self, place: Place, tgid: int = 0) -> bytes:
        """Return the text of a fixed file, for a process."""
        if place is Place.README:
            return README.encode()
        if place is Place.STATUS:
            with trio.fail_after(DEADLINE_S):
                await self._upstream.write_down()  # what umount asks for
                self._status = await self.library.status()
                await self._measure_cache()
            size = self.find_status_size(tgid)
            self._promises[tgid].is_kept = True
            return _fill_up(self._build_status(self._status), size)
        return b""

    def find_status_size(self, tgid: int, *, by_name: bool = False) -> int:
        """Return the size of the status in bytes: exactly what a process reads next.

        tar, rsync and others copy as much as a stat has told them.

        Args:
            tgid: The process.
            by_name: It looks the name up: what it has read before may have been another size.
        """
        now, promise = time.monotonic(), self._promises.get(tgid)
        if promise is None or now - promise.at > _PROMISE_S or (by_name and promise.is_kept):
            promise = _Promise(self._measure_status(), now)
            made = self._promises.items()
            self._promises = {key: old for key, old in made if now - old.at <= _PROMISE_S}
            self._promises[tgid] = promise
        return promise.size

    def _measure_status(self) -> int:
        needed = len(self._build_status(self._status)) + _STATUS_ROOM_BYTES
        if self._status is None:
            needed += _STATUS_UNKNOWN_BYTES  # the library was not asked yet
        blocks = -(-needed // _STATUS_BLOCK_BYTES)
        return min(blocks * _STATUS_BLOCK_BYTES, MOST_STATUS_BYTES)

    async def list_unsent(self) -> list[UnsentText]:
        """Read what the journal keeps: what waits, and what was refused."""
        texts = {}
        with trio.fail_after(DEADLINE_S):
            entries = await self.library.log.kept()
        for entry in entries:
            for part in _parts_of(entry):
                text = self._build_unsent(entry, part)
                texts[text.name] = text
        self._unsent = texts
        return list(texts.values())

    def find_unsent(self, name: bytes) -> UnsentText | None:
        """Return a text that the last listing found."""
        return self._unsent.get(name)

    def find_unsent_inode(self, inode: int) -> UnsentText | None:
        """Return a text by its inode."""
        return next((text for text in self._unsent.values() if text.inode == inode), None)

    def _build_unsent(self, entry: Entry, part: Part) -> UnsentText:
        inode = self._unsent_inodes.setdefault((entry.id, part), self.volume.inodes.take())
        name = name_unsent(entry.id, entry.asset_name or entry.asset_id, part)
        content = build_text(entry.mine, part) if entry.mine is not None else b""
        if is_written_out(entry):
            content = restore_bytes(content, part)
        return UnsentText(name.encode(), inode, content, entry.at)

    def _build_status(self, known: Status | None) -> bytes:
        status, volume = known or _NOTHING_KNOWN, self.volume
        settings, health = self.library.settings, self._health
        offline = health.is_out_of_reach or (status.offline and not health.answered_at)
        lines = {
            "profile": settings.profile,
            "platform": settings.base_url,
            "assets": status.count_text,
            # The list of assets may be whole a moment before the folders show it.
            "synced": _format_time((volume.shows_all and status.synced_at) or 0.0),
            "reading news": "yes" if status.syncing or self._reach.is_reading else "no",
            # What is known; nobody is asked for it, so it has an age.
            "network": "offline" if offline else "online",
            "signed in": self._spell("no; coexplorer login")
            if health.trouble == errno.EACCES
            else "yes",
            "last answer": _format_time(health.answered_at),
            "unsent": str(status.unsent),
            "refused": str(status.refused),
            "errors": str(len(volume.failures)),
            "read only": "yes" if volume.options.read_only else "no",
            "deletions left": str(max(0, volume.options.allow_delete - volume.deleted)),
            "in flight": str(self._saver.busy),
            "open files": str(len(volume.open_files) + self._upstream.data.opened),
            "lookups": str(volume.counts.total),
            "scratch bytes": str(volume.scratch.used_bytes),
        }
        lines |= self._describe_files()
        kept = self._list_kept()
        lines["kept files"] = str(len(kept))
        unkept = [path for path, _ in self._upstream.list_unkept()]
        lines[ONLY_IN_MEMORY] = str(len(unkept))
        if status.catalog_problem:
            lines["catalog"] = status.catalog_problem
        named = [f"{NOT_KEPT}: {path}\n" for path in unkept]
        named += [f"kept: {path}\n" for path in kept]
        text = "".join([*(f"{key}: {value}\n" for key, value in lines.items()), *named])
        return text.encode()

    async def _measure_cache(self) -> None:
        """Learn what is kept of files, by looking at each of them: not at each look."""
        if self.volume.options.files and time.monotonic() - self._cache_measured > _CACHE_FRESH_S:
            self._cache_use = await self.library.files.measure_cache()
            self._cache_measured = time.monotonic()

    def _describe_files(self) -> dict[str, str]:
        """Return what is told of the assets' data: what is kept of it, and what is on its way."""
        if not self.volume.options.files:
            return {"files": "no"}
        use, data = self._cache_use, self._upstream.data
        most = size_text(self.library.settings.file_cache_bytes if use is None else use.most_bytes)
        return {
            "files": "yes",
            "file cache": f"{size_text(0 if use is None else use.used_bytes)} of {most}",
            "listings on their way": str(data.listing),
            "reads that wait": str(data.reading),
            "parts on their way": str(self.library.files.parts_under_way),
        }

    def _list_kept(self) -> list[str]:
        """List users' own files in assets' folders.

        Where an asset has no folder any more, or so far, as it is on the disk: there they can be
        taken from, or removed.
        """
        store, find = self.volume.scratch, self.volume.tree.find_slot
        found = [(find(each.slot), each.name, each.kept_as) for each in store.iter_kept()]
        here = [(node, name) for node, name, _ in found if node is not None and not node.gone]
        away = [(file.asset_id, file.name) for file in store.waiting]
        away += [(node.id, kept_as) for node, _, kept_as in found if node and node.gone and kept_as]
        folders = [(node.title, name) for node, name in here]
        folders += [
            (folder, name)
            for asset_id, name in away
            if (folder := self._keeper.find_folder(asset_id, name))
        ]
        return sorted(f"{folder}/{_show_name(name)}" for folder, name in folders)


MOST_STATUS_BYTES = 16 << 10
_STATUS_BLOCK_BYTES = 32
_STATUS_ROOM_BYTES = 24
_STATUS_UNKNOWN_BYTES = 100
"""For figures that grow between a stat and the reading, and before the library was asked."""
_PROMISE_S = 5.0
_CACHE_FRESH_S = 5.0


def _fill_up(text: bytes, size: int) -> bytes:
    """Fill the last line of a status up with blanks."""
    lines = text.splitlines()
    shown, left = lines, 0
    while len(filled := b"\n".join(shown)) > size - 1:
        left += 1
        shown = [*lines[:-left], f"kept: … and {left:,} more".encode()]
    return filled.ljust(size - 1) + b"\n"


def _format_time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else "never"


def _show_name(name: bytes) -> str:
    """Return a file's name in one line: as it is, but for signs that nobody sees."""
    text = os.fsdecode(name)
    return "".join(each if each.isprintable() else escape_name(each) for each in text)


def _parts_of(entry: Entry) -> list[Part]:
    """Return the files that an unsent entry would have changed."""
    if entry.base is None or entry.mine is None:
        return []
    return [
        part
        for part in EDITABLE_PARTS
        if getattr(entry.base, FIELDS_OF_PARTS[part]) != getattr(entry.mine, FIELDS_OF_PARTS[part])
    ]
