"""Changes in the log, and how a batch ended, as lines and words."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from coexplorer.errors import Forbidden
from coexplorer.fields import Fields
from coexplorer.library.entries import Action, Batch, Cause, Entry, Purpose, Reason, State
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.results import BatchReport, EditResult
from coexplorer.models import AssetId
from coexplorer.text import width
from coexplorer.tui.changes import (
    build_change_details,
    build_change_line,
    build_log_title,
    build_part_line,
    describe_origin,
    describe_purpose,
    describe_reversal,
    tell_when,
)
from coexplorer.tui.columns import Line
from coexplorer.tui.diffs import build_entry_details, build_plan_title, build_report
from coexplorer.tui.keys import key_of

NOW = datetime(2026, 11, 28, 13, 0, tzinfo=UTC)
DENIED = Forbidden("you can read but not change this asset", hint="ask its owner")


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def batch(title: str, purpose: Purpose = Purpose.DO, **counts: int) -> Batch:
    at = NOW.timestamp() - 86_400
    return Batch(7, at, "cli", title, purpose, None, dict(counts))


def result(number: int, state: State, error: Forbidden | None = None) -> EditResult:
    name = f"asset {number}"
    return EditResult(number, 7, AssetId(str(number)), name, Action.EDIT, state, error=error)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (batch("add tag zz", applied=105), "undo: add tag zz, 105 assets"),
        (batch("undo: add tag zz", Purpose.UNDO, applied=105), "redo: add tag zz, 105 assets"),
        (batch("redo: add tag zz", Purpose.REDO, applied=105), "undo: add tag zz, 105 assets"),
        (batch("undo: redo: undo: x", Purpose.UNDO, applied=1), "redo: x"),
        (batch("archive undo: of mine", applied=1), "undo: archive undo: of mine"),
        (batch("undo: my own title", applied=1), "undo: undo: my own title"),
    ],
)
def test_what_is_taken_back_is_named_once_however_often_it_was(made: Batch, said: str) -> None:
    assert describe_purpose(made) == said


def test_the_moment_is_told_as_people_say_it() -> None:
    assert tell_when(NOW.timestamp(), NOW) == "today 13:00"
    assert describe_origin(batch("x", applied=1), NOW) == "yesterday 13:00, by cli"
    assert tell_when(0, NOW) == "1970-01-01 00:00"


@pytest.mark.parametrize("cells", [20, 40, 69, 70, 80, 120, 200])
def test_a_change_is_one_line_in_any_width(cells: int) -> None:
    many = batch("add tag \x1b]52;c;x\x07 日本", applied=96, unsent=5629)
    line = text_of(build_change_line(many, cells, NOW))
    assert width(line) <= cells
    assert "\x1b" not in line
    assert line.startswith("!▸")
    if cells >= 120:
        assert "96 applied, 5,629 unsent" in line


def test_the_details_of_a_change_group_its_reasons() -> None:
    reasons = [Reason(State.REFUSED, DENIED.message, DENIED.hint, 218)]
    many = batch("add tag x", applied=5, refused=218)
    said = [text_of(line) for line in build_change_details(many, reasons, 100, NOW)]
    assert "218 x refused: you can read but not change this asset" in said
    assert "ask its owner" in said


def test_the_title_says_that_it_is_still_being_read() -> None:
    assert build_log_title(None, {State.UNSENT: 2}) == "Log: reading…"
    assert build_log_title(1, {}) == "Log: 1 change"
    kept = {State.REFUSED: 218, State.UNSENT: 2, State.UNKNOWN: 3}
    assert build_log_title(1234, kept) == "Log: 1,234 changes, 2 unsent, 3 unknown, 218 refused"


def test_a_reason_that_many_have_stands_once_with_their_names_below() -> None:
    refused = [result(number, State.REFUSED, DENIED) for number in range(30)]
    unsent = [result(30, State.UNSENT, Forbidden("something else"))]
    done = [result(31, State.APPLIED)]
    outcomes = build_report(BatchReport(7, "x", (*done, *unsent, *refused)), 100)
    lines = [text_of(outcome.line) for outcome in outcomes]
    assert lines[0].startswith("refused")
    assert lines[0].endswith("30 x you can read but not change this asset")
    assert sum("you can read" in line for line in lines) == 1
    assert [outcome.result for outcome in outcomes[1:31]] == refused
    assert lines[31].startswith("unsent")
    assert lines[32].startswith("applied")


def test_what_was_so_already_is_one_line_below_what_failed() -> None:
    same = [
        msgspec.structs.replace(
            result(number, State.SKIPPED, Forbidden("not changed: it was so already")),
            needless=True,
        )
        for number in range(30)
    ]
    failed = [result(30, State.CONFLICT, Forbidden("somebody changed it"))]
    lines = [
        text_of(outcome.line)
        for outcome in build_report(BatchReport(7, "x", (*same, *failed)), 100)
    ]
    assert [line.split()[0] for line in lines] == ["conflict", "skipped"]
    assert "30 x not changed" in lines[1]


@pytest.mark.parametrize("cells", [80, 120])
def test_an_outcome_is_not_cut_where_the_title_leaves_room(cells: int) -> None:
    many = batch("add tag x", applied=12_096, unsent=14_072, conflict=3)
    assert many.outcome in text_of(build_change_line(many, cells, NOW))


@pytest.mark.parametrize(
    ("results", "said", "is_well"),
    [
        ([result(1, State.APPLIED)], "undone: rename", True),
        ([result(1, State.REFUSED, DENIED)], f"not undone: rename: {DENIED.message}", False),
        (
            [result(1, State.APPLIED), result(2, State.REFUSED, DENIED)],
            f"undone: rename; not all of it: {DENIED.message}",
            False,
        ),
    ],
)
def test_what_could_not_be_undone_is_told_with_its_reason(
    results: list[EditResult],
    said: str,
    is_well: bool,  # noqa: FBT001 - a row of a table
) -> None:
    report = BatchReport(7, "x", tuple(results))
    assert describe_reversal(batch("rename", applied=1), report) == (said, is_well)


def test_thousands_have_a_comma() -> None:
    assert (
        build_log_title(1_234, {State.UNSENT: 5_678, State.REFUSED: 9_012})
        == "Log: 1,234 changes, 5,678 unsent, 9,012 refused"
    )
    fields = Fields(name="an asset", description="", tags=(), mount="")
    item = PlanItem(AssetId("1"), "an asset", Action.ARCHIVE, fields, fields)
    left = msgspec.structs.replace(item, reason="it is archived already")
    plan = Plan("archive", (item,) * 1_200 + (left,) * 3_400)
    outside = frozenset({AssetId("1")})
    assert (
        build_plan_title(plan, outside)
        == "archive: 1,200 assets (1,200 not in the list), 3,400 left out"
    )


@pytest.mark.parametrize(
    ("action", "state", "named"),
    [
        (Action.EDIT, State.CONFLICT, True),
        (Action.EDIT, State.UNSENT, False),
        (Action.DELETE, State.CONFLICT, False),
    ],
)
def test_a_conflict_names_the_key_that_opens_it(
    action: Action,
    state: State,
    named: bool,  # noqa: FBT001  a parameter
) -> None:
    entry = Entry(1, 1, NOW.timestamp(), "tui", AssetId("1"), "an asset", action, state)
    said = "\n".join(text_of(line) for line in build_entry_details(entry, 80))
    assert (f"{key_of('log.unfold')} shows both versions" in said) is named


@pytest.mark.parametrize("state", [*State, "given_up"])
def test_each_outcome_is_called_the_same_in_every_list(state: str) -> None:
    gave_up = state == "given_up"
    end = State.APPLIED if gave_up else State(state)
    cause = Cause.GIVEN_UP if gave_up else None
    entry = Entry(1, 7, 0.0, "cli", AssetId("a"), "x", Action.EDIT, end, cause=cause)
    given_up = {end.value: 1} if gave_up else {}
    single = Batch(7, 0.0, "cli", "x", Purpose.UNDO, None, {end.value: 1}, given_up=given_up)
    outcome = msgspec.structs.replace(result(1, end), withdrawn=gave_up)
    told = {"given_up": "given up", "planned": "to be sent", "intended": "being sent"}.get(
        state, state
    )
    assert entry.told == outcome.told == told
    assert text_of(build_part_line(entry, 100))[1:].split("  ")[2].strip() == told
    assert text_of(build_change_line(single, 100, NOW)).rstrip().endswith(told)
    reasons = [Reason(end, "why", "", 1, cause)]
    said = [text_of(line) for line in build_change_details(single, reasons, 100, NOW)]
    assert any(line.startswith(f"{told}: ") for line in said)
    lines = build_report(BatchReport(7, "x", (outcome,)), 100)
    assert all(text_of(line.line).startswith(told) for line in lines if line.result == outcome)
    if state != State.STOPPED:
        assert single.outcome == f"1 {told}"
    else:
        assert single.outcome == "stopped, 1 not sent"
