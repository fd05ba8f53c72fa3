"""What exists where: assets, their names, their tags, and links to them. Pure; knows no FUSE.

The tree is fed from the catalog's light rows, and follows it change by change. `Tree.take_stale`
returns whatever a change made stale in the kernel's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from sys import intern
from typing import NamedTuple

import msgspec

from coexplorer import names
from coexplorer.fs.kernel.inodes import (
    Inode,
    Part,
    Place,
    asset_inode,
    link_inode,
    next_number,
    number_of,
    view_inode,
)
from coexplorer.models import AssetId

ALIAS_LIFE_S = 60.0
"""A former name goes on resolving until it has not been used for so long."""


class Flag(IntFlag):
    """Where an asset is shown."""

    ARCHIVED = 1
    FAVORITE = 2
    MINE = 4
    SHARED = 8
    DELETED = 16
    """Deleted by this mount: only ``deleted/`` has it."""


NOWHERE = Flag(0)

# Plain numbers: a flag's own arithmetic costs a microsecond, and this is asked for every name.
_ARCHIVED_BIT, _DELETED_BIT = int(Flag.ARCHIVED), int(Flag.DELETED)
_MARKED = [Flag(bits) for bits in range(Flag.DELETED)]


def build_flags(
    *, archived: bool | None, favorite: bool | None, mine: bool | None, shared: bool | None
) -> Flag:
    """Return where an asset is shown, by whether it is archived; None counts as no."""
    bits = (archived or 0) + 2 * (favorite or 0) + 4 * (mine or 0) + 8 * (shared or 0)
    return _MARKED[bits]


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the tree wants to know of an asset.

    Attributes:
        created: Epoch seconds; 0 when nobody said.
    """

    id: AssetId
    name: str
    tags: tuple[str, ...] = ()
    created: float = 0.0
    flags: Flag = NOWHERE


@dataclass(slots=True, eq=False)
class Node:
    """An asset in the tree.

    Attributes:
        number: What its inodes are made from.
        slot: Its place in tables; never given to another asset.
        file_name: Its name in ``all/``, ``archived/`` and in every view.
        gone: The platform does not have it any more, or does not show it to us.
        is_deleted: `Flag.DELETED` of `flags`, without the price of a flag's arithmetic.
    """

    id: AssetId
    number: int
    slot: int
    file_name: bytes
    tags: tuple[str, ...]
    created: float
    flags: Flag
    gone: bool = False
    is_deleted: bool = False

    @property
    def title(self) -> str:
        """What it is called where something is reported of it."""
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


class Stale(NamedTuple):
    """A name in a directory that means something else now, or nothing; `inode` is what it meant."""

    parent: Inode
    name: bytes
    inode: Inode | None = None


@dataclass(slots=True, eq=False)
class TagFolder:
    """The folder of a tag: ``tags/TAG``."""

    tag: str
    file_name: bytes
    view: int
    made: bool = False
    members: set[Node] = field(default_factory=set)


@dataclass(slots=True)
class _Alias:
    node: Node
    used: float


BY_ID_VIEW, MINE_VIEW, SHARED_VIEW, FAVORITES_VIEW, ALIAS_VIEW = range(1, 6)
_FIRST_VIEW = 16

FLAG_VIEWS: dict[Place, tuple[Flag, int]] = {
    Place.MINE: (Flag.MINE, MINE_VIEW),
    Place.SHARED: (Flag.SHARED, SHARED_VIEW),
    Place.FAVORITES: (Flag.FAVORITE, FAVORITES_VIEW),
}
"""Folders of links that a flag fills."""

_FLAG_BITS = [(place, int(flag), view) for place, (flag, view) in FLAG_VIEWS.items()]


