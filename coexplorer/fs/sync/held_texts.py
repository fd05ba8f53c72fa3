"""Texts of failed saves that could not be written down, because a disk was full: only here so far.

They are written down as soon as there is room. If the mount ends before, they go where there is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trio

from coexplorer.errors import CoexplorerError, JournalError
from coexplorer.fields import Fields
from coexplorer.fs.core.file_format import NAMES_OF_PARTS, build_text
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.kernel.inodes import Part
from coexplorer.names import escape_name

log = logging.getLogger(__name__)

ONLY_HERE = (
    "until then your text is only in the memory of this mount, which writes it down as soon as it"
    " can\n"
)

_LONGEST = 60
_LATE = "it could not be written down then, so it was not sent"


@dataclass(frozen=True, slots=True)
class HeldText:
    """A text that is nowhere but in the mount's memory.

    Attributes:
        base: The asset's fields as they were shown to whoever wrote it.
        mine: The same with the text.
        error: Why it was not saved.
    """

    node: Node
    part: Part
    base: Fields
    mine: Fields
    error: CoexplorerError

    def find_reason(self) -> CoexplorerError:
        """Return why it was not sent, as the journal is to have it once it can be written."""
        if isinstance(self.error, JournalError):
            return JournalError(_LATE, hint="coexplorer retry sends it")
        return self.error

    @property
    def path(self) -> str:
        """Its file, as people are told it."""
        return f"{self.node.title}/{NAMES_OF_PARTS[self.part].decode()}"


class HeldTexts:
    """Keeps them until the journal has them.

    Attributes:
        writing: Held by who writes them down.
    """

    def __init__(self) -> None:
        self.writing = trio.Lock()
        self._held: list[HeldText] = []

    def hold(self, text: HeldText) -> None:
        """Keep a text; the same once."""
        for other in self._held:
            is_of_the_same_file = (other.node, other.part) == (text.node, text.part)
            if is_of_the_same_file and other.mine.same_as(text.mine):
                return
        self._held.append(text)

    def list_all(self) -> list[HeldText]:
        """List them, oldest first."""
        return self._held.copy()

    def drop(self, text: HeldText) -> None:
        """Let a text go: the journal has it now."""
        self._held.remove(text)


def rescue(folder: Path, contents: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write what can't be kept elsewhere into a new private folder; it blocks.

    Args:
        folder: Where; nobody else may have made it.
        contents: Asset and file, and what is in it.

    Returns:
        What could not be written there either.
    """
    lost = []
    for number, (path, content) in enumerate(contents, 1):
        name = f"{number}-{escape_name(path.replace('/', '.'))[:_LONGEST]}"
        try:
            if number == 1:
                folder.mkdir(mode=0o700)
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError as error:
            log.warning("%s can't be written to %s either: %s", path, folder, error)
            lost.append(path)
    return lost


def content_of(text: HeldText) -> bytes:
    """Return what a file had."""
    return build_text(text.mine, text.part)
