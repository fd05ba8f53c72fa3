from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.keys import Keys

from coexplorer.assets import parse_asset
from coexplorer.fields import Fields
from coexplorer.library.entries import Action, Entry, State
from coexplorer.library.status import Status
from coexplorer.metadata.schema import UNKNOWN
from coexplorer.models import AssetId, Record, Row
from coexplorer.query import SortKey
from coexplorer.text import clean, width
from coexplorer.tui.browsing import Browsing
from coexplorer.tui.changes import build_part_line
from coexplorer.tui.columns import (
    Role,
    build_head,
    build_layout,
    build_row,
    cut_middle,
    show_date,
    show_size,
)
from coexplorer.tui.command_registry import COMMANDS
from coexplorer.tui.diffs import describe_entry
from coexplorer.tui.facts import _show_value, build_rest
from coexplorer.tui.keys import is_key
from coexplorer.tui.markdown import render_markdown
from coexplorer.tui.tag_text import find_tag_at, fit_values, format_tags, parse_tags
from coexplorer.tui.views import View, build_strip_line, build_views, find_active
from coexplorer.tui.widgets.header import build_header
from coexplorer.tui.windows import BLOCK, KEPT_BLOCKS, Windows


def make_row(number: int, name: str = "name", tags: tuple[str, ...] = ()) -> Row:
    return Row(
        number=number,
        id=AssetId(f"id-{number}"),
        name=name,
        type="dataset",
        state="ready",
        size_bytes=10,
        files=1,
        created=1_600_000_000.0,
        last_used=0.0,
        tags=tags,
        mount="mount",
        owner="me@example.org",
        archived=False,
        favorite=False,
        mine=True,
        shared=False,
        external=False,
    )


@given(st.text(), st.lists(st.text(), max_size=4), st.integers(20, 300))
def test_a_row_is_exactly_as_wide_as_the_list_whatever_its_text(
    name: str, tags: list[str], cells: int
) -> None:
    layout = build_layout(cells)
    pieces = build_row(make_row(1, name, tuple(tags)), layout, marked=True)
    assert sum(width(text) for text, _ in pieces) == cells
    assert width(build_head(layout)) == cells


def test_the_name_stays_when_columns_no_longer_fit() -> None:
    columns = build_layout(30, ("id", "owner", "name")).columns
    assert [column.id for column, _ in columns] == ["name"]


def test_sizes_and_dates_are_short() -> None:
    assert [show_size(n) for n in (0, 999, 1_000, 9_960, 412_000_000_000, None)] == [
        "0B",
        "999B",
        "1.0kB",
        "10kB",
        "412GB",
        "",
    ]
    assert show_date(0, never="never") == "never"
    assert show_date(1e300) == ""


@given(
    st.lists(st.text(alphabet='ab ,"', min_size=1).filter(lambda t: t.strip() == t), unique=True)
)
def test_tags_survive_being_written_as_one_line(tags: list[str]) -> None:
    assert parse_tags(format_tags(tags)) == tuple(tags)


def test_the_tag_at_the_cursor_is_found() -> None:
    assert find_tag_at("raw, ec", 7) == (5, 7, "ec")
    assert find_tag_at("ra, ecephys", 2) == (0, 2, "ra")


def test_windows_keep_few_blocks_and_say_what_they_lack() -> None:
    windows = Windows()
    windows.reset(100_000, [make_row(n) for n in range(BLOCK)])
    assert windows.missing(0, 10) is None
    assert windows.missing(120, 140) == (BLOCK, BLOCK)
    for block in range(1, 2 * KEPT_BLOCKS):
        windows.put(block * BLOCK, [make_row(block * BLOCK)])
    assert windows.find(0) is None
    assert windows.missing(99_990, 100_050) == (99_968, BLOCK)


