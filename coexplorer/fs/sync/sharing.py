"""``about/sharing``: who can see an asset, asked when the file is opened, sent when it is closed.

No listing of the asset's folder names ``about``: a tool that reads whole trees would otherwise ask
the platform once for each asset. Each open has a text of its own, which nobody else writes.
"""

from __future__ import annotations

import errno
import time
from collections import OrderedDict

import pyfuse3
import trio

from coexplorer.errors import (
    CoexplorerError,
    InvalidField,
    NotFound,
    Refused,
    Rejected,
    Unreachable,
)
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.inodes import Part, asset_inode
from coexplorer.fs.kernel.procfs import has_writable, is_killed
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.fetched_sizes import FetchedSizes
from coexplorer.fs.sync.keeping import Keeper
from coexplorer.fs.sync.sharing_failures import SharingFailures, SharingSave
from coexplorer.library import Library
from coexplorer.library.permissions import say_unseen
from coexplorer.sharing.changes import differ
from coexplorer.sharing.roles import Sharing
from coexplorer.sharing.written import format_sharing, parse_sharing_text

_MAX_BYTES = 1 << 20
_MOST_SHOWN = 10_000
_HELP = """\
# Who can see this asset, one per line: everyone, group NAME or user ADDRESS, a colon, and a role:
# owner, editor, viewer, discoverable (groups and everyone) or none. Who has no line has no access.
"""
_NOT_SAVED = """\
# The lines above are what was written here. They were NOT saved: the asset's error says why.
"""
_IN_PART = (
    "the rest is done, as about/sharing shows now; correct what is not and save it, or save it as"
    " it is if that will do"
)


