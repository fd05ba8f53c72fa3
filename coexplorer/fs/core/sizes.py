"""Sizes and digests of 500,000 files in a few megabytes, and what the kernel has of them. Pure."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping

from coexplorer.fs.kernel.inodes import FIELD_PARTS, Part

_PARTS = (*FIELD_PARTS.values(), Part.JSON)
_UNKNOWN = 0xFFFFFFFF
_NOT_KNOWN = -1


class Sizes:
    """What was last seen of each file's text: enough for a stat, and to notice a change."""

    def __init__(self) -> None:
        self._sizes = array("I")
        self._digests = array("I")
        self._cached = array("q")

    def has(self, slot: int) -> bool:
        """Tell whether the texts of an asset were seen."""
        place = slot * len(_PARTS)
        return place < len(self._sizes) and self._sizes[place] != _UNKNOWN

    def size(self, slot: int, part: Part) -> int:
        """Return the size of a file in bytes; its asset's texts must have been seen."""
        return self._sizes[slot * len(_PARTS) + part - 1]

    def find_size(self, slot: int, part: Part) -> int | None:
        """Return the size of a file in bytes; None when it was not seen yet."""
        place = slot * len(_PARTS) + part - 1
        if place >= len(self._sizes):
            return None
        size = self._sizes[place]
        return None if size == _UNKNOWN else size

    def note(self, slot: int, texts: Mapping[Part, bytes]) -> list[Part]:
        """Take over texts, and return which of them are not what they were before.

        Nothing has changed when the asset was not seen before.
        """
        self._grow(slot)
        known = self.has(slot)
        changed = []
        for part, text in texts.items():
            place = slot * len(_PARTS) + part - 1
            size, digest = len(text), zlib.crc32(text)
            if known and (self._sizes[place], self._digests[place]) != (size, digest):
                changed.append(part)
            self._sizes[place], self._digests[place] = size, digest
        return changed

    # --- What the kernel has

    def take_kept(self, slot: int, part: Part, text: bytes | bytearray | None = None) -> bool:
        """Tell whether the kernel's pages of a file are what it is shown at an open; now they are.

        What a process is noted to have been shown must be what it reads. So an open lets the kernel
        keep its pages only where they are known to hold that very text, whatever became of it in
        between.

        Args:
            slot: The asset, whose texts were seen.
            part: The file.
            text: What it shows, if that is not what was last seen of it on the platform.
        """
        place = slot * len(_PARTS) + part - 1
        if text is None:
            wanted = self._sizes[place] << 32 | self._digests[place]
        else:
            wanted = len(text) << 32 | zlib.crc32(text)
        if self._cached[place] == wanted:
            return True
        self._cached[place] = wanted
        return False

    def forget_kept(self, slot: int, part: Part) -> None:
        """Note that nobody knows what the kernel has of a file: it was written, or changed."""
        place = slot * len(_PARTS) + part - 1
        if place < len(self._cached):
            self._cached[place] = _NOT_KNOWN

    def _grow(self, slot: int) -> None:
        missing = (slot + 1) * len(_PARTS) - len(self._sizes)
        if missing > 0:
            # By halves of what is there, so that growing stays cheap.
            extra = max(missing, len(self._sizes) // 2)
            self._sizes.extend([_UNKNOWN] * extra)
            self._digests.extend([0] * extra)
            self._cached.extend([_NOT_KNOWN] * extra)
