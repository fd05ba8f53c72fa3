"""Whatever the screens, a terminal that is fed the differences shows them cell for cell."""

from random import Random

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcwidth

from coexplorer.tui.terminal.cells import (
    BLANK,
    PLAIN,
    Cell,
    Pen,
    Row,
    parse_sgr,
    sgr_between,
    shorten_color,
    strip_controls,
)
from coexplorer.tui.terminal.diff import MODERN, Capabilities, ScreenModel

WIDTH, HEIGHT = 40, 7
PENS = [
    PLAIN,
    Pen(("1",)),
    Pen((), "31"),
    Pen(("1", "4"), "32", "44"),
    Pen((), "", "41"),
    Pen(("7",)),
    Pen(("1",), "38;5;120", "48;5;17"),
    Pen((), "38;2;1;2;3", "48;2;4;5;6"),
]
TEXTS = ["a", "b", " ", " ", "é", "─", "e\u0301", "日", "本", "🙂"]


def build_row(parts: list[tuple[str, Pen]]) -> Row:
    cells: list[Cell] = []
    for text, pen in parts:
        wide = wcwidth(text[0]) == 2
        if len(cells) + 1 + wide > WIDTH:
            break
        cells.append(Cell(text, pen))
        if wide:
            cells.append(Cell("", pen))
    return tuple(cells + [BLANK] * (WIDTH - len(cells)))


def build_pool(count: int) -> list[Row]:
    random = Random(7)
    pool = []
    for number in range(count):
        parts: list[tuple[str, Pen]] = []
        for _ in range(random.randint(0, 4)):
            pen = random.choice(PENS)
            parts += [(random.choice(TEXTS), pen) for _ in range(random.randint(1, 9))]
            parts += [(" ", pen)] * random.choice((0, 0, random.randint(8, 20)))
        if number % 4 == 0:
            parts = [(random.choice(TEXTS), random.choice(PENS))] * WIDTH
        pool.append(build_row(parts))
    return pool


pens = st.sampled_from(PENS)
# Rows come from a pool: drawing them cell by cell is a hundred times slower and finds nothing more.
POOL = build_pool(300)
rows = st.integers(0, len(POOL) - 1)
screens = st.lists(rows, min_size=HEIGHT, max_size=HEIGHT)


class Shift(int):
    """A screen that is the one before it, moved up or down."""


frames = st.lists(
    st.one_of(
        screens,
        st.dictionaries(st.integers(0, HEIGHT - 1), rows, max_size=3),
        st.integers(-4, 4).map(Shift),
    ),
    min_size=1,
    max_size=6,
)