def test_a_row_is_shown_as_it_will_be_until_its_change_ends() -> None:
    windows = Windows()
    row = make_row(0)
    windows.reset(1, [row])
    sent = windows.ahead.begin(row.id, {"name": "new", "description": "no part of a row"})
    assert row.id in windows.ahead
    assert (found := windows.find(0)) is not None
    assert found.name == "new"
    # The list knows a row that did not change by its identity.
    assert windows.find(0) is found
    windows.ahead.end(sent)
    assert row.id not in windows.ahead
    assert windows.find(0) is row


def test_of_several_changes_the_later_wins_and_each_ends_by_itself() -> None:
    windows = Windows()
    row = make_row(0)
    windows.reset(1, [row])
    first = windows.ahead.begin(row.id, {"name": "first", "tags": ("a",)})
    second = windows.ahead.begin(row.id, {"name": "second"})
    archive = windows.ahead.begin(row.id, {"archived": True})
    shown = windows.find(0)
    assert shown is not None
    assert (shown.name, shown.tags, shown.archived) == ("second", ("a",), True)
    windows.ahead.end(archive)
    assert (shown := windows.find(0)) is not None
    assert (shown.name, shown.archived) == ("second", row.archived)
    # Another row of the same asset, read from the catalog meanwhile, is shown so too.
    windows.reset(1, [msgspec.structs.replace(row, name="first", tags=("a",))])
    windows.ahead.end(first)
    assert (shown := windows.find(0)) is not None
    assert (shown.name, shown.tags) == ("second", ("a",))
    windows.ahead.end(second)
    assert not windows.ahead
    assert (shown := windows.find(0)) is not None
    assert shown.name == "first"


def test_going_back_swaps_places_and_an_order_in_the_text_gives_way() -> None:
    browsing = Browsing(text="tag:a sort:size")
    browsing.sort_by(SortKey("name"))
    assert browsing.text == "tag:a"
    assert browsing.order == SortKey("name")
    browsing.leave(AssetId("x"))
    browsing.text = "tag:b"
    assert (place := browsing.go_back(AssetId("y"))) is not None
    assert place.asset_id == "x"
    assert browsing.text == "tag:a"
    assert browsing.go_back(None) is not None
    assert browsing.text == "tag:b"


@pytest.mark.parametrize(
    ("query", "cells", "shown"),
    [
        ("", 120, "[1 All 40,213] 2 Mine 310  3 Shared 870  4 ★ 12  5 Drafts 3  6 Failed 1 "),
        (
            "is:mine",
            80,
            " 1 All [2 Mine 310] 3 Shared 4 ★ 12 5 Drafts 3 6 Failed 1 7 Unused 8 Archived 88",
        ),
        (
            "is:archived",
            80,
            " 1 All 2 Mine 310 3 Shared 4 ★ 12 5 Drafts 3 6 Failed 1 7 Unused [8 Archived 88]",
        ),
        ("", 40, "[1 All 40,213] 2 Mine 3 Shared 4 ★ 12 …"),
        ("is:archived", 40, "… 6 Failed 1 7 Unused [8 Archived 88]"),
    ],
)
def test_the_strip_keeps_names_whole(query: str, cells: int, shown: str) -> None:
    views = build_views({})
    counts = dict(
        zip((view.query for view in views), (40_213, 310, 870, 12, 3, 1, 14_000, 88), strict=True)
    )
    line, _ = build_strip_line(views, counts, query, cells)
    assert "".join(text for text, _ in line).startswith(shown)


def test_the_strip_has_no_number_for_what_was_not_read() -> None:
    views = build_views({})
    counts = {"": 13_000, "is:mine": 0, "is:shared": 2, "is:archived": 0}
    line, _ = build_strip_line(views, counts, "", 120, part=True)
    text = "".join(text for text, _ in line)
    assert text.startswith("[1 All 13,000+] 2 Mine …  3 Shared 2+  4 ★  5 Drafts ")
    assert text.endswith("8 Archived … ")


