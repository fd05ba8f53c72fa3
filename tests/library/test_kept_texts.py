"""The one rule for kept texts: which a later change may take the place of."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from coexplorer.fields import Fields
from coexplorer.library.entries import KEPT, Action, Entry, EntryDraft, State
from coexplorer.library.kept_texts import has_words, is_same_file, may_give_up
from coexplorer.models import AssetId

ASSET = AssetId("a1")
BASE = Fields(name="a1", description="one\ntwo", tags=("x", "y"))
MINE = msgspec.structs.replace(BASE, description="one\nthree")
SAVES = {
    "the same": "one\nthree",
    "more": "one\nthree\nfour",
    "without": "engine carburettor piston",
    "half": "one\ntwo\nthree",
    "empty": "",
    "as before": "one\ntwo",
}
HAVE_WORDS = {"the same", "more"}
NEXT = ("another program", "its own program", "nobody knows")


def kept(**changes: object) -> Entry:
    entry = Entry(
        id=7,
        batch_id=7,
        at=1.0,
        origin="mount",
        asset_id=ASSET,
        asset_name="a1",
        action=Action.EDIT,
        state=State.REFUSED,
        base=BASE,
        mine=MINE,
    )
    return msgspec.structs.replace(entry, **changes)


def draft(text: str, continues: tuple[int, ...] = ()) -> EntryDraft:
    mine = msgspec.structs.replace(BASE, description=text)
    return EntryDraft(ASSET, "a1", Action.EDIT, BASE, mine, continues=continues)


@pytest.mark.parametrize(
    ("state", "looked_at", "origin", "following"),
    list(itertools.product(KEPT, (None, 5.0), ("mount", "cli", "tui"), NEXT)),
)
def test_a_text_that_nobody_knows_to_have_failed_goes_only_into_one_that_has_it(
    state: State, looked_at: float | None, origin: str, following: str
) -> None:
    entry = kept(state=state, looked_at=looked_at, origin=origin)
    is_known = origin != "mount" or looked_at is not None
    for save, text in SAVES.items():
        later = draft(text, (7,) if following == "its own program" else (8,))
        may = may_give_up(entry, None if following == "nobody knows" else later)

        has_it = following != "nobody knows" and save in HAVE_WORDS
        expected = is_known or has_it or following == "its own program"
        assert may is (expected and state is not State.UNKNOWN), save


@pytest.mark.parametrize(
    ("mine", "now", "expected"),
    [
        ({"tags": ("x", "y", "new")}, {"tags": ("y", "new")}, True),
        ({"tags": ("x", "y", "new")}, {"tags": ("x", "y", "other")}, False),
        ({"tags": ("y",)}, {"tags": ("y", "other")}, True),
        ({"tags": ("y",)}, {"tags": ("x", "y")}, False),
        ({"tags": ("y",)}, {"tags": ()}, False),
        ({"name": "b"}, {"name": "c"}, False),
        ({"name": "b", "description": "d"}, {"name": "b"}, False),
        ({"description": ""}, {"description": "anything"}, False),
    ],
)
def test_words_are_lines_and_tags(
    mine: dict[str, object], now: dict[str, object], *, expected: bool
) -> None:
    wanted, there = (msgspec.structs.replace(BASE, **each) for each in (mine, now))
    assert has_words(there, BASE, wanted) is expected


def test_what_says_nothing_may_go() -> None:
    later = draft("anything")
    empty = msgspec.structs.replace(BASE, description="")
    assert may_give_up(kept(mine=empty), later)
    assert may_give_up(kept(action=Action.ARCHIVE, base=None, mine=None), later)


def test_only_saves_of_the_same_file_in_a_mount_are_its_tries() -> None:
    save = msgspec.structs.replace(draft("text"), file="description")
    assert is_same_file(save, kept())
    assert not is_same_file(save, kept(origin="cli"))
    assert not is_same_file(save, kept(mine=msgspec.structs.replace(MINE, tags=("z",))))
    assert not is_same_file(draft("text"), kept())
