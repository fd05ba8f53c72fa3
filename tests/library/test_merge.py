"""The three-way merge, by its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.errors import InvalidField
from coexplorer.fields import Fields, changed_fields
from coexplorer.library.merge import Merged, merge_fields, merge_tags
from coexplorer.library.validate import check_fields, tidy_fields

few_tags = st.lists(st.sampled_from("abcde"), unique=True).map(tuple)
few_fields = st.builds(
    Fields,
    name=st.sampled_from(["n1", "n2", "n3"]),
    description=st.sampled_from(["", "d1", "d2"]),
    tags=few_tags,
    mount=st.sampled_from([None, "", "m1", "m2"]),
)


@given(few_fields, few_fields)
def test_who_changed_nothing_takes_what_is_there(base: Fields, theirs: Fields) -> None:
    assert merge_fields(base, base, theirs) == Merged(theirs)


@given(few_fields, few_fields)
def test_who_edits_alone_gets_what_they_want(base: Fields, mine: Fields) -> None:
    merged = merge_fields(base, mine, base)
    assert merged.fields.same_as(mine)
    assert merged.conflicts == ()
    assert merged.changed == changed_fields(base, mine)


@given(few_fields, few_fields)
def test_both_wanting_the_same_is_no_conflict(base: Fields, mine: Fields) -> None:
    assert merge_fields(base, mine, mine) == Merged(mine)


@given(few_fields, few_fields, few_fields)
def test_sides_can_be_exchanged(base: Fields, one: Fields, other: Fields) -> None:
    here, there = merge_fields(base, one, other), merge_fields(base, other, one)
    assert here.conflicts == there.conflicts
    assert set(here.fields.tags) == set(there.fields.tags)
    if not here.conflicts:
        assert here.fields.same_as(there.fields)


@given(few_fields, few_fields, few_fields)
def test_no_change_of_either_side_is_lost_unseen(base: Fields, one: Fields, other: Fields) -> None:
    merged = merge_fields(base, one, other)
    for side in (one, other):
        for field in changed_fields(base, side):
            if field == "tags":
                assert set(side.tags) - set(base.tags) <= set(merged.fields.tags)
                assert not (set(base.tags) - set(side.tags)) & set(merged.fields.tags)
            else:
                kept = (getattr(merged.fields, field) or "") == (getattr(side, field) or "")
                assert kept or field in merged.conflicts


@given(few_tags, few_tags, few_tags)
def test_tags_keep_the_order_that_was_there(
    base: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    merged = merge_tags(base, mine, theirs)
    assert len(set(merged)) == len(merged)
    kept = [tag for tag in theirs if tag in merged]
    assert list(merged[: len(kept)]) == kept


def test_other_fields_merge_beside_one_in_conflict() -> None:
    merged = merge_fields(
        Fields("a", "old", ("x",)), Fields("b", "new", ("x", "y")), Fields("c", "old", ("z",))
    )
    assert merged == Merged(
        Fields("c", "new", ("z", "y")), conflicts=("name",), changed=("description", "tags")
    )


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        (Fields(""), "name", "can't be empty"),
        (Fields(" \t"), "name", "can't be empty"),
        (Fields("a\nb"), "name", "a line break at character 2"),
        (Fields("a\x7f"), "name", r"U\+007F"),
        (Fields("a\udcff"), "name", "not valid UTF-8 at character 2"),
        (Fields("a", "x\udc80"), "description", "not valid UTF-8"),
        (Fields("a", "x\0"), "description", "NUL"),
        (Fields("a", tags=("ok", "")), "tags", "can't be empty"),
        (Fields("a", tags=("b\nc",)), "tags", "line break"),
        (Fields("a", tags=("b\n",)), "tags", "line break"),
        (Fields("a", tags=("b\u2028c",)), "tags", "line break"),
        (Fields("a", tags=("\ud800",)), "tags", "not valid UTF-8"),
        (Fields("a", mount="/data"), "mount", "without a leading /"),
        (Fields("a", mount="a/../b"), "mount", "relative folder"),
        (Fields("a", mount=".."), "mount", "relative folder"),
        (Fields("a", mount="a//b"), "mount", "relative folder"),
        (Fields("a", mount="a\x01"), "mount", "control character"),
        (Fields("a\u200bb"), "name", r"an invisible character \(U\+200B\) at character 2"),
        (Fields("a", tags=("x\u202ey",)), "tags", r"an invisible character \(U\+202E\)"),
        (Fields("a", mount="x\ufeff/y"), "mount", r"an invisible character \(U\+FEFF\)"),
    ],
)
def test_value_that_must_not_be_sent_is_named(fields: Fields, field: str, says: str) -> None:
    with pytest.raises(InvalidField, match=says) as caught:
        check_fields(fields)
    assert caught.value.field == field


def test_value_that_nobody_touched_is_no_obstacle() -> None:
    check_fields(Fields("fine", mount="/odd"), only=["name"])
    check_fields(Fields("ok", "line\nline\ttab", ("a b", "ü"), "reads/raw"))


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("mine", "tidy"),
    [
        (Fields(" \ufeffname\r\n"), Fields("name")),
        (Fields("\u200bname\u2060 \u200b"), Fields("name")),
        (Fields(FAMILY, FAMILY, (FAMILY,), FAMILY), Fields(FAMILY, FAMILY, (FAMILY,), FAMILY)),
        (Fields("n", tags=(" a ", "a", "\ufeffb\r")), Fields("n", tags=("a", "b"))),
        (Fields("n", mount=" m\r\n"), Fields("n", mount="m")),
        (Fields("n", "\ufeff one\r\ntwo \n"), Fields("n", " one\ntwo \n")),
        (Fields("n", "a\u200bb\u202e"), Fields("n", "a\u200bb\u202e")),
    ],
)
def test_what_tools_add_is_taken_off_what_was_written(mine: Fields, tidy: Fields) -> None:
    assert tidy_fields(mine) == tidy
    check_fields(tidy)


def test_what_the_platform_has_stays_as_it_is() -> None:
    base = Fields(" n", "\ufeffa\r\nb", (" a ",), " m")
    assert tidy_fields(base, base) == base
    mine = Fields(" n", "\ufeffa\r\nb\r\nc", (" a ", " b "), " m")
    assert tidy_fields(mine, base) == Fields(" n", mine.description, (" a ", "b"), " m")
