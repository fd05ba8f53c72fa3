"""What exists where: assets, their names, their tags, and links to them. Pure; knows no FUSE.

The tree is fed from the catalog's light rows, and follows it change by change. `Tree.take_stale`
returns whatever a change made stale in the kernel's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from coexplorer import names
from coexplorer.fs.core.nodes import AssetFlag, KnownAsset, Node
from coexplorer.fs.core.stale import Stale, StaleNames
from coexplorer.fs.core.tag_folders import TagFolders
from coexplorer.fs.kernel.inodes import Inode, Place, link_inode, next_number, number_of
from coexplorer.models import AssetId

ALIAS_LIFE_S = 60.0
"""A former name goes on resolving until it has not been used for so long."""


@dataclass(slots=True)
class _Alias:
    node: Node
    used: float


BY_ID_VIEW, MINE_VIEW, SHARED_VIEW, FAVORITES_VIEW, ALIAS_VIEW, RELATIVE_VIEW = range(1, 7)
_FIRST_VIEW = 16

FLAG_VIEWS: dict[Place, tuple[AssetFlag, int]] = {
    Place.MINE: (AssetFlag.MINE, MINE_VIEW),
    Place.SHARED: (AssetFlag.SHARED, SHARED_VIEW),
    Place.FAVORITES: (AssetFlag.FAVORITE, FAVORITES_VIEW),
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
        self._views = count(_FIRST_VIEW)
        self._stale = StaleNames()
        self.tags = TagFolders(self._stale, self._views)

    # --- Looking

    def __len__(self) -> int:
        return sum(map(len, self.folders.values()))

    def find_id(self, asset_id: AssetId) -> Node | None:
        """Return the asset with that id."""
        return self._find(asset_id)[1]

    def _find(self, asset_id: AssetId) -> tuple[int, Node | None]:
        """Return the number that an asset has or would get, and the asset."""
        number = number_of(asset_id)
        while (node := self._by_number.get(number)) is not None and node.id != asset_id:
            number = next_number(number)
        return number, node

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
                self._stale.note(place, name, None)

    def touch_aliases(self, node: Node, now: float) -> None:
        """Note that a former name of an asset was followed."""
        for alias in self._aliases.values():
            if alias.node is node:
                alias.used = now

    def iter_nodes(self) -> Iterator[Node]:
        """Iterate over all assets that are there."""
        yield from self.folders[Place.ALL].values()
        yield from self.folders[Place.ARCHIVED].values()

    def list_flagged(self, flag: AssetFlag) -> list[Node]:
        """List the assets of ``mine/``, ``shared/`` or ``favorites/``."""
        return [node for node in self.iter_nodes() if node.flags & flag]

    # --- Following the catalog

    def fill(self, assets: Iterable[KnownAsset], now: float) -> None:
        """Take over what the catalog says before anybody looks: nothing becomes stale."""
        self._stale.is_watched = False
        try:
            for known in assets:
                self.apply(known, now)
        finally:
            self._stale.is_watched = True

    def apply(self, known: KnownAsset, now: float) -> Node:
        """Take over what the catalog says of an asset."""
        number, node = self._find(known.id)
        if node is None or node.gone:
            return self._add(known, number, node)
        if node.is_deleted:
            return node
        if known.flags != node.flags:
            self._set_flags(node, known.flags)
        if not _fits(node.file_name, known.name, known.id):
            self._rename(node, self._free_name(known.name, known.id, now), now, alias=True)
        if known.tags != node.tags:
            self.tags.set(node, known.tags)
        node.created = known.created
        return node

    def remove(self, asset_id: AssetId) -> Node | None:
        """Take an asset out that the platform does not have any more."""
        node = self.find_id(asset_id)
        if node is None or not node.is_there:
            return None
        self._leave(node)
        node.gone = True
        return node

    def rename(self, node: Node, name: str, now: float, *, alias: bool) -> None:
        """Give an asset the name that it has on the platform from now on, if it still is there.

        Args:
            node: The asset.
            name: Its name on the platform.
            now: Seconds of a clock that goes forward.
            alias: Whether the former name keeps resolving for a while.
        """
        if node.is_there and not _fits(node.file_name, name, node.id):
            self._aliases.pop(names.file_name(name, node.id).encode(), None)
            self._rename(node, self._free_name(name, node.id, now), now, alias=alias)

    def can_take(self, file_name: bytes) -> bool:
        """Tell whether no asset has that name."""
        return self.find_name(file_name) is None

    def set_archived(self, node: Node, *, archived: bool) -> None:
        """Move an asset between ``all/`` and ``archived/``, if it still is there."""
        if not node.is_there:
            return
        flags = node.flags | AssetFlag.ARCHIVED if archived else node.flags & ~AssetFlag.ARCHIVED
        self._set_flags(node, flags)

    def set_deleted(self, node: Node) -> None:
        """Move an asset that was deleted from here into ``deleted/``.

        The catalog may have told first that it is gone.
        """
        if node.is_there:
            self._leave(node)
        node.gone = False
        node.flags = AssetFlag.DELETED
        node.is_deleted = True
        self.folders[Place.DELETED][node.file_name] = node

    def take_view(self) -> int:
        """Return a number for a new view."""
        return next(self._views)

    def expire_aliases(self, now: float) -> None:
        """Forget former names that were not used for a minute."""
        for name, alias in list(self._aliases.items()):
            if now - alias.used > ALIAS_LIFE_S:
                del self._aliases[name]
                for place in (Place.ALL, Place.ARCHIVED):
                    self._stale.note(place, name, link_inode(ALIAS_VIEW, alias.node.slot))

    def take_stale(self) -> list[Stale]:
        """Return the names that changed their meaning since the last call."""
        return self._stale.take()

    # --- Inside

    def _add(self, known: KnownAsset, number: int, former: Node | None) -> Node:
        if former is None:
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
        self._note_views(node, None)
        self.tags.set(node, known.tags)
        return node

    def _make_room(self, wanted: bytes, known: KnownAsset) -> None:
        """Give a younger asset of the same name its own, if nobody has seen it yet."""
        holder = self.find_name(wanted)
        if holder is None or holder.created <= known.created or self._is_held(holder):
            return
        escaped = names.escape_name(known.name)
        own = names.disambiguate(escaped, holder.id).encode()
        if self.can_take(own):
            self._rename(holder, own, 0.0, alias=False)

    def _leave(self, node: Node) -> None:
        self.tags.set(node, ())
        self._note_views(node, node.inode)
        del self.folders[node.folder][node.file_name]

    def _set_flags(self, node: Node, flags: AssetFlag) -> None:
        self._note_views(node, node.inode)
        del self.folders[node.folder][node.file_name]
        node.flags = flags
        self.folders[node.folder][node.file_name] = node
        self._note_views(node, None)

    def _rename(self, node: Node, file_name: bytes, now: float, *, alias: bool) -> None:
        self._note_views(node, node.inode)
        self.tags.note_links(node, is_coming=False)
        del self.folders[node.folder][node.file_name]
        if alias:
            self._aliases[node.file_name] = _Alias(node, now)
        self._aliases.pop(file_name, None)
        node.file_name = file_name
        self.folders[node.folder][file_name] = node
        self._note_views(node, None)
        self.tags.note_links(node, is_coming=True)

    def _free_name(self, name: str, asset_id: AssetId, now: float) -> bytes:
        def is_taken(file_name: str) -> bool:
            alias = self._aliases.get(file_name.encode())
            held = alias is not None and alias.node.id != asset_id
            recent = alias is not None and now - alias.used <= ALIAS_LIFE_S
            return (held and recent) or not self.can_take(file_name.encode())

        return names.choose_file_name(name, asset_id, is_taken).encode()

    def _note_views(self, node: Node, inode: Inode | None) -> None:
        """Mark an asset's name in its folder and in the views that its flags put it in."""
        if not self._stale.is_watched:
            return
        self._stale.note(node.folder, node.file_name, inode)
        bits = int(node.flags)
        for place, flag_bits, view in _FLAG_BITS:
            if bits & flag_bits:
                self._stale.note_link(place, node, None if inode is None else view)
        link = link_inode(BY_ID_VIEW, node.slot)
        self._stale.note(Place.BY_ID, node.id.encode(), link if inode is not None else None)


def _fits(file_name: bytes, name: str, asset_id: AssetId) -> bool:
    """Tell whether a file name may go on standing for an asset's name: alone, or with its id."""
    shown, escaped = file_name.decode(), names.escape_name(name)
    tail = shown.rpartition("~")[2]
    own = names.disambiguate(escaped, asset_id, length=len(tail))
    return shown in (names.cut_name(escaped, asset_id), own)
