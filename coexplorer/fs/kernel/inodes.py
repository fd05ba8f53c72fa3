"""Inode numbers, and how many references the kernel holds to each. Pure.

Numbers are computed, not stored: 100,000 assets have 600,000 files, and a record for each would
cost more memory than everything else. What a number says, below 2**53 (Node.js keeps inode numbers
in a double):

    1 … 63                          the fixed places of `Place`
    64 … 2**40                      counted up: scratch files, unsent texts, second lives of files
    2**40 + view                    the folder of a tag or of a search
    2**50 + hash                    a file or folder of an asset's data, below ``files/``; the hash
                                    (50 bits) is of the asset's id and the path
    2**51 + life * 2**44 + number * 16 + part
                                    an asset's directory and files; `number` comes from its id, so
                                    that it is the same in every mount of every catalog, and `life`
                                    counts the texts of a file, around and around
    2**52 + view * 2**27 + slot     a symbolic link in a view, to the asset in that slot
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar, Final, NewType

from coexplorer.fields import FIELDS
from coexplorer.models import AssetId

Inode = NewType("Inode", int)


class Place(IntEnum):
    """What is always there; the values are inode numbers (1 is FUSE's root)."""

    ROOT = 1
    README = 2
    ALL = 3
    ARCHIVED = 4
    DELETED = 5
    BY_ID = 6
    MINE = 7
    SHARED = 8
    FAVORITES = 9
    TAGS = 10
    SEARCH = 11
    CONTROL = 12
    STATUS = 13
    LOG = 14
    UNSENT = 15
    REFRESH = 16
    NO_MEDIA = 17
    NEVER_INDEX = 18
    TRACKER_IGNORE = 19
    FILES = 20


class Part(int):
    """The asset's directory, or a file in it: a part of inode numbers. Compare it by ``==``."""

    __slots__ = ()
    DIRECTORY: ClassVar[Part]
    JSON: ClassVar[Part]
    ERROR: ClassVar[Part]
    ABOUT: ClassVar[Part]
    SHARING: ClassVar[Part]
    USES: ClassVar[Part]
    FILES: ClassVar[Part]
    SOURCES: ClassVar[Part]
    DERIVED: ClassVar[Part]


FIELD_PARTS: Final = {field.name: Part(number) for number, field in enumerate(FIELDS, 1)}
"""The parts of the editable fields, by the field's name; between the directory and the rest."""

Part.DIRECTORY, Part.JSON, Part.ERROR = Part(0), Part(len(FIELDS) + 1), Part(len(FIELDS) + 2)
Part.ABOUT, Part.SHARING = Part(Part.ERROR + 1), Part(Part.ERROR + 2)
Part.USES = Part(Part.ERROR + 3)
"""The folder of what the platform is asked when it is opened, and its files; no listing has
them."""
FETCHED: Final = {b"sharing": Part.SHARING, b"uses": Part.USES}
"""The parts of the files in ``about``, by their names."""
Part.FILES = Part(Part.USES + 1)
"""The link to the asset's data."""
Part.SOURCES, Part.DERIVED = Part(Part.USES + 2), Part(Part.USES + 3)
RELATIVES: Final = {b"sources": Part.SOURCES, b"derived": Part.DERIVED}
"""The parts of the folders in ``about``, by their names."""
PARTS: Final = (Part.DIRECTORY, *FIELD_PARTS.values(), Part.JSON, Part.ERROR)


_FIRST_COUNTED = 64
_VIEW = 1 << 40
_DATA = 1 << 50
_ASSET = 1 << 51
_LINK = 1 << 52
_PART_BITS = 4
_SLOT_BITS = 27
_NUMBER_BITS = 40
_LIFE_BITS = 7
_PART_MASK = (1 << _PART_BITS) - 1
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_LIFE_SHIFT = _NUMBER_BITS + _PART_BITS
_OWNER_MASK = _ASSET | _NUMBER_MASK << _PART_BITS

LIVES: Final = 1 << _LIFE_BITS
"""How many inodes a file has, one after another: one for each text.

If all are in use at once, it gets some that are counted up.
"""


def number_of(asset_id: AssetId) -> int:
    """Return the number that an asset's inodes are made from (40 bits of a hash of its id)."""
    digest = hashlib.blake2b(asset_id.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & _NUMBER_MASK


def next_number(number: int) -> int:
    """Return where to look next when another asset has `number` already."""
    return (number + 1) & _NUMBER_MASK


def asset_inode(number: int, part: Part | int, life: int = 0) -> Inode:
    """Return the inode of an asset's directory, or of a file in it with its n-th text."""
    return Inode(_ASSET | life << _LIFE_SHIFT | number << _PART_BITS | part)


def directory_inodes(numbers: Iterable[int]) -> list[Inode]:
    """Return the inodes of many assets' directories."""
    return [Inode(_ASSET | number << _PART_BITS) for number in numbers]


def link_inode(view: int, slot: int) -> Inode:
    """Return the inode of the symbolic link in `view` to the asset in `slot`."""
    return Inode(_LINK | view << _SLOT_BITS | slot)


def view_inode(view: int) -> Inode:
    """Return the inode of a tag's or a search's folder."""
    return Inode(_VIEW + view)


def split_asset(inode: int) -> tuple[int, Part] | None:
    """Return number and part of an asset's inode; None for any other inode."""
    if not _ASSET <= inode < _LINK:
        return None
    return (inode >> _PART_BITS) & _NUMBER_MASK, Part(inode & _PART_MASK)


def find_directory_number(inode: int) -> int | None:
    """Return the number of the asset whose directory or file an inode is; None for any other."""
    return (inode >> _PART_BITS) & _NUMBER_MASK if _ASSET <= inode < _LINK else None


def is_fetched(inode: int) -> bool:
    """Tell whether an inode is a file whose text is fetched when it is opened."""
    return _ASSET <= inode < _LINK and inode & _PART_MASK in FETCHED.values()


def is_uses(inode: int) -> bool:
    """Tell whether an inode is an asset's ``about/uses``."""
    return _ASSET <= inode < _LINK and inode & _PART_MASK == Part.USES


def is_inside_about(inode: int) -> bool:
    """Tell whether an inode is an asset's ``about``, or a folder in it: nothing is made there."""
    part = inode & _PART_MASK
    return _ASSET <= inode < _LINK and (part == Part.ABOUT or part in RELATIVES.values())


def data_inode(asset_id: AssetId, path: str) -> Inode:
    """Return the inode of a file or folder (its path ends in ``/``) of an asset's data.

    If something else has it, the next one is taken (`next_data_inode`).
    """
    digest = hashlib.blake2b(
        f"{asset_id}\0{path}".encode(errors="surrogatepass"), digest_size=8
    ).digest()
    return Inode(_DATA | int.from_bytes(digest, "big") & (_DATA - 1))


def next_data_inode(inode: Inode) -> Inode:
    """Return where to look next when something else has an inode of data already."""
    return Inode(_DATA | (inode + 1) & (_DATA - 1))


def is_data(inode: int) -> bool:
    """Tell whether an inode is a file or folder of an asset's data."""
    return _DATA <= inode < _ASSET


def split_link(inode: int) -> tuple[int, int] | None:
    """Return view and slot of a link's inode; None for any other inode."""
    if inode < _LINK:
        return None
    return (inode - _LINK) >> _SLOT_BITS, inode & _SLOT_MASK


def split_view(inode: int) -> int | None:
    """Return the view of a folder's inode; None for any other inode."""
    return inode - _VIEW if _VIEW <= inode < _DATA else None


class InodeCounter:
    """Hands out numbers for whatever has none of its own; none is used twice in a mount."""

    def __init__(self) -> None:
        self._next = _FIRST_COUNTED

    def take(self) -> Inode:
        """Return a number that was never used before."""
        self._next += 1
        return Inode(self._next - 1)


class LookupCounts:
    """How often the kernel holds inodes, summed over each thing that can be let go as a whole.

    An asset's inodes are one thing, and so are all links of a view: that is what can be
    dropped, and 100,000 counters take a tenth of what 700,000 would.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, inode: int) -> None:
        """Note that a reply gave `inode` to the kernel one more time."""
        owner = owner_of(inode)
        self._counts[owner] = self._counts.get(owner, 0) + 1

    def add_directories(self, inodes: Iterable[int]) -> None:
        """Note that a listing gave each of these directories of assets to the kernel once more."""
        self._counts.update(inodes)

    def forget(self, inode: int, count: int) -> Inode | None:
        """Take `count` lookups back; return the thing that nobody holds any more, if there is one.

        Raises:
            ValueError: The kernel forgets more than it was given: a reply was not counted.
        """
        owner = owner_of(inode)
        left = self._counts.get(owner, 0) - count
        if left > 0:
            self._counts[owner] = left
            return None
        self._counts.pop(owner, None)
        if left < 0:
            raise ValueError(f"inode {inode} was forgotten {-left} times too often")
        return owner

    def forget_directories(self, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Do what `forget` does for every asset's inode, and return the other pairs.

        When the kernel drops its caches it forgets 100,000 of them at once, and nothing is to be
        done for those but to count.
        """
        counts = self._counts
        others = []
        for inode, count in pairs:
            owner = inode & _OWNER_MASK
            held = counts.get(owner, 0) if _ASSET <= inode < _LINK else 0
            if held == count:
                del counts[owner]
            elif held > count:
                counts[owner] = held - count
            else:
                others.append((inode, count))
        return others

    def holds(self, inode: int) -> bool:
        """Tell whether the kernel holds the thing that `inode` belongs to."""
        return owner_of(inode) in self._counts

    @property
    def total(self) -> int:
        """All lookups that the kernel has not forgotten yet, fixed places not counted."""
        return sum(count for owner, count in self._counts.items() if owner >= _FIRST_COUNTED)


def owner_of(inode: int) -> Inode:
    """Return the inode under which the lookups of `inode` are counted."""
    if inode >= _LINK:
        return view_inode((inode - _LINK) >> _SLOT_BITS)
    if inode >= _ASSET:
        return Inode(inode & _OWNER_MASK)
    return Inode(inode)
