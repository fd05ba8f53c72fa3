"""The journal: what is in it before and after a request, whoever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from coexplorer.errors import Forbidden, JournalError, UndoRefused, Unreachable
from coexplorer.fields import Fields
from coexplorer.library.entries import (
    FOUND,
    GIVEN_UP,
    KEPT,
    RESTORED,
    SET_ASIDE,
    WAITING,
    Action,
    Cause,
    EntryDraft,
    Purpose,
    State,
)
from coexplorer.library.journal import Journal
from coexplorer.models import AssetId
from tests.support.disk import no_room_on_the_disk
from tests.support.patience import stretched

OLD, NEW = Fields("old", tags=("a",)), Fields("new", "text", ("a", "b"), "m")
DRAFT = EntryDraft(AssetId("id-1"), "old", Action.EDIT, OLD, NEW)
OTHER = msgspec.structs.replace(DRAFT, asset_id=AssetId("id-2"))


def reversal_of(entry: int) -> EntryDraft:
    return EntryDraft(AssetId("id-1"), "old", Action.EDIT, NEW, OLD, reverses=entry)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "state" / "journal.sqlite3", origin="cli")
    yield made
    made.close()


def test_edit_is_read_back_as_it_was_written(journal: Journal) -> None:
    batch, (number,) = journal.begin([DRAFT], title="edit old")
    journal.intend(number, before=OLD, after=NEW)
    journal.settle(number, State.APPLIED)
    entry = journal.entry(number)
    assert entry is not None
    assert (entry.base, entry.mine, entry.before, entry.after) == (OLD, NEW, OLD, NEW)
    assert (entry.batch_id, entry.origin, entry.state) == (batch, "cli", State.APPLIED)
    assert entry.settled_at is not None
    assert [found.title for found in journal.batches(limit=10)] == ["edit old"]
    assert journal.batches(limit=10)[0].counts == {"applied": 1}


def test_files_are_for_their_owner_only(journal: Journal, tmp_path: Path) -> None:
    journal.begin([DRAFT], title="edit")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert modes == {0o600, 0o700}


@pytest.mark.parametrize("reason", [WAITING, "the platform can't be reached"])
def test_what_a_mount_has_in_case_it_ends_takes_nothing_from_a_save_on_its_way(
    journal: Journal, reason: str
) -> None:
    save = msgspec.structs.replace(DRAFT, base=Fields("old", "had"), mine=Fields("old", "a text"))
    _, (saved,) = journal.begin([save], title="a save")
    entry = journal.entry(saved)
    assert entry is not None
    mine, state = Fields("old", ""), State.UNSENT
    blank = msgspec.structs.replace(save, mine=mine, state=state, reason=reason, waits=True)
    journal.begin([blank], title="written down meanwhile")

    assert journal.leave_to_later(entry) == (entry if reason == WAITING else None)


def test_those_that_wait_are_on_top_of_the_log(journal: Journal) -> None:
    _, (first,) = journal.begin([DRAFT], title="first")
    journal.settle(first, State.UNSENT, error=Unreachable("no way", hint="try later"))
    _, (second,) = journal.begin([OTHER], title="second")
    journal.settle(second, State.APPLIED)
    log = journal.log(limit=10, offset=0)
    assert [entry.id for entry in log] == [first, second]
    assert (log[0].reason, log[0].hint) == ("no way", "try later")
    assert journal.count_pending() == 1
    assert journal.pending(OTHER.asset_id) == []


def test_the_log_comes_in_pages(journal: Journal) -> None:
    _, entries = journal.begin([DRAFT] * 7, title="edit")
    for entry in entries:
        journal.settle(entry, State.UNSENT if entry in entries[:3] else State.APPLIED)
    whole = [entry.id for entry in journal.log(limit=10, offset=0)]
    assert whole == [*reversed(entries[:3]), *reversed(entries[3:])]
    for limit in range(1, 8):
        pages = [journal.log(limit=limit, offset=at) for at in range(0, 10, limit)]
        assert [entry.id for page in pages for entry in page] == whole


def test_newest_batch_that_did_something_is_the_one_to_undo(journal: Journal) -> None:
    done, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    journal.begin([DRAFT], title="failed")
    found = journal.find_undoable()
    assert found is not None
    assert found.id == done
    undo, (back,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    journal.settle(back, State.APPLIED)
    assert journal.find_undoable() is None
    redo = journal.find_redoable()
    assert redo is not None
    assert (redo.id, redo.reverses) == (undo, done)


@pytest.mark.parametrize("state", State)
def test_a_change_counts_as_undone_when_the_undo_has_done_it_and_not_before(
    journal: Journal, state: State
) -> None:
    done, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (back,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    assert_stands(journal, entry, stands=True)
    journal.settle(back, state)
    assert_stands(journal, entry, stands=state not in (State.APPLIED, State.UNCHANGED))
    batch = journal.batch(done)
    assert batch is not None
    assert batch.undone == (0 if state not in (State.APPLIED, State.UNCHANGED) else 1)


def assert_stands(journal: Journal, number: int, *, stands: bool) -> None:
    entry, found = journal.entry(number), journal.find_undoable()
    assert entry is not None
    assert entry.was_undone is not stands
    assert (found is not None) is stands


def test_what_an_undo_left_alone_can_still_be_undone(journal: Journal) -> None:
    _, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (back,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    journal.settle(back, State.APPLIED, whole=False)
    assert_stands(journal, entry, stands=True)


@pytest.mark.parametrize("state", [State.UNSENT, State.CONFLICT, State.REFUSED])
def test_a_new_undo_takes_the_place_of_one_that_was_not_sent(
    journal: Journal, state: State
) -> None:
    _, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (first,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    journal.settle(first, state)
    _, (second,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    given_up = journal.entry(first)
    assert given_up is not None
    assert given_up.state is State.DISCARDED
    journal.settle(second, State.APPLIED)
    assert_stands(journal, entry, stands=False)


@pytest.mark.parametrize("state", [None, State.UNKNOWN, State.APPLIED])
def test_nothing_is_taken_back_twice(journal: Journal, state: State | None) -> None:
    _, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (back,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    if state is not None:
        journal.settle(back, state)
    with pytest.raises(UndoRefused, match="already"):
        journal.begin([DRAFT, reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    assert journal.count_batches() == 2


def test_what_may_have_arrived_is_not_discarded(journal: Journal) -> None:
    _, (entry,) = journal.begin([DRAFT], title="lost")
    journal.settle(entry, State.UNKNOWN)
    assert not journal.discard(entry)
    assert journal.discard_all([entry]) == 0
    assert [each.state for each in journal.kept()] == [State.UNKNOWN]


@pytest.mark.parametrize("state", [state for state in KEPT if state is not State.UNKNOWN])
def test_undo_that_is_given_up_leaves_the_change_standing(journal: Journal, state: State) -> None:
    _, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (back,) = journal.begin([reversal_of(entry)], title="undo", purpose=Purpose.UNDO)
    journal.settle(back, state)
    assert journal.discard(back)
    assert_stands(journal, entry, stands=True)


def test_all_that_is_kept_of_some_entries_is_given_up_at_once(journal: Journal) -> None:
    batch, (unsent, sent, conflict, refused) = journal.begin([DRAFT] * 4, title="edit")
    journal.settle(unsent, State.UNSENT)
    journal.settle(sent, State.APPLIED)
    journal.settle(conflict, State.CONFLICT)
    journal.settle(refused, State.REFUSED)
    _, (other,) = journal.begin([OTHER], title="another")
    journal.settle(other, State.UNSENT)
    assert journal.discard_all([unsent, sent, conflict, refused]) == 3
    assert [waiting.id for waiting in journal.kept()] == [other]
    assert journal.discard_all([unsent, sent, conflict, refused]) == 0
    found = journal.batch(batch)
    assert found is not None
    assert found.counts == {"applied": 1, "discarded": 3}


def test_what_was_refused_is_kept_and_waits_for_nothing(journal: Journal) -> None:
    _, (refused, unsent) = journal.begin([DRAFT] * 2, title="edit")
    journal.settle(refused, State.REFUSED, error=Forbidden("you can read but not change it"))
    journal.settle(unsent, State.UNSENT)
    assert [entry.id for entry in journal.pending()] == [unsent]
    assert [entry.id for entry in journal.kept(AssetId("id-1"))] == [refused, unsent]
    assert journal.count_kept() == {"unsent": 1, "refused": 1}
    assert journal.claim([refused]) == [refused]


def test_batches_and_entries_come_in_pages_with_their_outcomes_counted(journal: Journal) -> None:
    for number in range(5):
        draft = msgspec.structs.replace(DRAFT, asset_id=AssetId(f"id-{number}"))
        _, entries = journal.begin([draft] * 3, title=f"change {number}")
        journal.settle(entries[0], State.APPLIED)
        journal.settle(entries[1], State.REFUSED)
    assert journal.count_batches() == 5
    second, first = journal.batches(limit=2, offset=3)
    assert [second.title, first.title] == ["change 1", "change 0"]
    assert first.counts == {"planned": 1, "applied": 1, "refused": 1}
    assert (first.total, first.waiting, first.origin) == (3, 0, "cli")
    ids = [entry.id for entry in journal.entries_of(first.id)]
    assert [entry.id for entry in journal.entries_of(first.id, limit=2, offset=1)] == ids[1:]
    assert journal.batches(limit=2, offset=7) == []


def test_session_that_lives_is_not_recovered(journal: Journal, tmp_path: Path) -> None:
    _, (number,) = journal.begin([DRAFT], title="edit")
    other = Journal(tmp_path / "state" / "journal.sqlite3", origin="tui")
    assert other.recover() == 0
    other.close()
    entry = journal.entry(number)
    assert entry is not None
    assert entry.state is State.PLANNED


def test_killed_session_leaves_planned_as_unsent_and_intended_as_unknown(
    journal: Journal, tmp_path: Path
) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from coexplorer.library.entries import Action, EntryDraft
from coexplorer.library.journal import Journal
from coexplorer.models import Fields
journal = Journal(Path(sys.argv[1]), origin="mount")
draft = EntryDraft("id", "n", Action.EDIT, Fields("a"), Fields("b"))
_, (one, two) = journal.begin([draft, draft], title="two")
journal.intend(two, before=Fields("a"), after=Fields("b"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "state" / "journal.sqlite3"
    died = subprocess.run([sys.executable, "-c", script, path], check=False, timeout=stretched(60))
    assert died.returncode == -signal.SIGKILL
    assert journal.recover() == 2
    assert [(entry.state, entry.origin) for entry in journal.pending()] == [
        (State.UNSENT, "mount"),
        (State.UNKNOWN, "mount"),
    ]
    assert [entry.mine for entry in journal.pending()] == [Fields("b")] * 2
    assert journal.recover() == 0


def test_two_processes_can_not_claim_the_same_entry(journal: Journal, tmp_path: Path) -> None:
    _, (one, two, three) = journal.begin([DRAFT] * 3, title="edit")
    for entry in (one, two):
        journal.settle(entry, State.UNSENT)
    journal.settle(three, State.APPLIED)
    other = Journal(tmp_path / "state" / "journal.sqlite3", origin="tui")
    assert other.claim([one, three]) == [one]
    assert journal.claim([one, two, three]) == [two]
    assert not journal.discard(one)
    assert [entry.state for entry in (journal.entry(one), journal.entry(three)) if entry] == [
        State.PLANNED,
        State.APPLIED,
    ]
    other.close()


def test_journal_that_can_not_be_written_is_read_and_every_write_raises(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    first = Journal(path, origin="cli")
    _, (number,) = first.begin([DRAFT], title="edit")
    first.settle(number, State.UNSENT)
    first.close()
    with no_room_on_the_disk():
        with pytest.raises(JournalError, match="nothing was sent"):
            Journal(path, origin="mount")
        read_only = Journal(path, origin="cli", must_write=False)
    assert [entry.mine for entry in read_only.pending()] == [DRAFT.mine]
    assert read_only.recover() == 0
    for write in (
        lambda: read_only.begin([DRAFT], title="more"),
        lambda: read_only.claim([number]),
        lambda: read_only.discard(number),
        lambda: read_only.intend(number),
    ):
        with pytest.raises(JournalError, match="nothing can be changed"):
            write()
    read_only.close()


def test_closing_settles_what_is_half_done(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    first = Journal(path, origin="cli")
    first.begin([DRAFT], title="edit")
    first.close()
    second = Journal(path, origin="cli")
    assert [entry.state for entry in second.pending()] == [State.UNSENT]
    second.close()


def test_journal_of_a_newer_version_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    Journal(path, origin="cli").close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="newer coexplorer"):
        Journal(path, origin="cli")
    assert path.exists()


def test_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"words that are not SQLite" * 100)
    with pytest.raises(JournalError, match="can't be used"):
        Journal(path, origin="cli")
    assert path.read_bytes().startswith(b"words")


def test_a_journal_is_made_whole_and_an_empty_file_has_lost_what_it_held(tmp_path: Path) -> None:
    path, link = tmp_path / "journal.sqlite3", tmp_path / "link"
    link.symlink_to(path)
    with ThreadPoolExecutor(8) as threads:  # all at once: one of them makes it
        made = list(threads.map(lambda _: Journal(link, origin="cli"), range(8)))
    for number, journal in enumerate(made, start=1):
        journal.begin([DRAFT], title=f"edit {number}")
    assert len(made[0].batches(limit=20)) == len(made)
    for journal in made:
        journal.close()
    assert not list(tmp_path.rglob("*.new-*"))
    os.truncate(path, 0)
    for _ in range(2):
        with pytest.raises(JournalError, match="it is empty") as caught:
            Journal(path, origin="cli")
        assert "put a copy of it back" in caught.value.hint
        assert path.stat().st_size == 0


def test_full_disk_is_a_journal_error(journal: Journal) -> None:
    journal.begin([DRAFT], title="fits")
    with (
        no_room_on_the_disk(4096),
        pytest.raises(JournalError, match="nothing was sent"),
    ):
        journal.begin([DRAFT] * 100, title="does not fit")
    assert len(journal.batches(limit=10)) == 1
    journal.begin([DRAFT], title="fits again")


FIRST_VERSION = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, origin TEXT NOT NULL,
    title TEXT NOT NULL, purpose TEXT NOT NULL
) STRICT;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, batch_id INTEGER NOT NULL REFERENCES batches (id),
    session TEXT NOT NULL, asset_id TEXT NOT NULL, asset_name TEXT NOT NULL,
    action TEXT NOT NULL, state TEXT NOT NULL, base TEXT, mine TEXT, before TEXT, after TEXT,
    base_metadata TEXT, metadata TEXT, reason TEXT NOT NULL, hint TEXT NOT NULL,
    settled_at REAL, undone_by INTEGER
) STRICT;
CREATE INDEX entries_by_batch ON entries (batch_id);
PRAGMA user_version = 1;
"""