class Tree:
    """Every asset under one name that is its own as long as the mount lives.

    Args:
        is_held: Tells whether somebody may have seen an asset's name. While a first sync brings the
            newest assets first, an older one still gets the plain name from one that nobody saw.
    """

    def __init__(self, is_held: Callable[[Node], bool] = lambda _: True) -> None:
        self._is_held = is_held
        self.folders: dict[Place, dict[bytes, Node]] = {
            Place.ALL: {},
            Place.ARCHIVED: {},
            Place.DELETED: {},
        }
        self._by_number: dict[int, Node] = {}
        self._slots: list[Node] = []
        self._aliases: dict[bytes, _Alias] = {}
        self._tags: dict[str, TagFolder] = {}
        self._tag_names: dict[bytes, TagFolder] = {}
        self._tag_views: dict[int, TagFolder] = {}
        self._next_view = _FIRST_VIEW
        self._stale: list[Stale] = []
        self._is_watched = True

    # --- Looking

    def __len__(self) -> int:
        return sum(map(len, self.folders.values()))

    def find_id(self, asset_id: AssetId) -> Node | None:
        """Return the asset with that id."""
        number = number_of(asset_id)
        while (node := self._by_number.get(number)) is not None:
            if node.id == asset_id:
                return node
            number = next_number(number)
        return None

    def find_number(self, number: int) -> Node | None:
        """Return the asset whose inodes are made from `number`."""
        return self._by_number.get(number)

    def find_slot(self, slot: int) -> Node | None:
        """Return the asset in a slot, gone ones too."""
        return self._slots[slot] if slot < len(self._slots) else None

    def find_name(self, name: bytes) -> Node | None:
        """Return the asset with that name, archived or not."""
        return self.folders[Place.ALL].get(name) or self.folders[Place.ARCHIVED].get(name)

    def has_alias(self, name: bytes) -> bool:
        """Tell whether a name was an asset's not long ago."""
        return name in self._aliases

    def find_alias(self, name: bytes, now: float) -> Node | None:
        """Return the asset that had that name until a moment ago, and note the use."""
        alias = self._aliases.get(name)
        if alias is None or alias.node.gone or now - alias.used > ALIAS_LIFE_S:
            return None
        alias.used = now
        return alias.node

    def find_name_or_former(self, name: bytes, now: float) -> Node | None:
        """Return the asset with that name, or else the one that had it until a moment ago."""
        node = self.find_name(name)
        return self.find_alias(name, now) if node is None and self._aliases else node

    def drop_alias(self, name: bytes) -> None:
        """Let a former name go at once: a rename was asked for, so the old name must be gone."""
        if self._aliases.pop(name, None) is not None:
            for place in (Place.ALL, Place.ARCHIVED):
                self._mark(place, name, None)

    def touch_aliases(self, node: Node, now: float) -> None:
        """Note that a former name of an asset was followed."""
        for alias in self._aliases.values():
            if alias.node is node:
                alias.used = now

    def iter_nodes(self) -> Iterator[Node]:
        """Iterate over all assets that are there."""
        yield from self.folders[Place.ALL].values()
        yield from self.folders[Place.ARCHIVED].values()

    def list_flagged(self, flag: Flag) -> list[Node]:
        """List the assets of ``mine/``, ``shared/`` or ``favorites/``."""
        return [node for node in self.iter_nodes() if node.flags & flag]

    def find_tag(self, file_name: bytes) -> TagFolder | None:
        """Return the folder of a tag by its name in ``tags/``."""
        folder = self._tag_names.get(file_name)
        return folder if folder is not None and (folder.members or folder.made) else None

    def find_tag_view(self, view: int) -> TagFolder | None:
        """Return the folder of a tag by its view."""
        return self._tag_views.get(view)

    def list_tags(self) -> list[TagFolder]:
        """List the folders in ``tags/``: tags that an asset has, and those made here."""
        return [folder for folder in self._tags.values() if folder.members or folder.made]

    # --- Following the catalog

    def fill(self, assets: Iterable[Known], now: float) -> None:
        """Take over what the catalog says before anybody looks: nothing becomes stale."""
        self._is_watched = False
        try:
            for known in assets:
                self.apply(known, now)
        finally:
            self._is_watched = True

    def apply(self, known: Known, now: float) -> Node:
        """Take over what the catalog says of an asset."""
        node = self.find_id(known.id)
        if node is None or node.gone:
            return self._add(known, node)
        if node.flags & Flag.DELETED:
            return node
        if known.flags != node.flags:
            self._set_flags(node, known.flags)
        if not _fits(node.file_name, known.name, known.id):
            self._rename(node, self._free_name(known.name, known.id, now), now, alias=True)
        if known.tags != node.tags:
            self.set_tags(node, known.tags)
        node.created = known.created
        return node

    def remove(self, asset_id: AssetId) -> Node | None:
        """Take an asset out that the platform does not have any more."""
        node = self.find_id(asset_id)
        if node is None or node.gone or node.flags & Flag.DELETED:
            return None
        self._leave(node)
        node.gone = True
        return node

    def rename(self, node: Node, name: str, now: float, *, alias: bool) -> None:
        """Give an asset the name that it has on the platform from now on.

        Args:
            node: The asset.
            name: Its name on the platform.
            now: Seconds of a clock that goes forward.
            alias: Whether the former name keeps resolving for a while.
        """
        if not _fits(node.file_name, name, node.id):
            self._aliases.pop(names.file_name(name, node.id).encode(), None)
            self._rename(node, self._free_name(name, node.id, now), now, alias=alias)

    def can_take(self, file_name: bytes) -> bool:
        """Tell whether no asset has that name."""
        return self.find_name(file_name) is None

    def set_archived(self, node: Node, *, archived: bool) -> None:
        """Move an asset between ``all/`` and ``archived/``."""
        flags = node.flags | Flag.ARCHIVED if archived else node.flags & ~Flag.ARCHIVED
        self._set_flags(node, flags)

    def set_deleted(self, node: Node) -> None:
        """Move an asset that was deleted from here into ``deleted/``."""
        self._leave(node)
        node.flags = Flag.DELETED
        node.is_deleted = True
        self.folders[Place.DELETED][node.file_name] = node

    def set_tags(self, node: Node, tags: tuple[str, ...]) -> None:
        """Move an asset between the folders of tags."""
        tags = tuple(map(intern, tags))
        for tag in set(node.tags).difference(tags):
            folder = self._tags[tag]
            folder.members.discard(node)
            self._mark_link(view_inode(folder.view), node, folder.view)
            if not folder.members and not folder.made:
                self._mark(Place.TAGS, folder.file_name, view_inode(folder.view))
        for tag in set(tags).difference(node.tags):
            folder = self.ensure_tag(tag)
            if not folder.members and not folder.made:
                self._mark(Place.TAGS, folder.file_name, None)
            folder.members.add(node)
            self._mark_link(view_inode(folder.view), node, None)
        node.tags = tags

    def ensure_tag(self, tag: str) -> TagFolder:
        """Return the folder of a tag; it is only listed once it has members or was made."""
        folder = self._tags.get(tag)
        if folder is None:
            view = self.take_view()
            digest = f"{number_of(AssetId(tag)):012x}"
            chosen = names.choose_file_name(
                tag, digest, lambda name: name.encode() in self._tag_names
            )
            file_name = chosen.encode()
            folder = TagFolder(tag, file_name, view)
            self._tags[tag] = self._tag_names[file_name] = self._tag_views[view] = folder
        return folder

    def remove_made_tag(self, folder: TagFolder) -> None:
        """Take an empty tag folder away again that was made here."""
        folder.made = False
        self._mark(Place.TAGS, folder.file_name, view_inode(folder.view))
        if not folder.members:
            del self._tags[folder.tag]
            del self._tag_names[folder.file_name]
            del self._tag_views[folder.view]

    def count_made_tags(self) -> int:
        """Count the empty tag folders that were made here."""
        return sum(folder.made and not folder.members for folder in self._tags.values())

    def take_view(self) -> int:
        """Return a number for a new view."""
        self._next_view += 1
        return self._next_view - 1

    def expire_aliases(self, now: float) -> None:
        """Forget former names that were not used for a minute."""
        for name, alias in list(self._aliases.items()):
            if now - alias.used > ALIAS_LIFE_S:
                del self._aliases[name]
                for place in (Place.ALL, Place.ARCHIVED):
                    self._mark(place, name, link_inode(ALIAS_VIEW, alias.node.slot))

    def take_stale(self) -> list[Stale]:
        """Return the names that changed their meaning since the last call."""
        stale, self._stale = self._stale, []
        return stale

    # --- Inside

    def _add(self, known: Known, former: Node | None) -> Node:
        if former is None:
            number = number_of(known.id)
            while number in self._by_number:
                number = next_number(number)
            node = Node(known.id, number, len(self._slots), b"", (), known.created, known.flags)
            self._slots.append(node)
            self._by_number[number] = node
        else:
            node = former
            node.gone, node.flags, node.tags = False, known.flags, ()
        wanted = names.file_name(known.name, known.id).encode()
        if wanted in self._aliases or not self.can_take(wanted):
            self._make_room(wanted, known)
            wanted = self._free_name(known.name, known.id, 0.0)
        node.file_name = wanted
        self.folders[node.folder][wanted] = node
        self._mark_views(node, None)
        self.set_tags(node, known.tags)
        return node

    def _make_room(self, wanted: bytes, known: Known) -> None:
        """Give a younger asset of the same name its own, if nobody has seen it yet."""
        holder = self.find_name(wanted)
        if holder is None or holder.created <= known.created or self._is_held(holder):
            return
        escaped = names.escape_name(known.name)
        own = names.disambiguate(escaped, holder.id).encode()
        if self.can_take(own):
            self._rename(holder, own, 0.0, alias=False)

    def _leave(self, node: Node) -> None:
        self.set_tags(node, ())
        self._mark_views(node, node.inode)
        del self.folders[node.folder][node.file_name]

    def _set_flags(self, node: Node, flags: Flag) -> None:
        self._mark_views(node, node.inode)
        del self.folders[node.folder][node.file_name]
        node.flags = flags
        self.folders[node.folder][node.file_name] = node
        self._mark_views(node, None)

    def _rename(self, node: Node, file_name: bytes, now: float, *, alias: bool) -> None:
        self._mark_views(node, node.inode)
        for tag in node.tags:
            self._mark_link(view_inode(self._tags[tag].view), node, self._tags[tag].view)
        del self.folders[node.folder][node.file_name]
        if alias:
            self._aliases[node.file_name] = _Alias(node, now)
        self._aliases.pop(file_name, None)
        node.file_name = file_name
        self.folders[node.folder][file_name] = node
        self._mark_views(node, None)
        for tag in node.tags:
            self._mark_link(view_inode(self._tags[tag].view), node, None)

    def _free_name(self, name: str, asset_id: AssetId, now: float) -> bytes:
        def is_taken(file_name: str) -> bool:
            alias = self._aliases.get(file_name.encode())
            held = alias is not None and alias.node.id != asset_id
            recent = alias is not None and now - alias.used <= ALIAS_LIFE_S
            return (held and recent) or not self.can_take(file_name.encode())

        return names.choose_file_name(name, asset_id, is_taken).encode()

    def _mark(self, parent: int, name: bytes, inode: Inode | None) -> None:
        if self._is_watched:
            self._stale.append(Stale(Inode(parent), name, inode))

    def _mark_views(self, node: Node, inode: Inode | None) -> None:
        """Mark an asset's name in its folder and in the views that its flags put it in."""
        if not self._is_watched:
            return
        self._mark(node.folder, node.file_name, inode)
        bits = int(node.flags)
        for place, flag_bits, view in _FLAG_BITS:
            if bits & flag_bits:
                self._mark_link(place, node, None if inode is None else view)
        link = link_inode(BY_ID_VIEW, node.slot)
        self._mark(Place.BY_ID, node.id.encode(), link if inode is not None else None)

    def _mark_link(self, parent: int, node: Node, view: int | None) -> None:
        self._mark(parent, node.file_name, None if view is None else link_inode(view, node.slot))


def _fits(file_name: bytes, name: str, asset_id: AssetId) -> bool:
    """Tell whether a file name may go on standing for an asset's name: alone, or with its id."""
    shown, escaped = file_name.decode(), names.escape_name(name)
    tail = shown.rpartition("~")[2]
    own = names.disambiguate(escaped, asset_id, length=len(tail))
    return shown in (names.cut_name(escaped, asset_id), own)
