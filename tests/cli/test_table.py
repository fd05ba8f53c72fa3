"""Tables, sizes and escapes: pure."""

import json

import pytest

from coexplorer.assets import asset_from_json
from coexplorer.cli.format import plural, size_text
from coexplorer.cli.narration import render_bar
from coexplorer.cli.output import encode_asset, escape_json
from coexplorer.cli.table import Column, render_table
from coexplorer.models import Membership
from coexplorer.text import width

COLUMNS = (Column("NAME", flexible=True), Column("SIZE", right=True), Column("TAGS", flexible=True))


def test_a_pipe_gets_the_whole_table() -> None:
    lines = render_table(COLUMNS, [("n" * 300, "1 B", "t" * 200)], max_width=None)
    assert lines[1] == f"{'n' * 300}   1 B  {'t' * 200}"


def test_a_long_cell_does_not_widen_the_other_lines_of_a_pipe() -> None:
    short, long = ("short", "1 B", "x"), ("n" * 255, "12 GB", "x")
    lines = render_table(COLUMNS, [short, long], max_width=None)
    assert width(lines[0]) < 80
    assert width(lines[1]) < 80
    assert lines[2] == f"{'n' * 255}  12 GB  x"


@pytest.mark.parametrize("cells", [200, 80, 40, 20, 5])
def test_a_terminal_gets_no_line_that_is_too_long(cells: int) -> None:
    rows = [("n" * 300, "1 B", "t" * 200), ("鼠" * 90, "12 GB", "e\u0301" * 50)]
    lines = render_table(COLUMNS, rows, max_width=cells)
    assert all(width(line) <= cells for line in lines)


def test_the_widest_column_gives_way_first() -> None:
    line = render_table(COLUMNS, [("n" * 50, "1 B", "tags")], max_width=40)[1]
    assert line.endswith("tags")
    assert "1 B" in line


def test_strangers_text_can_not_reach_the_terminal() -> None:
    name = "evil\x1b[2J\x9b31m\u202e\nname\ttab"
    text = "\n".join(render_table(COLUMNS, [(name, "1 B", "x")], max_width=None))
    assert text.count("\n") == 1
    assert all(char.isprintable() or char == "\n" for char in text)
    assert r"\x1b[2J" in text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (412_000_000_000, "412 GB"),
        (999_499 * 10**12, "999 PB"),
        (5 * 10**18, "5.0 EB"),
        (2**64, "18 EB"),
    ],
)
def test_sizes_are_short(size_bytes: int | None, text: str) -> None:
    assert size_text(size_bytes) == text


def test_one_is_not_many() -> None:
    assert plural(1, "asset") == "1 asset"
    assert plural(1200, "asset") == "1,200 assets"


def test_a_bar_never_overflows() -> None:
    assert render_bar("x", 500, 100, "5") == f"x {'█' * 24} 5"
    assert render_bar("x", 5, None, "5") == "x 5"


def test_json_keeps_every_value_as_it_came_and_adds_what_is_known() -> None:
    raw = b'{"id":"a","name":"n","size":12345678901234567890,"x":1.5,"e":null}'
    encoded = encode_asset(asset_from_json(raw), Membership(archived=True))
    assert encoded.startswith(raw[:-1])
    assert json.loads(encoded)["_coexplorer"] == {
        "archived": True,
        "favorite": None,
        "mine": None,
        "shared": None,
    }


def test_json_for_a_terminal_is_the_same_data_without_what_it_obeys() -> None:
    data = {"name": "a\x7f\x9b\u202e\U000e0001é鼠"}
    text = escape_json(json.dumps(data, ensure_ascii=False).encode())
    assert text.isprintable()
    assert "é鼠" in text
    assert json.loads(text) == data