def make_first_version(path: Path, entries: list[tuple[int, str, str, str, int | None]]) -> None:
    """Write a journal as version 1 did: (batch, asset, state, reason, undone by) an entry."""
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_VERSION)
    for batch in sorted({entry[0] for entry in entries}):
        purpose = "do" if batch == 1 else "undo"
        connection.execute("INSERT INTO batches VALUES (?, 1.0, 'cli', 't', ?)", (batch, purpose))
    connection.executemany(
        "INSERT INTO entries (batch_id, session, asset_id, asset_name, action, state, reason, hint,"
        " undone_by) VALUES (?, 's', ?, 'n', 'edit', ?, ?, '', ?)",
        entries,
    )
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("you can read but not change this asset", State.REFUSED),
        ("you can read but not change this asset: not yours", State.REFUSED),
        ("no such asset, or not shared with you", State.REFUSED),
        ("the asset is gone from the platform", State.REFUSED),
        ("the platform refused this (status 400): too long", State.REFUSED),
        ("the platform refused this (status 422)", State.REFUSED),
        ("the platform takes your token, but refuses it for this asset", State.REFUSED),
        ("name: it can't be empty", State.REFUSED),
        ("saving tags failed: tags: a tag can't hold a line break: 'a'", State.REFUSED),
        ("the platform refused this (status 408)", State.UNSENT),
        ("the platform refused this (status 407): sign in to the proxy", State.UNSENT),
        ("the platform can't be reached: no connection", State.UNSENT),
        ("the platform failed with status 503", State.UNSENT),
        ("not signed in", State.UNSENT),
        ("the platform asks us to slow down", State.UNSENT),
        ("it was interrupted before this was sent", State.UNSENT),
        ("saving tags failed: the platform can't be reached: x", State.UNSENT),
        ("", State.UNSENT),
    ],
)
def test_old_entries_are_told_apart_by_their_reason(
    tmp_path: Path, reason: str, state: State
) -> None:
    path = tmp_path / "journal.sqlite3"
    make_first_version(path, [(1, "a", "unsent", reason, None)])
    journal = Journal(path, origin="cli")
    assert [entry.state for entry in journal.kept()] == [state]
    journal.close()


