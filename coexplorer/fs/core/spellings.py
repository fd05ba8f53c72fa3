"""Texts exactly as they were written here, as long as they still mean what the platform has. Pure.

For example without a final newline, or with tags in another order: the platform does not care, but
tools compare sizes with what they wrote.
"""

from __future__ import annotations

from collections import OrderedDict

from coexplorer.fields import Fields
from coexplorer.fs.core.file_format import build_text, parse_text
from coexplorer.fs.kernel.inodes import Part

_KEPT = 1024
_LONGEST_BYTES = 16 << 10


class Spellings:
    """What was written last, of the last files."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[int, Part], bytes] = OrderedDict()

    def text_of(self, slot: int, part: Part, fields: Fields) -> bytes:
        """Return a file's text for these values: as it was written, if it means them."""
        text = self._texts.get((slot, part)) if self._texts else None
        if text is not None:
            if parse_text(text, part, fields).same_as(fields):
                return text
            del self._texts[slot, part]
        return build_text(fields, part)

    def keep(self, slot: int, part: Part, text: bytes) -> None:
        """Go on showing a text as it was written, unless it has CR LF: no CR is saved."""
        if b"\r" in text:
            self._texts.pop((slot, part), None)
        elif len(text) <= _LONGEST_BYTES:
            self._texts[slot, part] = text
            if len(self._texts) > _KEPT:
                self._texts.popitem(last=False)
