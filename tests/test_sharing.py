"""Who can see an asset, as a value: read, changed, merged member by member, compared, told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.errors import InvalidField
from coexplorer.sharing.changes import (
    SharingChange,
    compare_roles,
    differ,
    fill_base,
    loses_ownership,
    merge_sharing,
)
from coexplorer.sharing.roles import EVERYONE, NONE, Sharing, list_members, list_roles
from coexplorer.sharing.sentences import tell_conflict, tell_lacking
from coexplorer.sharing.written import (
    format_sharing,
    parse_changes,
    parse_grant,
    parse_sharing_text,
)

PEOPLE = ("a@x", "b@x", "c@x")
GROUPS = ("Imaging", "Stewards")
MEMBERS = (*(f"user {each}" for each in PEOPLE), *(f"group {each}" for each in GROUPS), EVERYONE)
roles = st.sampled_from(["owner", "editor", "viewer", NONE])
changes = st.dictionaries(st.sampled_from(MEMBERS), roles)
sharings = changes.map(lambda each: Sharing().with_roles(each))


def all_roles(sharing: Sharing) -> dict[str, str]:
    return {member: sharing.role_of(member) for member in MEMBERS}


@given(sharings, changes)
def test_who_shares_alone_gets_what_they_want(theirs: Sharing, mine: dict[str, str]) -> None:
    for base in ({}, all_roles(theirs)):
        merged = merge_sharing(base, mine, theirs)
        assert not merged.conflicts
        assert compare_roles(mine, merged.sharing) == {}
        others = [member for member in MEMBERS if member not in mine]
        assert all(merged.sharing.role_of(each) == theirs.role_of(each) for each in others)


@given(sharings, changes, changes)
def test_two_at_once_lose_nothing_unseen(
    base: Sharing, mine: dict[str, str], yours: dict[str, str]
) -> None:
    theirs = base.with_roles(yours)
    merged = merge_sharing(all_roles(base), mine, theirs)
    for member in MEMBERS:
        had, has, now = base.role_of(member), theirs.role_of(member), merged.sharing.role_of(member)
        want = mine.get(member, had)
        if want == had:
            assert now == has  # only they changed it
        elif has == had:
            assert now == want  # only I did
        else:
            assert now == has
            assert (member in merged.conflicts) is (want != has)
    assert merged.sharing == theirs.with_roles(merged.after)


@given(sharings, changes)
def test_what_was_done_can_be_taken_back(theirs: Sharing, mine: dict[str, str]) -> None:
    done = merge_sharing({}, mine, theirs)
    back = merge_sharing(done.after, done.before, done.sharing)
    assert not back.conflicts
    assert back.sharing.same_as(theirs)


def test_addresses_are_the_same_in_capitals_and_keep_the_spelling_of_the_platform() -> None:
    now = Sharing({"Maya@X.org": "viewer"}, {"Imaging": "viewer"})
    merged = merge_sharing({}, {"user maya@x.org": "editor", "group imaging": "editor"}, now)
    assert merged.sharing.users == {"Maya@X.org": "editor"}
    assert merged.sharing.groups == {"Imaging": "viewer", "imaging": "editor"}  # names are names
    assert now.same_as(Sharing({"maya@x.org": "viewer"}, {"Imaging": "viewer"}))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("user", "a@x:viewer", ("user a@x", "viewer")),
        ("user", " a@x : Viewer ", ("user a@x", "viewer")),
        ("user", "a:b@x:owner", ("user a:b@x", "owner")),
        ("group", "Data stewards:discoverable", ("group Data stewards", "discoverable")),
        ("group", "a@x:none", ("group a@x", "none")),
        ("group", "Lab: imaging:viewer", ("group Lab: imaging", "viewer")),
        ("user", "a@x:y:none", ("user a@x:y", "none")),  # whoever was let in can be kept out
    ],
)
def test_grants_are_read(kind: str, text: str, expected: tuple[str, str]) -> None:
    assert parse_grant("user" if kind == "user" else "group", text) == expected


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("user", "a@x", "expected NAME:ROLE, as in maya@example.org:viewer"),
        ("user", ":viewer", "expected NAME:ROLE"),
        ("group", "Imaging:", "a group can be owner, editor, viewer, discoverable or none"),
        ("user", "a@x:discoverable", "a user can be owner, editor, viewer or none, not 'disc"),
        ("user", "a@x:reader", "not 'reader'"),
        ("user", "a\x1b[1m@x:viewer", "expected an address or a group's name"),
        ("user", "a" * 400 + ":viewer", "expected an address or a group's name"),
        ("user", "a@x:edypeveryone:viewer", "expected one name before the role, not 'a@x:edyp"),
        ("user", "a@x b@x.org c:viewer", "expected one name before the role"),
        ("user", "A <a@x>:viewer", "expected one name before the role"),
        ("group", "everyone:ed:viewer", "expected one name before the role"),
        ("group", "Imaging:editor:viewer", "expected one name before the role"),
    ],
)
def test_a_wrong_grant_says_what_is_right(kind: str, text: str, told: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_grant("user" if kind == "user" else "group", text)
    assert told in caught.value.message


@given(sharings)
def test_lines_say_who_can_see_it(sharing: Sharing) -> None:
    text = format_sharing(sharing)
    assert parse_sharing_text(text, sharing).same_as(sharing)
    assert parse_sharing_text(f"\ufeff# x\r\n\n{text}", sharing).same_as(sharing)


def test_what_lines_change_is_told_by_member() -> None:
    before = Sharing({"a@x": "owner", "b@x": "tester"}, {"G": "viewer"})
    after = parse_sharing_text("everyone: viewer\nuser A@X : owner\nuser b@x: tester\n", before)
    assert differ(before, after) == (
        {"group G": "viewer", EVERYONE: NONE},
        {"group G": NONE, EVERYONE: "viewer"},
    )


@pytest.mark.parametrize("name", ["two\nlines", " blanks ", "a:\tb"])
def test_names_that_lines_cannot_say_are_never_lost(name: str) -> None:
    before = Sharing({"a@x": "owner"}, {name: "viewer"})
    with pytest.raises(InvalidField, match=r"can't be written here|expected"):
        parse_sharing_text(format_sharing(before), before)


def test_a_line_of_changes_is_read() -> None:
    change = parse_changes("everyone: Viewer, a@x:editor,, Data stewards:none ")
    assert change.roles == {EVERYONE: "viewer", "user a@x": "editor", "group Data stewards": NONE}
    assert change.takes_away


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected NAME:ROLE"),
        ("a@x", "expected NAME:ROLE"),
        ("everyone:owner", "everyone can be viewer, discoverable or none, not 'owner'"),
        ("a@x:viewer, a@x:editor", "a@x is given two roles"),
    ],
)
def test_a_wrong_line_of_changes_says_what_is_right(text: str, told: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_changes(text)
    assert told in caught.value.message


def test_ten_thousand_members_are_read_merged_and_compared_in_time() -> None:
    """Each takes milliseconds; what looks through all members for each of them takes minutes."""
    before = Sharing({f"u{n}@example.org": "viewer" for n in range(10_000)})
    theirs = Sharing({f"U{n}@example.org": "viewer" for n in range(10_000)})
    mine = parse_sharing_text(format_sharing(before).replace(": viewer", ": editor"), before)
    was, wanted = differ(before, mine)
    assert len(was) == 10_000
    merged = merge_sharing(was, wanted, theirs)
    assert not compare_roles(wanted, merged.sharing)
    assert merged.sharing.spell("user u7@example.org") == "user U7@example.org"


def test_removals_mean_whoever_is_called_so_and_has_access() -> None:
    change = SharingChange({EVERYONE: "viewer"}, ("A@X", "Imaging"))
    now = Sharing({"a@x": "viewer"}, {"Imaging": "editor"})
    assert change.ask_of(now) == {EVERYONE: "viewer", "user a@x": NONE, "group Imaging": NONE}
    nobody = change.ask_of(Sharing())
    assert merge_sharing({}, nobody, Sharing()).after == {EVERYONE: "viewer"}
    assert set(change.ask_of(None)) == {
        *(EVERYONE, "user A@X", "group A@X", "user Imaging", "group Imaging")
    }


def test_a_change_has_a_title() -> None:
    change = SharingChange({EVERYONE: "viewer", "user a@x": "editor", "group G": NONE}, ("b@x",))
    assert change.title == (
        "share with everyone as viewer; share with a@x as editor; no access for b@x, G"
    )


def test_what_the_platform_left_out_is_told() -> None:
    wanted = {"user a@x": "viewer", "group G": "viewer", "user b@x": NONE, "user c@x": "editor"}
    before = {"user b@x": "owner", "user c@x": "viewer"}
    now = Sharing({"b@x": "owner", "c@x": "viewer"})
    lacking = compare_roles(wanted, now)
    assert tell_lacking(lacking, wanted, before) == (
        "a@x and G are not known there; b@x still has the role owner;"
        " c@x still has the role viewer, not the role editor"
    )
    assert tell_lacking({}, wanted, before) == ""


def test_a_conflict_is_told() -> None:
    theirs = Sharing({"a@x": "editor"})
    told = tell_conflict(
        ["user a@x", "group G"], {"user a@x": "viewer", "group G": "owner"}, theirs
    )
    assert told == (
        "a@x was given editor elsewhere, not viewer; the access of G was taken away elsewhere"
    )


def test_one_s_own_right_is_not_lost_unseen() -> None:
    both = Sharing({"me@x": "owner", "you@x": "owner"})
    assert loses_ownership(both, both.with_roles({"user ME@x": "viewer"}), "me@x")
    assert not loses_ownership(both, both.with_roles({"user you@x": NONE}), "me@x")
    assert loses_ownership(both, both.with_roles({"user you@x": NONE}), "")  # who knows
    alone = Sharing({"you@x": "owner", "me@x": "editor"})
    assert loses_ownership(alone, alone.with_roles({"user you@x": NONE}), "me@x")
    assert not loses_ownership(Sharing(), Sharing(), "")


def test_members_are_listed_for_people() -> None:
    sharing = Sharing({"b@x": "viewer", "a@x": "owner"}, {"G": "editor"}, "discoverable")
    assert list_members(sharing) == [
        (EVERYONE, "discoverable"),
        ("group G", "editor"),
        ("user a@x", "owner"),
        ("user b@x", "viewer"),
    ]
    assert list_roles("everyone") == ("viewer", "discoverable", "none")


@pytest.mark.parametrize(
    "line",
    ["user j@e.org: viewer", "user j@e.org viewer", "j@e.org: viewer", "j@e.org VIEWER"],
)
def test_what_can_only_be_meant_one_way_is_taken(line: str) -> None:
    before = Sharing({"m@e.org": "owner"})
    read = parse_sharing_text(f"user m@e.org: owner\neveryone viewer\n{line}\n", before)
    assert read == Sharing({"m@e.org": "owner", "j@e.org": "viewer"}, {}, "viewer")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("Imaging viewer", "group Imaging: viewer"),
        ("Imaging: viewer", "group Imaging: viewer"),
        ("group Imaging viewer", "group Imaging: viewer"),
        ("viewer: user j@e.org", "user j@e.org: viewer"),
        ("group Imaging: vieuwer", "group Imaging: viewer"),
        ("Imaging", ""),
        ("everyone: owner", ""),
    ],
)
def test_a_line_that_can_t_be_read_is_told_with_what_it_may_have_meant(
    line: str, meant: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_sharing_text(f"user m@e.org: owner\n{line}\n", Sharing({"m@e.org": "owner"}))
    assert caught.value.message.partition("; did you mean: ")[2] == meant


def test_a_role_that_nobody_could_see_is_never_gone_over() -> None:
    wanted = {"user maya@x.org": "viewer", "group imaging": NONE, EVERYONE: "viewer"}
    now = Sharing({"maya@x.org": "owner"}, {"imaging": "editor"}, "viewer")
    merged = merge_sharing(fill_base({}, wanted, now), wanted, now)
    assert merged.conflicts == ("user maya@x.org", "group imaging")
    assert tell_conflict(merged.conflicts, wanted, now, seen={}) == (
        "maya@x.org has the role owner, which could not be seen when you asked for viewer;"
        " imaging has the role editor, which could not be seen when you asked for no access"
    )
    seen = {"user maya@x.org": "owner", "group imaging": "editor"}
    merged = merge_sharing(fill_base(seen, wanted, now), wanted, now)
    assert merged.after == {"user maya@x.org": "viewer", "group imaging": NONE}
    alone = merge_sharing(fill_base({}, wanted, Sharing()), wanted, Sharing())
    assert alone.after == {"user maya@x.org": "viewer", EVERYONE: "viewer"}
