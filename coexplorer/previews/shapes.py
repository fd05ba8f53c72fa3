"""What a preview can be. Pure.

All text in it is as the file has it: clean it before you show it.
"""

from __future__ import annotations

import msgspec

from coexplorer.previews.texts import TextPart


class Shape(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What all previews have.

    Attributes:
        title: What it is, in a few words: ``JSON``.
        note: What of the file is not shown, or why this is all; empty: nothing is to be said.
    """

    title: str
    note: str = ""


class TextPreview(Shape, frozen=True, kw_only=True):
    """Lines of text, a part of the file.

    Attributes:
        part: The lines.
        can_page: More of the file can be read as text; False: this is all there is of it.
    """

    part: TextPart
    can_page: bool = True


class TreeLine(msgspec.Struct):
    """A line of a tree.

    Attributes:
        depth: How many others it is in.
        label: Its name; empty: it has none.
        value: What is said of it.
        stop: Number of the first node that is neither this one nor in it.
    """

    depth: int
    label: str
    value: str
    stop: int


class TreePreview(Shape, frozen=True, kw_only=True):
    """Things in things: JSON, HDF5, the schema of a table.

    Attributes:
        nodes: From top to bottom; what is in a node follows it.
    """

    nodes: list[TreeLine]


class TablePreview(Shape, frozen=True, kw_only=True):
    """Rows and columns.

    Attributes:
        head: Names of the columns.
        rows: The first rows; each may have fewer cells, or more, than there are names.
    """

    head: list[str]
    rows: list[list[str]]


class MarkdownPreview(Shape, frozen=True, kw_only=True):
    """A text in Markdown."""

    text: str


class PicturePreview(Shape, frozen=True, kw_only=True):
    """A picture, made smaller.

    Attributes:
        width: In pixels, of what is in `pixels`.
        height: Likewise.
        pixels: Red, green and blue, a byte each, row by row.
    """

    width: int
    height: int
    pixels: bytes


class HexPreview(Shape, frozen=True, kw_only=True):
    """Bytes from the beginning of a file that nobody here can read otherwise."""

    data: bytes


Preview = TextPreview | TreePreview | TablePreview | MarkdownPreview | PicturePreview | HexPreview
