"""The folders of tags, and who is in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from sys import intern

from coexplorer import names
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.stale import StaleNames
from coexplorer.fs.kernel.inodes import Place, number_of, view_inode
from coexplorer.models import AssetId


@dataclass(slots=True, eq=False)
class TagFolder:
    """The folder of a tag: ``tags/TAG``."""

    tag: str
    file_name: bytes
    view: int
    made: bool = False
    members: set[Node] = field(default_factory=set)


class TagFolders:
    """Keeps them.

    Args:
        stale: Learns which names have changed.
        views: Where the numbers of views come from.
    """

    def __init__(self, stale: StaleNames, views: Iterator[int]) -> None:
        self._stale = stale
        self._views = views
        self._tags: dict[str, TagFolder] = {}
        self._tag_names: dict[bytes, TagFolder] = {}
        self._tag_views: dict[int, TagFolder] = {}

    def find(self, file_name: bytes) -> TagFolder | None:
        """Return the folder of a tag by its name in ``tags/``."""
        folder = self._tag_names.get(file_name)
        return folder if folder is not None and (folder.members or folder.made) else None

    def find_view(self, view: int) -> TagFolder | None:
        """Return the folder of a tag by its view."""
        return self._tag_views.get(view)

    def list(self) -> list[TagFolder]:
        """List the folders in ``tags/``: tags that an asset has, and those made here."""
        return [folder for folder in self._tags.values() if folder.members or folder.made]

    def set(self, node: Node, tags: tuple[str, ...]) -> None:
        """Move an asset between the folders of tags."""
        tags = tuple(map(intern, tags))
        if not node.tags and not self._stale.is_watched:  # all of them, when a mount begins
            for tag in tags:
                (self._tags.get(tag) or self.ensure(tag)).members.add(node)
            node.tags = tags
            return
        former = frozenset(node.tags)
        for tag in former.difference(tags):
            folder = self._tags[tag]
            folder.members.discard(node)
            self._stale.note_link(view_inode(folder.view), node, folder.view)
            if not folder.members and not folder.made:
                self._stale.note(Place.TAGS, folder.file_name, view_inode(folder.view))
        for tag in frozenset(tags).difference(former):
            folder = self.ensure(tag)
            if not folder.members and not folder.made:
                self._stale.note(Place.TAGS, folder.file_name, None)
            folder.members.add(node)
            self._stale.note_link(view_inode(folder.view), node, None)
        node.tags = tags

    def ensure(self, tag: str) -> TagFolder:
        """Return the folder of a tag; it is only listed once it has members or was made."""
        folder = self._tags.get(tag)
        if folder is None:
            view = next(self._views)
            digest = f"{number_of(AssetId(tag)):010x}"
            chosen = names.choose_file_name(
                tag, digest, lambda name: name.encode() in self._tag_names
            )
            file_name = chosen.encode()
            folder = TagFolder(tag, file_name, view)
            self._tags[tag] = self._tag_names[file_name] = self._tag_views[view] = folder
        return folder

    def remove_made(self, folder: TagFolder) -> None:
        """Take an empty tag folder away again that was made here."""
        folder.made = False
        self._stale.note(Place.TAGS, folder.file_name, view_inode(folder.view))
        if not folder.members:
            del self._tags[folder.tag]
            del self._tag_names[folder.file_name]
            del self._tag_views[folder.view]

    def count_made(self) -> int:
        """Count the empty tag folders that were made here."""
        return sum(folder.made and not folder.members for folder in self._tags.values())

    def note_links(self, node: Node, *, is_coming: bool) -> None:
        """Note that an asset's links are gone from its tags' folders, or there under a new name."""
        for tag in node.tags:
            view = self._tags[tag].view
            self._stale.note_link(view_inode(view), node, None if is_coming else view)