@given(
    st.dictionaries(st.text(min_size=1, max_size=30), st.text(min_size=1), max_size=6),
    st.integers(40, 200),
    st.data(),
)
def test_the_view_in_force_is_always_in_the_strip_and_every_place_is_where_it_stands(
    saved: dict[str, str], cells: int, data: st.DataObject
) -> None:
    views = build_views(saved)
    counts = {view.query: data.draw(st.integers(0, 10**6)) for view in views}
    check_strip(views, counts, data.draw(st.sampled_from(views)), cells)


BLANKS = ("\x85", "\u2028", "\u2029", *map(chr, range(0x1C, 0x20)), "\v", "\f", "\r", "\n", "\xa0")
"""Signs that Python takes for blanks or line ends, and that few people can type."""


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("form", ["{}", "{}is:mine", "is:mine{}", "tag:a{}b"])
def test_a_view_whose_query_has_odd_blanks_is_marked_itself(blank: str, form: str) -> None:
    saved = {f"v{blank}": form.format(blank), "other": "tag:x"}
    views = build_views(saved)
    for at, wanted in enumerate(views):
        check_strip(views, {view.query: number for number, view in enumerate(views)}, wanted, 120)
        assert find_active(views, wanted.query) == at


@pytest.mark.parametrize("blank", [" ", *BLANKS])
def test_the_view_of_a_query_that_was_typed_with_blanks_is_marked(blank: str) -> None:
    views = build_views({"raw": "tag:raw"})
    assert find_active(views, f"{blank}tag:raw{blank}") == len(views) - 1
    assert find_active(views, blank) == 0
    assert find_active(views, f"tag:raw{blank}x") is None


@pytest.mark.parametrize("blank", BLANKS)
def test_tags_with_odd_blanks_are_the_same_after_a_line(blank: str) -> None:
    tags = (blank, f"{blank}a", f"a{blank}", f"a{blank}b")
    assert parse_tags(format_tags(tags)) == tags


def check_strip(views: Sequence[View], counts: Mapping[str, int], wanted: View, cells: int) -> None:
    line, places = build_strip_line(views, counts, wanted.query, cells)
    assert sum(width(text) for text, _ in line) <= cells
    (marked,) = (text for text, role in line if role is Role.ACCENT)
    assert f"{counts[wanted.query]:,}]" in marked
    ends = [place for place in places if place[1]]
    assert all(before[1] <= after[0] for before, after in pairwise(ends))


@given(st.text(max_size=300))
def test_markdown_holds_nothing_that_a_terminal_would_obey(text: str) -> None:
    for line in render_markdown(text, 40):
        assert all(piece.isprintable() for piece, _ in line)


def test_names_are_cut_before_the_end_that_tells_them_apart() -> None:
    source = "multiplane-ophys_770500_2026-11-20_14-53-37_processed_2026-11-25_"
    assert cut_middle(f"{source}20-24-50", 30) == "multiplane-ophys_7…25_20-24-50"
    assert cut_middle("short", 30) == "short"


@given(st.text(max_size=60).map(clean), st.integers(0, 40))
def test_a_name_that_is_cut_keeps_to_its_cells(name: str, cells: int) -> None:
    assert width(cut_middle(name, cells)) <= max(cells, 0)


def test_the_log_says_what_an_edit_changed() -> None:
    before = Fields("a", "text", ("raw", "old"), None)
    after = Fields("b", "text", ("raw", "new"), None)
    entry = Entry(
        id=1,
        batch_id=1,
        at=0.0,
        origin="tui",
        asset_id=AssetId("x"),
        asset_name="a",
        action=Action.EDIT,
        state=State.APPLIED,
        before=before,
        after=after,
    )
    assert describe_entry(entry) == "name +new -old"
    line = build_part_line(entry, 100)
    assert "name +new -old" in "".join(text for text, _ in line)


def test_seconds_in_a_date_field_are_shown_as_the_day() -> None:
    def show(key: str, value: object) -> str:
        return _show_value(key, value, UNKNOWN)

    assert show("session date", 1_795_132_800) == "2026-11-20 (1795132800)"
    assert show("start_time", 1_795_132_861.5) == "2026-11-20 00:01 (1795132861.5)"
    assert show("age", 1_795_132_800) == "1795132800"
    assert show("date", 7) == "7"
    assert show("candidate", 1_795_132_800) == "1795132800"


