"""A terminal fed by the layer shows what the stock driver would have shown."""

import io
from random import Random

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from coexplorer.tui.terminal.layer import OutputLayer

WIDTH, HEIGHT = 30, 8
STYLES = [
    Style(),
    Style(color="red"),
    Style(bold=True, bgcolor="blue"),
    Style(color="#a0b0c0", bgcolor="#101018"),
    Style(reverse=True),
    Style(underline=True, color="green"),
]
WORDS = ["raw ", "ecephys_65", "  ", "x", "日本", "é", "e\u0301", " ", "─"]


def build_strip(random: Random, width: int) -> Strip:
    segments: list[Segment] = []
    used = 0
    while used < width and random.random() < 0.9:
        segment = Segment(random.choice(WORDS), random.choice(STYLES))
        if used + segment.cell_length > width:
            break
        segments.append(segment)
        used += segment.cell_length
    return Strip([*segments, Segment(" " * (width - used), random.choice(STYLES))])


def build_update(random: Random, screen: list[list[Strip]]) -> CompositorUpdate:
    """Change `screen` (two strips a row) and return the update that Textual would send for it."""
    half = WIDTH // 2
    kind = random.randrange(5)
    if kind == 0:
        screen[:] = [[build_strip(random, half), build_strip(random, half)] for _ in screen]
        return LayoutUpdate([list(row) for row in screen], Region(0, 0, WIDTH, HEIGHT))
    if kind == 1:
        screen.append(screen.pop(0))
        return LayoutUpdate([list(row) for row in screen], Region(0, 0, WIDTH, HEIGHT))
    if kind == 4:
        return build_scroll(random, screen)
    chops: list[dict[int, Strip | None]] = [{0: None, half: None} for _ in screen]
    spans: list[tuple[int, int, int]] = []
    for y in sorted(random.sample(range(HEIGHT), random.randint(1, 3))):
        if len(screen[y]) == 1:
            screen[y] = [build_strip(random, half), build_strip(random, half)]
            chops[y] = {0: screen[y][0], half: screen[y][1]}
            spans.append((y, 0, WIDTH))
            continue
        side = random.randrange(2)
        screen[y][side] = chops[y][side * half] = build_strip(random, half)
        spans.append((y, side * half, side * half + half))
    return ChopsUpdate(chops, spans, [[half, WIDTH] for _ in screen])


def build_scroll(random: Random, screen: list[list[Strip]]) -> ChopsUpdate:
    """Move all rows as a list does that keeps its strips: each fills a row, a few are new."""
    distance = random.choice([-2, -1, 1, 2])
    screen[:] = screen[distance:] + screen[:distance]
    for y in range(HEIGHT):
        if len(screen[y]) > 1 or random.random() < 0.2:
            screen[y] = [build_strip(random, WIDTH)]
    rows: list[dict[int, Strip | None]] = [{0: row[0]} for row in screen]
    return ChopsUpdate(rows, [(y, 0, WIDTH) for y in range(HEIGHT)], [[WIDTH]] * HEIGHT)


def look(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    shown = []
    for y in range(HEIGHT):
        row: list[tuple[object, ...]] = []
        for x in range(WIDTH):
            char = screen.buffer[y][x]
            drawn = char.data != " " or char.underscore or char.reverse
            row.append((char.data, char.bg, *((char.fg, char.bold, char.reverse) if drawn else ())))
        shown.append(row)
    return shown


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_the_layer_shows_cell_for_cell_what_the_stock_driver_shows(seed: int, count: int) -> None:
    random = Random(seed)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    stock, ours = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    stock_stream, our_stream = pyte.Stream(stock), pyte.Stream(ours)
    for stream in (stock_stream, our_stream):
        stream.feed("\x1b[?7l")
    layer = OutputLayer(console._color_system)
    layer.resize(WIDTH, HEIGHT)
    half = Strip([Segment(" " * (WIDTH // 2))])
    screen = [[half, half] for _ in range(HEIGHT)]
    first = LayoutUpdate([list(row) for row in screen], Region(0, 0, WIDTH, HEIGHT))
    updates = [first, *(build_update(random, screen) for _ in range(count))]
    for update in updates:
        stock_stream.feed(update.render_segments(console).replace("\n", "\r\n"))
        written = layer.render(update)
        assert written is not None
        our_stream.feed(written)
        assert look(ours) == look(stock)


def test_no_control_character_of_a_widget_leaves() -> None:
    layer = OutputLayer(None)
    layer.resize(WIDTH, 1)
    hostile = Strip([Segment("a\x1b]52;c;aGk=\x07b\x9b2Jc\u202ed\r\n")], WIDTH)
    written = layer.render(LayoutUpdate([[hostile]], Region(0, 0, WIDTH, 1)))
    assert written is not None
    assert "a]52;c;aGk=b2Jcd" in written
    assert not set("\x07\x9b\u202e\r\n") & set(written)
    assert "\x1b]" not in written


def test_another_size_is_another_screen() -> None:
    layer = OutputLayer(None)
    layer.resize(WIDTH, 1)
    update = LayoutUpdate([[Strip([Segment("x" * WIDTH)])]], Region(0, 0, WIDTH, 1))
    assert layer.render(update)
    assert layer.render(update) == ""
    layer.resize(WIDTH, 2)
    assert layer.render(update)


def test_an_update_of_an_unknown_kind_is_left_to_the_stock_driver() -> None:
    layer = OutputLayer(None)
    layer.resize(WIDTH, 1)
    assert layer.render(CompositorUpdate()) is None
