"""What is in a file, as far as a few reads of it tell: text, trees, tables, pictures, bytes.

`make_preview` reads as little as it can. What it gives is data (`shapes`), not yet cleaned: who
draws it does that. HDF5, Parquet and pictures are read by libraries of others, in a process of
their own (`helper`), so that a damaged or hostile file ends that process and nothing else.
"""

from coexplorer.previews.making import make_preview
from coexplorer.previews.shapes import (
    HexPreview,
    MarkdownPreview,
    PicturePreview,
    Preview,
    TablePreview,
    TextPreview,
    TreeLine,
    TreePreview,
)
from coexplorer.previews.texts import (
    Read,
    TextPart,
    join_parts,
    read_part_after,
    read_part_before,
    read_start,
    read_tail,
)

__all__ = [
    "HexPreview",
    "MarkdownPreview",
    "PicturePreview",
    "Preview",
    "Read",
    "TablePreview",
    "TextPart",
    "TextPreview",
    "TreeLine",
    "TreePreview",
    "join_parts",
    "make_preview",
    "read_part_after",
    "read_part_before",
    "read_start",
    "read_tail",
]