class SharingFiles:
    """Reads and saves them.

    Args:
        volume: What the mount knows.
        library: Asks the platform, and changes it.
        unsent: Notes what failed.
        keeper: Keeps texts on the disk.

    Attributes:
        failures: What could not be saved.
        sizes: For stats.
    """

    def __init__(
        self, volume: Volume, library: Library, unsent: FailedWrites, keeper: Keeper
    ) -> None:
        self._volume = volume
        self._library = library
        self.failures = SharingFailures(volume, library, unsent, keeper, self._read)
        self._shown: OrderedDict[Node, Sharing] = OrderedDict()
        self.sizes = FetchedSizes(volume, "about/sharing", self._measure)

    async def open(self, opened: OpenFile, node: Node, *, empties: bool) -> None:
        """Ask who can see an asset, and give an open file that text.

        Args:
            opened: What is opened; if it can be written, it has a text of its own from now on.
            node: The asset.
            empties: Another text is going to be written.

        Raises:
            pyfuse3.FUSEError: The platform can't be asked, or does not tell.
        """
        try:
            with trio.fail_after(DEADLINE_S):
                sharing = await self._read(node)
        except CoexplorerError as error:
            self._volume.report(f"{node.title}/about/sharing: {error.message}")
            raise
        await self.failures.note_seen(node, sharing)
        opened.snapshot = self._note_text(node, sharing)
        self._volume.fetched.note_open(opened.inode)
        failed = self.failures.find(node)
        if failed is not None and failed.text is not None:
            # As in any file that was written in place. Whoever goes on from this text has not been
            # shown what others did meanwhile: it is merged from what its author was shown.
            sharing = failed.base
        elif empties:
            # An editor, or a copy that comes back, was made from what the file showed last: whom
            # others let in since is not in it, and must not be shut out by it.
            sharing = self._shown.get(node, sharing)
        elif not opened.appends:
            self._note_shown(node, sharing)
        opened.about = node
        if opened.writable:
            opened.sharing = sharing
            opened.draft = bytearray(b"" if empties else opened.snapshot)
            opened.touched = empties

    async def _measure(self, node: Node) -> None:
        self._note_text(node, await self._read(node))

    def _note_text(self, node: Node, sharing: Sharing) -> bytes:
        """Return what the file shows, and note its size."""
        text = (_HELP + format_sharing(sharing)).encode()
        failed = self.failures.find(node)
        if failed is not None and failed.text is not None:
            text = _tell_unsaved(failed.text)
        inode = asset_inode(node.number, Part.SHARING)
        self._volume.fetched.note(inode, text, trio.current_time(), time.time_ns())
        return text

    def _note_shown(self, node: Node, sharing: Sharing) -> None:
        self._shown[node] = sharing
        self._shown.move_to_end(node)
        if len(self._shown) > _MOST_SHOWN:
            self._shown.popitem(last=False)

    async def _read(self, node: Node) -> Sharing:
        seen = (await self._library.platform.sharing([node.id]))[node.id]
        if seen is None:
            raise say_unseen()
        if isinstance(seen, CoexplorerError):
            raise seen
        return seen

    def write(self, opened: OpenFile, draft: bytearray, offset: int, data: bytes) -> int:
        """Take what was written.

        Raises:
            OSError: EFBIG.
        """
        at = len(draft) if opened.appends else offset
        if at + len(data) > _MAX_BYTES:
            raise OSError(errno.EFBIG, "the file is too long")
        if at > len(draft):
            draft.extend(bytes(at - len(draft)))
        draft[at : at + len(data)] = data
        opened.touched = True
        return len(data)

    def resize(self, opened: OpenFile, draft: bytearray, size: int) -> None:
        """Cut or grow what is written.

        Raises:
            OSError: EFBIG.
        """
        if size > _MAX_BYTES:
            raise OSError(errno.EFBIG, "the file is too long")
        del draft[size:]
        draft.extend(bytes(size - len(draft)))
        opened.touched = True

    async def save(self, opened: OpenFile, draft: bytearray, *, wants_sync: bool = False) -> None:
        """Send what was written: one change, merged with what others did since the open.

        An empty text is none yet while its program may still write: shells close a file once before
        they write to it.

        Args:
            opened: What is closed.
            draft: What was written.
            wants_sync: It is not closed: its program goes on.

        Raises:
            pyfuse3.FUSEError: It was not done, or not all of it; ``error`` says why.
        """
        node, base = opened.about, opened.sharing
        if node is None or base is None or not opened.touched:
            return
        if not draft.strip() and (wants_sync or self._writes_on(opened)):
            return
        lacking = ""
        text = bytes(draft).replace(_NOT_SAVED.encode(), b"")
        save = SharingSave(node, base, text, opened.tgid, appended=opened.appends)
        try:
            if not wants_sync and is_killed(opened.pid):
                raise Refused(
                    "the program that wrote it was killed by a signal, so nothing was sent",
                    hint="save it again",
                )
            mine = parse_sharing_text(_decode(draft), base)
            save.wanted = differ(base, mine)[1]
            if not mine.same_as(base):
                with trio.fail_after(DEADLINE_S):
                    result = await self._library.changes.share(node.id, base, mine)
                lacking = result.lacking
            if lacking:
                save.in_part = True
                raise Rejected(lacking, hint=_IN_PART)
        except trio.TooSlowError:
            await self._fail(opened, save, _no_reply())
        except CoexplorerError as error:
            await self._fail(opened, save, error)
        else:
            opened.touched = False
            opened.sharing = mine
            self._volume.fetched.expire(opened.inode)
            self._note_shown(node, mine)
            await self.failures.end(node)

    def _writes_on(self, opened: OpenFile) -> bool:
        """Tell whether the opener holds another descriptor that it may still write through."""
        return has_writable(opened.pid, opened.inode, b"sharing", self._volume.mount_id)

    async def _fail(self, opened: OpenFile, save: SharingSave, error: CoexplorerError) -> None:
        """Keep what was written, and say why it was not saved.

        Raises:
            pyfuse3.FUSEError: Always.
        """
        opened.touched = False  # it is told once
        self._volume.fetched.expire(opened.inode)
        number = await self.failures.note(save, error)
        number = errno.EACCES if isinstance(error, NotFound) else number
        raise pyfuse3.FUSEError(number) from error


def _no_reply() -> Unreachable:
    return Unreachable(
        f"the platform did not answer within {DEADLINE_S:.0f} s: nobody knows whether it was done",
        hint="look at who can see it in a while, or: coexplorer retry",
        outcome_unknown=True,
    )


def _tell_unsaved(text: bytes) -> bytes:
    """Say of a text that it was not saved: at its end, so that each line keeps its number."""
    end = b"" if text.endswith(b"\n") else b"\n"
    return text + end + _NOT_SAVED.encode()


def _decode(draft: bytearray) -> str:
    try:
        return draft.decode()
    except UnicodeDecodeError as error:
        raise InvalidField("sharing", f"not valid UTF-8 at byte {error.start + 1}") from error
