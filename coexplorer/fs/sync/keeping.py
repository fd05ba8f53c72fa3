"""Saving users' own files to the disk before their programs hear that they are written."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import trio

from coexplorer.errors import CoexplorerError, explain_os
from coexplorer.fs.core.file_format import EDITABLE_PARTS, build_text
from coexplorer.fs.core.kept_files import KeptFiles, find_kept_folder
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.scratch import (
    MAX_SCRATCH_BYTES,
    KeptFile,
    Scratch,
    is_editors_own,
    is_perhaps_temporary,
    is_tools_copy,
)
from coexplorer.fs.core.volume import Volume
from coexplorer.library import Library
from coexplorer.library.entries import Entry
from coexplorer.models import AssetId
from coexplorer.names import escape_name

log = logging.getLogger(__name__)


class Keeper:
    """Keeps the files on the disk as they are in the mount, one change after another."""

    def __init__(self, volume: Volume, library: Library) -> None:
        self._volume = volume
        self._library = library
        self._files = KeptFiles(find_kept_folder(library.settings.journal_path))
        self._lock = trio.Lock()

    async def load(self) -> None:
        """Bring back what earlier mounts have kept."""
        try:
            found = await trio.to_thread.run_sync(lambda: list(self._files.read(MAX_SCRATCH_BYTES)))
        except OSError as error:
            self._volume.report(f"the kept files can't be read: {error}")
            return
        self._volume.scratch.waiting = found
        self.show_waiting()
        await self.drop_copies()

    def show_waiting(self) -> None:
        """Show what is kept of assets that were not known so far."""
        store, waiting = self._volume.scratch, []
        for file in store.waiting:
            node = self._volume.tree.find_id(file.asset_id)
            if node is None or node.gone:
                waiting.append(file)
                continue
            if store.find(node.slot, file.name) is not None:
                continue
            scratch = Scratch(
                self._volume.inodes.take(),
                node.slot,
                file.name,
                mtime_ns=file.mtime_ns,
                used=time.monotonic(),
                content=bytearray(file.content),
                kept_as=file.name,
                kept_for=file.name,
                kept_stamp=file.stamp,
                is_written=True,
            )
            try:
                store.add(scratch)
            except OSError as error:
                where = self._files.folder
                self._volume.report(f"not all kept files are shown, look in {where}: {error}")
        store.waiting = waiting

    async def drop_copies(self, unused_s: float = 0.0) -> None:
        """Remove temporary files of tools that nobody has open, and whose text the journal has.

        ``sed -i``, rsync and others leave theirs behind when they can't rename them, or are killed.

        Args:
            unused_s: Only those that nobody has opened for so long: their tool may try again.
        """
        names: dict[AssetId, list[Scratch]] = {}
        store = self._volume.scratch
        for scratch in [*store.iter_kept(), *store.list_unkept()]:
            node = self._volume.tree.find_slot(scratch.slot)
            is_used = scratch.handles or time.monotonic() - scratch.used < unused_s
            if node is not None and not is_used and is_tools_copy(scratch.name, scratch.content):
                names.setdefault(node.id, []).append(scratch)
        for asset_id, found in names.items():
            try:
                entries = await self._library.log.entries_about(asset_id)
            except CoexplorerError as error:
                log.warning("the journal can't be read: %s", error)
                return
            texts = _list_texts(entries)
            for scratch in found:
                if bytes(scratch.content).removesuffix(b"\n") in texts and not scratch.handles:
                    await self.drop(scratch)

    async def drop(self, scratch: Scratch) -> None:
        """Remove a file, here and from the disk.

        Raises:
            OSError: It can't be removed there.
        """
        node, name = self._volume.tree.find_slot(scratch.slot), scratch.name
        if node is None or self._volume.scratch.find(scratch.slot, name) is not scratch:
            return
        self._volume.scratch.unlink(scratch.slot, name)
        self._volume.notices.forget_entry(node.inode, name)
        await self.keep(scratch)

    def find_folder(self, asset_id: AssetId, name: bytes) -> str | None:
        """Return the folder on the disk that a file is kept in; None if it was removed there."""
        path = self._files.find_path(asset_id, name)
        return str(Path(os.fsdecode(path)).parent) if os.path.lexists(path) else None

    async def keep(self, scratch: Scratch) -> None:
        """Have on the disk what a file is now: its content, under its name, or nothing.

        Raises:
            OSError: It can't be written.
        """
        node = self._volume.tree.find_slot(scratch.slot)
        if node is None or not (scratch.kept_as or _is_kept(scratch)):
            return
        async with self._lock:
            if scratch.kept_as and scratch.kept_for != scratch.name:
                await self._move(node, scratch)
            if scratch.name and not scratch.is_written:
                await self._write(node, scratch)

    async def _write(self, node: Node, scratch: Scratch) -> None:
        file = KeptFile(node.id, scratch.name, bytes(scratch.content), scratch.mtime_ns)
        former = scratch.kept_as
        scratch.is_written, scratch.kept_as, scratch.kept_for = True, former or file.name, file.name
        path = f"{node.title}/{scratch.name.decode(errors='replace')}"
        write = partial(self._files.write, file, former, scratch.kept_stamp)
        try:
            kept_as, scratch.kept_stamp = await trio.to_thread.run_sync(write)
        except OSError as error:
            scratch.is_written, scratch.kept_as = False, former
            await self._drop_hollow(node, scratch)
            if not scratch.trouble:
                where = f"{path} can't be kept in {self._files.folder}"
                self._volume.report(
                    f"{where}: {explain_os(error)[0]}; it is only in the memory of this mount"
                )
            scratch.trouble = explain_os(error)[0]
            raise OSError(error.errno or errno.EIO, error.strerror) from error
        scratch.kept_as, was_in_trouble, scratch.trouble = kept_as, scratch.trouble, ""
        if was_in_trouble and former is not None:
            self._volume.report(f"{path} is kept now")
        self._tell(path, file.name, former, kept_as)

    async def _drop_hollow(self, node: Node, scratch: Scratch) -> None:
        """Let no empty file stand for a text: a shell's ``>`` makes one before it writes."""
        stamp = scratch.kept_stamp
        if scratch.kept_as is None or stamp is None or stamp[2] or not scratch.content:
            return
        remove = partial(self._files.remove, node.id, scratch.kept_as, stamp)
        try:
            await trio.to_thread.run_sync(remove)
        except OSError as error:
            log.warning("%s in %s: %s", scratch.kept_as, self._files.folder, error)
        else:
            scratch.kept_as = scratch.kept_stamp = None

    async def write_down(self) -> None:
        """Write what could not be written before, as far as there is room now."""
        for scratch in self._volume.scratch.list_unkept():
            try:
                await self.keep(scratch)
            except OSError as error:
                log.debug("still no room for %s: %s", scratch.name, error)
                return

    def list_unkept(self) -> list[tuple[str, bytes]]:
        """List the files that are only in memory so far: asset and name, and content."""
        found = self._volume.scratch.list_unkept()
        find = self._volume.tree.find_slot
        named = [(find(each.slot), os.fsdecode(each.name), each.content) for each in found]
        return [
            (f"{node.title}/{escape_name(name)}", bytes(content))
            for node, name, content in named
            if node is not None
        ]

    def _tell(self, path: str, name: bytes, former: bytes | None, kept_as: bytes) -> None:
        if kept_as not in (former, name):
            self._volume.report(
                f"{path} is kept as {kept_as.decode(errors='replace')}: another mount keeps a file"
                " of its name"
            )
        elif former is None and not is_perhaps_temporary(name):
            self._volume.report(
                f"{path} is kept on this machine only, in {self._files.folder}: the platform has"
                " no place for it"
            )

    async def _move(self, node: Node, scratch: Scratch) -> None:
        old, stamp = scratch.kept_as or b"", scratch.kept_stamp
        scratch.kept_as = scratch.name or None
        scratch.kept_for = scratch.name
        try:
            if scratch.name:
                rename = partial(self._files.rename, node.id, old, scratch.name, stamp)
                scratch.kept_as = await trio.to_thread.run_sync(rename)
            else:
                await trio.to_thread.run_sync(self._files.remove, node.id, old, stamp)
        except OSError as error:
            scratch.is_written, scratch.kept_as, scratch.kept_stamp = False, None, None
            log.warning("%s in %s: %s", old, self._files.folder, error)


def _list_texts(entries: Iterable[Entry]) -> set[bytes]:
    """Return the texts of files that a journal's entries have, without the last line's end."""
    found = {b""}
    for entry in entries:
        for fields in (entry.base, entry.mine, entry.before, entry.after):
            if fields is not None:
                found |= {build_text(fields, part).removesuffix(b"\n") for part in EDITABLE_PARTS}
    return found


def _is_kept(scratch: Scratch) -> bool:
    """Tell whether a file is a user's own."""
    return bool(scratch.name) and not scratch.is_link and not is_editors_own(scratch.name)
