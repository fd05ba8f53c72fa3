"""A picture as half blocks: two pixels in a cell, one above the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from coexplorer.previews import PicturePreview

_UPPER = "▀"
_RAMP = " .:-=+*#%@"
Pixel = tuple[int, int, int]


def scale(picture: PicturePreview, cells: int, lines: int) -> list[list[Pixel]]:
    """Return rows of pixels that fit so many cells and lines, an even number of rows (pure)."""
    share = min(cells / picture.width, 2 * lines / picture.height, 1.0)
    columns = max(1, int(picture.width * share))
    rows = max(2, int(picture.height * share) // 2 * 2)
    across = [_span(at, columns, picture.width) for at in range(columns)]
    down = [_span(at, rows, picture.height) for at in range(rows)]
    return [[_average(picture, x, y) for x in across] for y in down]


def _span(at: int, count: int, size: int) -> range:
    start = at * size // count
    return range(start, max(start + 1, (at + 1) * size // count))


def _average(picture: PicturePreview, across: range, down: range) -> Pixel:
    red = green = blue = 0
    for y in down:
        for x in across:
            place = 3 * (y * picture.width + x)
            red += picture.pixels[place]
            green += picture.pixels[place + 1]
            blue += picture.pixels[place + 2]
    count = len(across) * len(down)
    return red // count, green // count, blue // count


def draw_picture(
    picture: PicturePreview, cells: int, lines: int, base: Style, *, in_color: bool
) -> list[Strip]:
    """Return a picture as strips, as large as it fits.

    Args:
        picture: It.
        cells: Width of the pane.
        lines: Its height.
        base: Style of what is left of each line.
        in_color: Use colors; else signs for how bright it is.
    """
    pixels = scale(picture, cells, lines)
    strips = []
    for top, bottom in zip(pixels[::2], pixels[1::2], strict=True):
        drawn = _draw_colors(top, bottom) if in_color else _draw_signs(top, bottom, base)
        rest = [Segment(" " * (cells - len(top)), base)]
        strips.append(Strip([*drawn, *rest], cells))
    return strips


def _draw_colors(top: Sequence[Pixel], bottom: Sequence[Pixel]) -> list[Segment]:
    segments = []
    for above, below in zip(top, bottom, strict=True):
        style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
        segments.append(Segment(_UPPER, style))
    return segments


def _draw_signs(top: Sequence[Pixel], bottom: Sequence[Pixel], base: Style) -> list[Segment]:
    brightness = [(sum(above) + sum(below)) / 6 for above, below in zip(top, bottom, strict=True)]
    text = "".join(_RAMP[int(each / 256 * len(_RAMP))] for each in brightness)
    return [Segment(text, base)]
