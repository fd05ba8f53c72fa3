"""Tables, sizes and escapes: pure."""

import json
from pathlib import Path

import pytest

from coexplorer.assets import asset_from_json
from coexplorer.cli.cells import escape_json
from coexplorer.cli.format import plural, size_text
from coexplorer.cli.listing import _DEFAULT, _build_column
from coexplorer.cli.narration import render_bar
from coexplorer.cli.output import encode_asset
from coexplorer.cli.stats import fit_bar
from coexplorer.cli.table import Column, render_table
from coexplorer.cli.values import is_zone
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


NAME = "ecephys_655019_2023-04-03_18-17-07_x"
"""36 cells, as names of recordings have."""


def listing(*cells: str, asked: bool = False) -> list[str]:
    """Return the table of ``ls`` at 80 columns."""
    columns = [_build_column(name, asked=asked) for name in _DEFAULT]
    return render_table(columns, [cells], max_width=80)


@pytest.mark.parametrize("tags", ["raw", "ecephys raw neuropixels brain-observatory", ""])
@pytest.mark.parametrize("kind", ["dataset", "result"])
@pytest.mark.parametrize("mark", ["", "★⌂"])
def test_a_name_of_36_cells_is_whole_at_80_columns(tags: str, kind: str, mark: str) -> None:
    assert width(NAME) == 36
    lines = listing("0a1b2c3d", mark, NAME, kind, "failed", "1.2 TB", "2023-04-03", tags)
    assert NAME in lines[1]
    assert "2023-04-03" in lines[1]
    assert all(width(line) <= 80 for line in lines)


def test_columns_stay_as_long_as_there_is_room() -> None:
    lines = listing("0a1b2c3d", "", "short", "dataset", "ready", "1.2 TB", "2023-04-03", "raw x")
    assert lines[0].split() == ["ID", "NAME", "TYPE", "STATE", "SIZE", "CREATED", "TAGS"]
    assert lines[1].endswith("raw x")


def test_a_longer_name_is_cut_last() -> None:
    lines = listing("0a1b2c3d", "", NAME * 3, "dataset", "ready", "1.2 TB", "2023-04-03", "raw")
    assert NAME[:35] in lines[1]
    assert width(lines[1]) <= 80


def test_columns_that_were_asked_for_all_stay() -> None:
    cells = ("0a1b2c3d", "", NAME, "dataset", "ready", "1.2 TB", "2023-04-03", "t" * 40)
    lines = listing(*cells, asked=True)
    assert lines[0].split() == ["ID", "NAME", "TYPE", "STATE", "SIZE", "CREATED", "TAGS"]
    assert width(lines[1]) <= 80


def test_equal_columns_give_way_alike() -> None:
    columns = (Column("A", flexible=True), Column("B", flexible=True))
    line = render_table(columns, [("a" * 40, "b" * 40)], max_width=42)[1]
    assert (line.count("a"), line.count("b")) == (19, 19)


@pytest.mark.parametrize("label", ["ecephys", "a much longer label of somebody else's"])
def test_bars_stay_beside_their_lists_in_a_narrow_terminal(label: str) -> None:
    rows = [("TAG", "ASSETS", "SIZE"), (label, "12,345", "999 TB")]
    for cells in (40, 60, 80, 200):
        bar = fit_bar(cells, rows)
        assert 6 <= bar <= 20
        head = [Column("TAG", flexible=True), Column("ASSETS"), Column("SIZE"), Column("", spare=1)]
        lines = render_table(head, [(*rows[1], "█" * bar)], max_width=cells)
        assert lines[1].endswith("█" * bar)
    assert fit_bar(24, rows) == 0


@pytest.mark.parametrize(
    ("zone", "known"),
    [
        *(("", True), ("UTC", True), ("Europe/Berlin", True), (":Europe/Berlin", True)),
        *(("CET-1CEST,M3.5.0,M10.5.0/3", True), ("<+03>-3", True), ("EST5EDT", True)),
        *(("Bogus/Zone", False), ("Europe/Berln", False), ("nonsense", False)),
    ],
)
def test_a_time_zone_that_is_none_is_told_apart(
    zone: str, *, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").touch()
    monkeypatch.setenv("TZDIR", str(tmp_path))
    assert is_zone(zone) is known
