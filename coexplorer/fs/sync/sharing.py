"""``about/sharing``: who can see an asset, asked when the file is opened, sent when it is closed.

No listing of the asset's folder names ``about``: a tool that reads whole trees would otherwise ask
the platform once for each asset. Each open has a text of its own, which nobody else writes.
"""

from __future__ import annotations

import errno

import pyfuse3
import trio

from coexplorer.errors import CoexplorerError, InvalidField, NotFound, Rejected
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S, errno_of
from coexplorer.library import Library
from coexplorer.library.permissions import say_unseen
from coexplorer.sharing import Sharing, format_sharing, parse_sharing_text

_MAX_BYTES = 1 << 20
_SUBJECT = "saving about/sharing"
_HELP = """\
# Who can see this asset, one per line: everyone, "group NAME" or "user ADDRESS", and a role:
# owner, editor, viewer, discoverable (groups and everyone) or none. Who has no line has no access.
"""


class SharingFiles:
    """Reads and saves them.

    Args:
        volume: What the mount knows.
        library: Asks the platform, and changes it.
    """

    def __init__(self, volume: Volume, library: Library) -> None:
        self._volume = volume
        self._library = library

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
        opened.snapshot = (_HELP + format_sharing(sharing)).encode()
        opened.about = node
        if opened.writable:
            opened.sharing = sharing
            opened.draft = bytearray(b"" if empties else opened.snapshot)

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

    async def save(self, opened: OpenFile, draft: bytearray) -> None:
        """Send what was written: one change, merged with what others did since the open.

        An empty text is none yet: shells close a file once before they write to it.

        Raises:
            pyfuse3.FUSEError: It was not done, or not all of it; ``error`` says why.
        """
        node, base = opened.about, opened.sharing
        if node is None or base is None or not opened.touched or not draft.strip():
            return
        lacking = ""
        try:
            with trio.fail_after(DEADLINE_S):
                mine = parse_sharing_text(_decode(draft), base)
                if not mine.same_as(base):
                    result = await self._library.changes.share(node.id, base, mine)
                    lacking = result.lacking
            if lacking:
                raise Rejected(lacking, hint="the rest is done; correct the name")
        except CoexplorerError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            self._volume.failures.note(
                node, _SUBJECT, f"{_SUBJECT} failed: {error.message}{hint}\n"
            )
            self._volume.report(f"{node.title}/about/sharing: {error.message}")
            opened.touched = False  # it is told once
            number = errno_of(error)
            raise pyfuse3.FUSEError(
                errno.EACCES if isinstance(error, NotFound) else number
            ) from error
        opened.touched = False
        opened.sharing = mine
        self._volume.failures.clear(node, _SUBJECT)


def _decode(draft: bytearray) -> str:
    try:
        return draft.decode()
    except UnicodeDecodeError as error:
        raise InvalidField("sharing", f"not valid UTF-8 at byte {error.start + 1}") from error
