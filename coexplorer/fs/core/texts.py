"""The texts of assets' files, as far as the catalog or a reply has shown them.

Everything happens on the event loop; no method waits.
"""

from __future__ import annotations

from coexplorer.fields import Fields
from coexplorer.fs.core.content_cache import ContentCache
from coexplorer.fs.core.file_format import EDITABLE_PARTS, build_json
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.core.spellings import Spellings
from coexplorer.fs.kernel.inodes import Part
from coexplorer.models import Excerpt


class Texts:
    """Builds them.

    Args:
        excerpts: What they are made of.
        sizes: Learns how long they are.
        spellings: How they were written here.
    """

    def __init__(self, excerpts: ContentCache, sizes: Sizes, spellings: Spellings) -> None:
        self._excerpts = excerpts
        self._sizes = sizes
        self._spellings = spellings

    def excerpt(self, node: Node) -> Excerpt | None:
        """Return what an asset's files are made of, and learn their sizes."""
        found = self._excerpts.find(node.slot)
        if found is None:
            found = self._excerpts.load(node.slot, node.id)
            if found is not None:
                self.measure(node, found)
        return found

    def text_of(self, node: Node, part: Part) -> bytes | None:
        """Return the text of an editable file, as the platform has it; None: the asset is gone."""
        excerpt = self.excerpt(node)
        if excerpt is None:
            return None
        return self._spellings.text_of(node.slot, part, excerpt.fields)

    def measure(self, node: Node, excerpt: Excerpt) -> None:
        """Learn the sizes of an asset's files without keeping the texts."""
        if not self._sizes.has(node.slot):
            self._sizes.note(node.slot, self.build_all(node, excerpt))

    def ensure_measured(self, node: Node) -> bool:
        """Make sure that the sizes of an asset's files are known; False when the asset is gone."""
        return self._sizes.has(node.slot) or self.excerpt(node) is not None

    def build_all(self, node: Node, excerpt: Excerpt) -> dict[Part, bytes]:
        """Return the texts of all files of an asset but ``error``."""
        texts = self.build_editable(node, excerpt.fields)
        texts[Part.JSON] = build_json(excerpt.raw)
        return texts

    def build_editable(self, node: Node, fields: Fields) -> dict[Part, bytes]:
        """Return the texts of an asset's editable files."""
        return {part: self._spellings.text_of(node.slot, part, fields) for part in EDITABLE_PARTS}
