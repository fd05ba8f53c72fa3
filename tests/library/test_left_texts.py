"""Texts that an editor left: found, not while they are edited, and swept by a rule."""

import os
from pathlib import Path

import pytest

from coexplorer.library.left_texts import (
    KEPT_DAYS,
    Author,
    TextLock,
    drop_same,
    list_left,
    sweep_texts,
)

NOW = 1_800_000_000.0
BEFORE = "=== 0a1b2c3d-0000-4000-8000-000000000000\nname: x\n=== end\n"


def leave(folder: Path, name: str, text: str, *, before: str | None = BEFORE) -> Path:
    path = folder / "edits" / f"edit-{name}.coexplorer"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if before is not None:
        TextLock(path, before).release()
    return path


def test_a_changed_text_is_found_with_its_assets(tmp_path: Path) -> None:
    path = leave(tmp_path, "a", BEFORE.replace("x", "y"))
    (left,) = list_left(tmp_path)
    assert (left.path, left.before) == (path, BEFORE)
    assert left.assets == ("0a1b2c3d-0000-4000-8000-000000000000",)


def test_a_text_that_is_being_edited_belongs_to_its_editor(tmp_path: Path) -> None:
    path = leave(tmp_path, "a", "changed")
    lock = TextLock(path, BEFORE)
    os.utime(path, (0, 0))
    assert list_left(tmp_path) == []
    assert sweep_texts(tmp_path, NOW) == []
    lock.release()
    assert [each.path for each in list_left(tmp_path)] == [path]


def test_what_was_never_changed_goes(tmp_path: Path) -> None:
    path = leave(tmp_path, "a", BEFORE)
    assert list_left(tmp_path) == []
    assert not path.exists()


@pytest.mark.parametrize("before", [BEFORE, None])
def test_a_text_goes_after_its_days_and_is_named(tmp_path: Path, before: str | None) -> None:
    old, young = (leave(tmp_path, name, "changed", before=before) for name in "ab")
    os.utime(old, (NOW, NOW - (KEPT_DAYS + 1) * 86_400))
    os.utime(young, (NOW, NOW - (KEPT_DAYS - 1) * 86_400))
    assert sweep_texts(tmp_path, NOW) == [old]
    assert [each.path for each in list_left(tmp_path)] == [young]
    assert sweep_texts(tmp_path, NOW) == []


def test_bytes_that_are_no_text_stop_nobody(tmp_path: Path) -> None:
    path = leave(tmp_path, "a", "changed")
    path.write_bytes(b"\xff\xfe")
    (tmp_path / "edits" / "edit-b.coexplorer").mkdir()
    assert list_left(tmp_path) == []
    assert path.exists()


def test_of_tries_that_say_the_same_the_last_one_is_kept(tmp_path: Path) -> None:
    changed = BEFORE.replace("x", "y")
    leave(tmp_path, "first", changed)
    other = leave(tmp_path, "other", BEFORE.replace("x", "z"))
    edited = leave(tmp_path, "edited", changed)
    lock = TextLock(edited, BEFORE)
    last = leave(tmp_path, "last", changed)
    drop_same(tmp_path, last)
    lock.release()
    assert {each.path for each in list_left(tmp_path)} == {other, edited, last}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Author("a", "u", "p"), Author("a", "u", "q"), True),
        (Author("a", "u"), Author("a", ""), True),
        (Author("a", "u"), Author("b", "u"), False),
        (Author("a", "u"), Author("a", "v"), False),
        (Author("a", "u"), None, False),
    ],
)
def test_a_text_is_of_one_platform_and_one_user_not_of_a_profile(
    one: Author, other: Author | None, *, same: bool
) -> None:
    assert one.is_same(other) is same


def test_whose_a_text_is_is_kept_apart_from_what_it_was_made_from(tmp_path: Path) -> None:
    origin = Author("https://acme.codeocean.com", "jane@acme.org", "work")
    path = leave(tmp_path, "a", BEFORE.replace("x", "y"))
    TextLock(path, BEFORE, origin).release()
    (left,) = list_left(tmp_path)
    assert (left.origin, left.before, left.names) == (origin, BEFORE, ("x",))


def test_the_same_words_for_another_platform_are_another_text(tmp_path: Path) -> None:
    changed = BEFORE.replace("x", "y")
    paths = [leave(tmp_path, name, changed) for name in "ab"]
    for path, platform in zip(paths, ("a", "b"), strict=True):
        TextLock(path, BEFORE, Author(platform)).release()
    drop_same(tmp_path, paths[0])
    assert len(list_left(tmp_path)) == 2


@pytest.mark.parametrize(
    ("profile", "call"),
    [
        ("work", "coexplorer --profile work"),
        ("my work", "coexplorer --profile 'my work'"),
        ("environment", "CODEOCEAN_DOMAIN=https://acme.codeocean.com coexplorer"),
    ],
)
def test_a_text_tells_how_the_program_is_called_for_it(profile: str, call: str) -> None:
    assert Author("https://acme.codeocean.com", "", profile).call == call
