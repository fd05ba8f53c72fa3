"""A description's Markdown as lines. Pure. Imported when the first description is shown.

The text is untrusted: no link is clickable, no image is fetched, only layout is interpreted.
"""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console
from rich.markdown import Heading, Markdown
from rich.segment import Segment

from coexplorer.text import clean, clean_lines
from coexplorer.tui.columns import Line, Piece, Role

MAX_CHARACTERS = 20_000
"""What is rendered of a description; the rest is for the editor."""


class _Heading(Heading):
    """A heading that begins where its text does: in a pane of three lines nothing is centerd."""

    LEVEL_ALIGN: ClassVar = dict.fromkeys(Heading.LEVEL_ALIGN, "left")


class _Description(Markdown):
    elements: ClassVar = {**Markdown.elements, "heading_open": _Heading}


def render_markdown(text: str, cells: int) -> list[Line]:
    """Return the lines of a description, wrapped to a width in cells."""
    source = "\n".join(clean_lines(text[:MAX_CHARACTERS]))
    console = Console(width=cells, color_system=None, force_terminal=False, legacy_windows=False)
    rendered = _Description(source, hyperlinks=False, code_theme="ansi_dark")
    options = console.options.update(width=cells)
    lines = [_line(segments) for segments in console.render_lines(rendered, options, pad=False)]
    while lines and not _text(lines[0]):
        lines.pop(0)
    while lines and not _text(lines[-1]):
        lines.pop()
    return lines


def _line(segments: list[Segment]) -> Line:
    pieces: list[Piece] = []
    for segment in segments:
        style = segment.style
        role = Role.TITLE if style is not None and style.bold else Role.TEXT
        if style is not None and style.italic:
            role = Role.ACCENT
        pieces.append((clean(segment.text), role))
    while pieces and not pieces[-1][0].strip():
        pieces.pop()
    return tuple(pieces)


def _text(line: Line) -> str:
    return "".join(text for text, _ in line).strip()
