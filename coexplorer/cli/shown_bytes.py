"""Content of files on standard output: exact in a pipe or a file, harmless on a terminal.

It is strangers' text: on a terminal it is shown as every name is, see `coexplorer.text`.
"""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys

import anyio.to_thread

from coexplorer.errors import Refused
from coexplorer.text import clean_lines

_LONGEST_HELD = 64 * 1024
"""Characters of a line that is waited for, so that it is shown as a whole."""


_PIPE_BYTES = 64 * 1024
"""What a pipe takes at once; where more waits, nobody knows how much of it was taken."""


class ShownText:
    """Makes text of bytes, with nothing in it that a terminal would obey. Pure.

    Args:
        name: Of the file.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""

    def show(self, content: bytes, *, ends: bool = False) -> str:
        """Return what is to be shown now.

        Args:
            content: The bytes that follow.
            ends: They are the last ones.

        Raises:
            Refused: They are no text.
        """
        if b"\0" in content:
            raise Refused(
                f"{self._name} is a binary file, so it is not shown on a terminal",
                hint="pipe it into a program, or write it into a file with >; --raw shows it"
                " anyway",
            )
        text = self._held + self._decoder.decode(content, final=ends)
        self._held = ""
        if not ends:
            at = text.rfind("\n") + 1
            if len(text) - at <= _LONGEST_HELD:
                text, self._held = text[:at], text[at:]
        return "\n".join(clean_lines(text))


class Output:
    """Standard output, for the content of files.

    Args:
        raw: Write it as it is, also on a terminal.

    Attributes:
        is_terminal: What is written is made harmless first.
        written: Bytes that have been taken; those that a pipe is just taking are not among them.
    """

    def __init__(self, *, raw: bool) -> None:
        self.written = 0
        self.is_terminal = sys.stdout.isatty() and not raw

    @property
    def is_file(self) -> bool:
        """Whether nobody but a disk reads it, so that a progress line disturbs nothing."""
        try:
            return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
        except (OSError, ValueError):
            return False

    async def write(self, content: bytes) -> None:
        """Write bytes, however long the reader takes; it does not keep others waiting.

        Raises:
            OSError: They can't be written.
        """
        if content:
            await anyio.to_thread.run_sync(self._write, content, abandon_on_cancel=True)

    async def write_text(self, text: str) -> None:
        """Write a text, as far as the terminal's encoding can say it.

        Raises:
            OSError: It can't be written.
        """
        await self.write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))

    def _write(self, content: bytes) -> None:
        sys.stdout.flush()
        stream = sys.stdout.buffer
        raw = getattr(stream, "raw", None)
        if raw is None:
            self.written += stream.write(content)
            return
        # Past the buffer: who gives up while a reader does not read leaves nothing locked behind.
        rest = memoryview(content)
        while rest:
            count = raw.write(rest[:_PIPE_BYTES])
            if count is None:
                select.select([], [raw], [])
            else:
                self.written += count
                rest = rest[count:]
