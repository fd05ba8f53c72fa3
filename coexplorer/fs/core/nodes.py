"""An asset in the tree, and where it is shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import msgspec

from coexplorer.fs.kernel.inodes import Inode, Part, Place, asset_inode
from coexplorer.models import AssetId


class AssetFlag(IntFlag):
    """Where an asset is shown."""

    ARCHIVED = 1
    FAVORITE = 2
    MINE = 4
    SHARED = 8
    DELETED = 16
    """Deleted by this mount: only ``deleted/`` has it."""


NOWHERE = AssetFlag(0)

# Plain numbers: a flag's own arithmetic costs a microsecond, and this is asked for every name.
_ARCHIVED_BIT, _DELETED_BIT = int(AssetFlag.ARCHIVED), int(AssetFlag.DELETED)
_MARKED = [AssetFlag(bits) for bits in range(AssetFlag.DELETED)]


def build_flags(
    *, archived: bool | None, favorite: bool | None, mine: bool | None, shared: bool | None
) -> AssetFlag:
    """Return where an asset is shown, by whether it is archived; None counts as no."""
    bits = (archived or 0) + 2 * (favorite or 0) + 4 * (mine or 0) + 8 * (shared or 0)
    return _MARKED[bits]


class KnownAsset(msgspec.Struct, frozen=True, gc=False):
    """What the tree wants to know of an asset.

    Attributes:
        created: Epoch seconds; 0 when nobody said.
    """

    id: AssetId
    name: str
    tags: tuple[str, ...] = ()
    created: float = 0.0
    flags: AssetFlag = NOWHERE


@dataclass(slots=True, eq=False)
class Node:
    """An asset in the tree.

    Attributes:
        number: What its inodes are made from.
        slot: Its place in tables; never given to another asset.
        file_name: Its name in ``all/``, ``archived/`` and in every view.
        gone: The platform does not have it any more, or does not show it to us.
        is_deleted: `AssetFlag.DELETED` of `flags`, without the price of a flag's arithmetic.
    """

    id: AssetId
    number: int
    slot: int
    file_name: bytes
    tags: tuple[str, ...]
    created: float
    flags: AssetFlag
    gone: bool = False
    is_deleted: bool = False

    @property
    def is_there(self) -> bool:
        """Whether it is in ``all/`` or ``archived/``: not gone, and not deleted from here."""
        return not (self.gone or self.is_deleted)

    @property
    def title(self) -> str:
        """What it is called in reports."""
        return self.file_name.decode(errors="replace")

    @property
    def inode(self) -> Inode:
        """The inode of its directory."""
        return asset_inode(self.number, Part.DIRECTORY)

    @property
    def folder(self) -> Place:
        """The folder that its directory is in."""
        bits = int(self.flags)
        if bits & _DELETED_BIT:
            return Place.DELETED
        return Place.ARCHIVED if bits & _ARCHIVED_BIT else Place.ALL
