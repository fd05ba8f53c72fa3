"""``README.md`` and ``.coexplorer/``: what the mount says of itself, as text files."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass

import trio

from coexplorer.fields import FIELDS
from coexplorer.fs.core.file_format import (
    EDITABLE_PARTS,
    FIELDS_OF_PARTS,
    NAMES_OF_PARTS,
    build_text,
)
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.inodes import Inode, Part, Place
from coexplorer.fs.sync.writeback import Writeback
from coexplorer.library import Library
from coexplorer.library.entries import Entry
from coexplorer.names import escape_name

_FIELD_FILES = "  ".join(field.file for field in FIELDS)
README = f"""\
# Your data assets, as a folder

Every data asset of the platform is a folder in `all/` (or `archived/`). In it:

    {_FIELD_FILES:<34}  what you can change: edit and save, with any tool
    asset.json                          everything the platform says of it (read-only)
    error                               only while a write failed: what happened and what to do

A save is one change on the platform, or an error. Tags are one a line. Swap files and
locks of editors stay in memory; any other file that you put here stays on this machine.

    mv all/A all/B               rename the asset        mv all/A archived/     archive it; and back
    ln -s ../../all/A tags/T/    add a tag               mv tags/T/A tags/U/    exchange one
    mkdir tags/T                 a new, empty tag        rm tags/T/A            take a tag away*
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


class ControlFiles:
    """Makes the texts when they are asked for."""

    def __init__(self, volume: Volume, library: Library, saver: Writeback) -> None:
        self.volume = volume
        self.library = library
        self.saver = saver
        self.open_handles = 0
        self._unsent: dict[bytes, UnsentText] = {}
        self._unsent_inodes: dict[tuple[int, Part], Inode] = {}

    async def read(self, place: Place) -> bytes:
        """Return the text of a fixed file."""
        if place is Place.README:
            return README.encode()
        if place is Place.STATUS:
            return _fill_up((await self._status()).encode())
        return b""

    async def list_unsent(self) -> list[UnsentText]:
        """Read what the journal keeps: what waits, and what was refused."""
        texts = {}
        with trio.fail_after(DEADLINE_S):
            entries = await self.library.kept()
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
        title = escape_name(entry.asset_name)[:_LONGEST_TITLE] or entry.asset_id
        name = f"{entry.id}-{title}.{NAMES_OF_PARTS[part].decode()}"
        content = build_text(entry.mine, part) if entry.mine is not None else b""
        return UnsentText(name.encode(), inode, content, entry.at)

    async def _status(self) -> str:
        with trio.fail_after(DEADLINE_S):
            status = await self.library.status()
        volume = self.volume
        settings, health = self.library.settings, self.saver.health
        offline = health.is_out_of_reach or (status.offline and not health.answered_at)
        lines = {
            "profile": settings.profile,
            "platform": settings.base_url,
            "assets": status.count_text,
            "synced": _format_time(status.synced_at or 0.0),
            # What is known; nobody is asked for it, so it has an age.
            "network": "offline" if offline else "online",
            "signed in": "no; coexplorer login" if health.trouble == errno.EACCES else "yes",
            "last answer": _format_time(health.answered_at),
            "unsent": str(status.unsent),
            "refused": str(status.refused),
            "errors": str(len(volume.failures)),
            "read only": "yes" if volume.options.read_only else "no",
            "deletions left": str(max(0, volume.options.allow_delete - volume.deleted)),
            "in flight": str(self.saver.busy),
            "open files": str(self.open_handles),
            "lookups": str(volume.counts.total),
            "scratch bytes": str(volume.scratch.used_bytes),
        }
        kept = self._list_kept()
        lines["kept files"] = str(len(kept))
        if status.catalog_problem:
            lines["catalog"] = status.catalog_problem
        named = [f"kept: {path}\n" for path in kept]
        return "".join([*(f"{key}: {value}\n" for key, value in lines.items()), *named])

    def _list_kept(self) -> list[str]:
        """List users' own files in assets' folders; by the id where the asset is not here."""
        store, find = self.volume.scratch, self.volume.tree.find_slot
        found = [(find(each.slot), each.name) for each in store.iter_kept()]
        paths = [(node.title, name) for node, name in found if node is not None]
        paths += [(str(file.asset_id), file.name) for file in store.waiting]
        return sorted(f"{title}/{escape_name(os.fsdecode(name))}" for title, name in paths)


_LONGEST_TITLE = 60
STATUS_BYTES = 16 << 10
"""Size of the status: always the same, so that tar and rsync copy what a stat has promised."""


def _fill_up(text: bytes) -> bytes:
    """Fill the last line of a status up with blanks."""
    lines = text.splitlines()
    shown, left = lines, 0
    while len(filled := b"\n".join(shown)) > STATUS_BYTES - 1:
        left += 1
        shown = [*lines[:-left], f"kept: … and {left:,} more".encode()]
    return filled.ljust(STATUS_BYTES - 1) + b"\n"


def _format_time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else "never"


def _parts_of(entry: Entry) -> list[Part]:
    """Return the files that an unsent entry would have changed."""
    if entry.base is None or entry.mine is None:
        return []
    return [
        part
        for part in EDITABLE_PARTS
        if getattr(entry.base, FIELDS_OF_PARTS[part]) != getattr(entry.mine, FIELDS_OF_PARTS[part])
    ]