def test_values_that_begin_so_come_first_and_no_more_than_wanted() -> None:
    values = ["Raw", "straw", "draft", "raw-2", "RAW 3"]
    assert fit_values(values, "raw", 10) == ["Raw", "raw-2", "RAW 3", "straw"]
    assert fit_values(values, "raw", 2) == ["Raw", "raw-2"]
    assert fit_values(values, "", 3) == ["Raw", "straw", "draft"]
    assert fit_values(values, "w", 1) == ["Raw"]
    assert fit_values(values, "zzz", 5) == []


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"unsent": 3}, "3 unsent (L)"),
        ({"unsent": 3, "conflicts": 1, "unknown": 2}, "1 in conflict, 2 unknown (L)"),
        ({"unsent": 4, "conflicts": 1, "refused": 2}, "3 unsent, 1 in conflict, 2 refused (L)"),
        ({"unsent": 0, "stopped": 9}, "assets"),
    ],
)
def test_the_header_says_what_waits_each_kind_by_its_name(
    counts: dict[str, int], said: str
) -> None:
    status = Status(7, complete=True, synced_at=None, offline=False, syncing=False, **counts)  # type: ignore[arg-type]  # counts are numbers
    line = build_header(place="x", status=status, note="", cells=100, now_local=datetime.now(UTC))
    assert "".join(text for text, _ in line).rstrip().endswith(said)


@pytest.mark.parametrize("cells", [120, 80, 60])
@pytest.mark.parametrize("note", ["", "sending 70 of 293"])
@pytest.mark.parametrize("unsent", [0, 291])
def test_the_header_says_which_platform_this_is(cells: int, note: str, unsent: int) -> None:
    status = Status(
        40_213, complete=True, synced_at=0.0, offline=False, syncing=False, unsent=unsent
    )
    line = build_header(
        place="127.0.0.1:18471 · jonas",
        status=status,
        note=note,
        cells=cells,
        now_local=datetime.now(UTC),
    )
    text = "".join(part for part, _ in line)
    assert "127.0.0.1:18471" in text
    assert not unsent or "291 unsent (L)" in text


def test_each_key_of_the_toolkit_can_be_set() -> None:
    odd = {"<any>", "<ignore>", "<scroll-down>", "<scroll-up>", "ctrl-at", "return"}
    names = {key.value for key in Keys} - odd
    assert [name for name in sorted(names) if not is_key(name)] == []
    defaults = {key for command in COMMANDS for key in command.keys}
    assert [key for key in sorted(defaults) if not is_key(key)] == []


def test_details_tell_of_runs_and_transfers_in_words() -> None:
    raw = {
        "id": "a1",
        "app_parameters": [{"name": "Probe", "value": "A"}],
        "nextflow_profile": "gpu",
        "last_transferred": 1_700_000_000,
        "transfer_error": "NoSuchBucket",
        "novelty": 1,
    }
    lines = build_rest(Record(parse_asset(raw)), 60)
    told = {line[0][0].strip(): "".join(text for text, _ in line[1:]) for line in lines}
    assert told["parameters"] == "Probe = A"
    assert told["profile"] == "gpu"
    assert told["transferred"].startswith("2023-11-1")
    assert told["not moved"] == "NoSuchBucket"
    assert told["novelty"] == "1"
    assert not {"app_parameters", "last_transferred", "transfer_error"} & told.keys()


@pytest.mark.parametrize("state", ["draft", "failed"])
def test_the_state_stands_in_for_the_type_only_without_a_column_of_its_own(state: str) -> None:
    row = msgspec.structs.replace(make_row(1), state=state)
    for chosen, words in (((), {state}), (("name", "type", "state"), {state, "dataset"})):
        text = "".join(piece for piece, _ in build_row(row, build_layout(100, chosen)))
        assert {word for word in ("draft", "failed", "dataset") if word in text} == words