def test_old_undos_that_did_nothing_are_not_used_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    states = {"a": "applied", "b": "skipped", "c": "unsent", "d": "unchanged"}
    make_first_version(
        path,
        [(1, asset, "applied", "", 2) for asset in states]
        + [(2, asset, state, "", None) for asset, state in reversed(states.items())],
    )
    journal = Journal(path, origin="cli")
    undone = {entry.asset_id: entry.was_undone for entry in journal.entries_of(1)}
    assert undone == {"a": True, "b": False, "c": False, "d": True}
    batch = journal.batch(2)
    assert batch is not None
    assert batch.reverses == 1
    journal.close()


def test_what_only_words_told_apart_has_columns(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    reasons = {
        "a": ("refused", SET_ASIDE),
        "b": ("refused", "too long"),
        "c": ("applied", FOUND),
        "d": ("applied", ""),
        "e": ("unchanged", GIVEN_UP),
        "f": ("stopped", RESTORED),
    }
    make_first_version(
        path, [(1, asset, state, reason, None) for asset, (state, reason) in reasons.items()]
    )
    journal = Journal(path, origin="cli")
    found = {entry.asset_id: (entry.set_aside, entry.cause) for entry in journal.entries_of(1)}
    journal.close()
    assert found == {
        "a": (True, None),
        "b": (False, None),
        "c": (False, Cause.FOUND),
        "d": (False, None),
        "e": (False, Cause.GIVEN_UP),
        "f": (False, Cause.RESTORED),
    }