def look(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """What a person sees: the foreground of a blank is not seen unless something is drawn on it."""
    shown: list[list[tuple[object, ...]]] = []
    for y in range(HEIGHT):
        row: list[tuple[object, ...]] = []
        for x in range(WIDTH):
            char = screen.buffer[y][x]
            drawn = char.data != " " or char.underscore or char.reverse or char.strikethrough
            style = (char.fg, char.bold, char.underscore, char.reverse) if drawn else ()
            row.append((char.data, char.bg, *style))
        shown.append(row)
    return shown


def start_terminal() -> tuple[pyte.Screen, pyte.Stream]:
    """An emulator that does not wrap lines: the program switches that off."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")
    return screen, stream


def paint(rows_: list[Row]) -> pyte.Screen:
    """Show a screen in the plainest way there is: every cell addressed and styled by itself."""
    screen, stream = start_terminal()
    written = [
        f"\x1b[{y + 1};{x + 1}H{sgr_between(None, cell.pen)}{cell.text}"
        for y, row in enumerate(rows_)
        for x, cell in enumerate(row)
        if cell.text
    ]
    stream.feed("".join(written))
    return screen


@settings(max_examples=100)
@given(changes=frames, terminal=st.builds(Capabilities, *[st.booleans()] * 3))
def test_a_terminal_fed_with_differences_shows_every_screen(
    changes: list[list[int] | dict[int, int] | Shift], terminal: Capabilities
) -> None:
    screen, stream = start_terminal()
    model = ScreenModel(WIDTH, HEIGHT, terminal)
    current: list[Row] = [(BLANK,) * WIDTH] * HEIGHT
    stream.feed(model.render(dict(enumerate(current))))
    for change in changes:
        if isinstance(change, Shift):
            current = current[change:] + current[:change]
        elif isinstance(change, dict):
            current = [POOL[change[y]] if y in change else row for y, row in enumerate(current)]
        else:
            current = [POOL[number] for number in change]
        partial = change if isinstance(change, dict) else range(HEIGHT)
        stream.feed(model.render({y: current[y] for y in partial}))
        assert look(screen) == look(paint(current))


def test_a_screen_that_is_there_already_costs_nothing() -> None:
    model = ScreenModel(WIDTH, HEIGHT)
    rows_ = {y: build_row([(str(y), PENS[y % 4])] * 5) for y in range(HEIGHT)}
    assert model.render(rows_)
    assert model.render(rows_) == ""


def test_one_changed_letter_costs_one_address_and_the_letter() -> None:
    model = ScreenModel(WIDTH, HEIGHT)
    row = build_row([("a", PLAIN)] * 15)
    model.render({3: row})
    changed = (*row[:7], Cell("b", PLAIN), *row[8:])
    assert model.render({3: changed}) == "\x1b[4;8Hb"


def test_rows_that_moved_are_moved_by_the_terminal() -> None:
    model = ScreenModel(WIDTH, HEIGHT)
    rows_ = [build_row([(c, PLAIN) for c in f"row {n} of many rows here"]) for n in range(30)]
    model.render(dict(enumerate(rows_[:HEIGHT])))
    written = model.render(dict(enumerate(rows_[1 : HEIGHT + 1])))
    assert "\x1b[1;7r\x1b[7H\n\x1b[r" in written
    assert len(written) < 60


def test_an_adopted_screen_is_not_sent_again() -> None:
    model = ScreenModel(WIDTH, HEIGHT)
    rows_ = [build_row([("x", PLAIN)] * 3)] * HEIGHT
    model.adopt(rows_)
    assert model.render(dict(enumerate(rows_))) == ""
    model.forget()
    assert model.render(dict(enumerate(rows_)))


def test_a_character_of_disputed_width_is_followed_by_an_address() -> None:
    model = ScreenModel(WIDTH, HEIGHT)
    written = model.render({0: build_row([("日", PLAIN), ("a", PLAIN)])})
    assert "日\x1b[1;3Ha" in written


def test_a_hole_in_a_row_is_erased_and_jumped_over() -> None:
    row = build_row([("a", PENS[4]), *[(" ", PENS[4])] * 30, ("b", PENS[4])])
    model = ScreenModel(WIDTH, HEIGHT)
    assert "a\x1b[30X\x1b[30Cb" in model.render({0: row})
    plain = ScreenModel(WIDTH, HEIGHT, MODERN._replace(erases_within=False))
    assert "a" + " " * 30 + "b" in plain.render({0: row})


@pytest.mark.parametrize(
    ("color", "short"),
    [
        ("38;2;18;18;18", "38;5;233"),
        ("48;2;0;95;175", "48;5;25"),
        ("38;2;255;255;255", "38;5;231"),
        ("38;2;1;2;3", "38;2;1;2;3"),
        ("38;5;120", "38;5;120"),
        ("41", "41"),
        ("", ""),
    ],
)
def test_a_color_of_the_palette_is_named_by_its_number(color: str, short: str) -> None:
    assert shorten_color(color) == short


def test_a_short_name_is_the_same_color() -> None:
    by_value, by_number = pyte.Screen(1, 1), pyte.Screen(1, 1)
    for levels in [(red, green, blue) for red in (0, 95, 8) for green in (8, 255) for blue in (8,)]:
        color = ";".join(["38", "2", *map(str, levels)])
        pyte.Stream(by_value).feed(f"\x1b[{color}mx\r")
        pyte.Stream(by_number).feed(f"\x1b[{shorten_color(color)}mx\r")
        assert by_value.buffer[0][0].fg == by_number.buffer[0][0].fg


@settings(max_examples=60)
@given(pens, pens)
def test_the_delta_between_two_looks_ends_at_the_second(old: Pen, new: Pen) -> None:
    direct, delta = pyte.Screen(2, 1), pyte.Screen(2, 1)
    pyte.Stream(direct).feed(sgr_between(None, new) + "x")
    pyte.Stream(delta).feed(sgr_between(None, old) + sgr_between(old, new) + "x")
    assert direct.buffer[0][0] == delta.buffer[0][0]


@given(pens)
def test_what_is_written_as_sgr_is_read_back(pen: Pen) -> None:
    codes = ";".join(filter(None, [*pen.attributes, pen.foreground, pen.background]))
    assert parse_sgr(codes) == pen


@given(st.text())
def test_no_control_character_passes_the_last_line_of_defence(text: str) -> None:
    left = strip_controls(text + "\x1b]52;c;x\x07\x9b2J\u202e\r\n")
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in left)
