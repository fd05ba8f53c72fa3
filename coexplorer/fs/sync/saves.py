"""A save of a file, and what is kept of earlier ones of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.failures import name_save
from coexplorer.fs.core.nodes import Node
from coexplorer.library.entries import Entry
from coexplorer.library.kept_texts import has_words


@dataclass(frozen=True, slots=True)
class Save:
    """A file as it is sent: its content, and the version of its buffer that has it."""

    node: Node
    file: MetadataFile
    buffer: Buffer
    tgid: int
    content: bytes
    version: int

    @property
    def what(self) -> str:
        """What is tried, for people."""
        return name_save(self.file.part)

    def extends(self, text: bytes) -> bool:
        """Tell whether it was only appended to a text."""
        return self.content.startswith(text)


@dataclass(slots=True)
class Tries:
    """Earlier texts of a file that is saved.

    Attributes:
        before: What is saved was made from this.
        mine: What is saved.
        file: The field.
        continues: What its program was told that it could not save.
        kept: Those that are kept, oldest first.
        staying: Those of them that stay, whatever becomes of this: nobody has looked at them.
    """

    before: Fields
    mine: Fields
    file: str
    continues: Sequence[int] = ()
    kept: Sequence[Entry] = ()
    staying: Sequence[Entry] = ()

    def list_lacking(self, there: Fields) -> list[Entry]:
        """List those that stay, and whose words the platform does not have now."""
        return [
            entry
            for entry in self.staying
            if not (entry.base and entry.mine and has_words(there, entry.base, entry.mine))
        ]
