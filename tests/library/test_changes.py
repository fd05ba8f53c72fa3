"""What a bulk change would do to each asset."""

import pytest

from coexplorer.errors import InvalidField, Refused
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Action
from coexplorer.library.field_diffs import FieldDiff
from coexplorer.library.planning import build_plan
from coexplorer.library.selection import Fit
from coexplorer.models import Asset, AssetId, Membership, Record


def record(number: int, *tags: str, name: str = "reads", archived: bool | None = False) -> Record:
    asset = Asset(id=AssetId(f"id-{number}"), name=name, tags=tags)
    return Record(asset, Membership(archived=archived))


def test_tags_are_added_and_removed_and_the_rest_stays() -> None:
    change = Change(add_tags=("new", "b"), remove_tags=("a",))
    (item,) = build_plan([record(1, "a", "b", "c")], change).items
    assert item.mine.tags == ("b", "c", "new")
    assert item.diff == (FieldDiff("tags", "a, b, c", "b, c, new", ("new",), ("a",)),)
    assert change.title == "add tags new, b; remove tag a"


def test_asset_that_is_so_already_is_left_out() -> None:
    plan = build_plan([record(1, "a"), record(2)], Change(add_tags=("a",)))
    assert [item.asset_id for item in plan.todo] == ["id-2"]
    assert [item.reason for item in plan.skipped] == ["already has it"]


def test_tag_is_renamed_only_where_it_is() -> None:
    change = Change(add_tags=("new",), remove_tags=("old",), only_with=("old",))
    plan = build_plan([record(1, "old"), record(2, "other")], change)
    assert [item.mine.tags for item in plan.todo] == [("new",)]
    assert [item.reason for item in plan.skipped] == ["has no tag old"]
    assert plan.title == "rename tag old to new"
    merge = Change(add_tags=("c",), remove_tags=("a", "b"), only_with=("a", "b", "c"))
    assert merge.title == "rename tags a, b to c"


def test_asset_that_is_not_archived_is_not_deleted() -> None:
    records = [record(1, archived=True), record(2), record(3, archived=None)]
    plan = build_plan(records, Change(delete=True))
    assert [item.asset_id for item in plan.todo] == ["id-1", "id-3"]  # sending looks at id-3 again
    assert {item.reason for item in plan.skipped} == {"not archived: archive it first"}
    both = build_plan(records, Change(delete=True, archive_first=True))
    assert [item.archive_first for item in both.todo] == [False, True, True]


def test_archiving_skips_what_is_archived_where_a_query_found_it() -> None:
    records = [record(1, archived=True), record(2), record(3, archived=None)]
    fits = {each.asset.id: Fit("is:any") for each in records}
    archive = build_plan(records, Change(archive=True), fits)
    assert [item.asset_id for item in archive.todo] == ["id-2", "id-3"]
    unarchive = build_plan(records, Change(archive=False), fits)
    assert [item.action for item in unarchive.todo] == [Action.UNARCHIVE] * 2


@pytest.mark.parametrize("archive", [True, False])
def test_archiving_asks_again_of_what_was_named(archive: bool) -> None:  # noqa: FBT001 - a case
    records = [record(1, archived=True), record(2), record(3, archived=None)]
    fits = {records[0].asset.id: Fit(name="reads")}
    assert len(build_plan(records, Change(archive=archive), fits).todo) == 3


@pytest.mark.parametrize(
    "change",
    [Change(), Change(values={"name": "x"}, delete=True), Change(archive=True, delete=True)],
)
def test_change_is_of_one_kind(change: Change) -> None:
    with pytest.raises(Refused):
        build_plan([record(1)], change)


def test_value_that_must_not_be_sent_ends_the_plan() -> None:
    with pytest.raises(InvalidField, match="line break"):
        build_plan([record(1)], Change(add_tags=("a\nb",)))


def test_odd_tag_that_an_asset_has_already_stops_no_change_of_another() -> None:
    (item,) = build_plan([record(1, "old", "\x1b[31m")], Change(add_tags=("new",))).items
    assert item.mine.tags == ("old", "\x1b[31m", "new")
    with pytest.raises(InvalidField, match="control character"):
        build_plan([record(1, "old")], Change(add_tags=("\x1b[31m",)))
