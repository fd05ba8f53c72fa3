"""The journal: what stands in it before and after a request, whoever dies."""

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coexplorer.errors import JournalError, Unreachable
from coexplorer.library.entries import Action, Draft, Purpose, State
from coexplorer.library.journal import Journal
from coexplorer.models import AssetId, Fields

OLD, NEW = Fields("old", tags=("a",)), Fields("new", "text", ("a", "b"), "m")
DRAFT = Draft(AssetId("id-1"), "old", Action.EDIT, OLD, NEW)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "state" / "journal.sqlite3", origin="cli")
    yield made
    made.close()


def test_edit_is_read_back_as_it_was_written(journal: Journal) -> None:
    batch, (number,) = journal.begin([DRAFT], title="edit old")
    journal.intend(number, before=OLD, after=NEW, metadata={"subject id": 655019})
    journal.settle(number, State.APPLIED)
    entry = journal.entry(number)
    assert entry is not None
    assert (entry.base, entry.mine, entry.before, entry.after) == (OLD, NEW, OLD, NEW)
    assert entry.metadata == {"subject id": 655019}
    assert (entry.batch_id, entry.origin, entry.state) == (batch, "cli", State.APPLIED)
    assert entry.settled_at is not None
    assert [found.title for found in journal.batches(limit=10)] == ["edit old"]
    assert journal.batches(limit=10)[0].counts == {"applied": 1}


def test_files_are_for_their_owner_only(journal: Journal, tmp_path: Path) -> None:
    journal.begin([DRAFT], title="edit")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert modes == {0o600, 0o700}


def test_those_that_wait_are_on_top_of_the_log(journal: Journal) -> None:
    _, (first,) = journal.begin([DRAFT], title="first")
    journal.settle(first, State.UNSENT, error=Unreachable("no way", hint="try later"))
    _, (second,) = journal.begin([DRAFT], title="second")
    journal.settle(second, State.APPLIED)
    log = journal.log(limit=10, offset=0)
    assert [entry.id for entry in log] == [first, second]
    assert (log[0].reason, log[0].hint) == ("no way", "try later")
    assert journal.count_pending() == 1
    assert journal.pending(AssetId("id-2")) == []


def test_newest_batch_that_did_something_is_the_one_to_undo(journal: Journal) -> None:
    done, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    journal.begin([DRAFT], title="failed")
    found = journal.find_undoable()
    assert found is not None
    assert found.id == done
    undo, (back,) = journal.begin([DRAFT], title="undo", purpose=Purpose.UNDO, reverses=[entry])
    assert journal.find_undoable() is None
    journal.settle(back, State.APPLIED)
    redo = journal.find_redoable()
    assert redo is not None
    assert redo.id == undo


def test_undo_that_is_given_up_leaves_the_change_standing(journal: Journal) -> None:
    done, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    _, (back,) = journal.begin([DRAFT], title="undo", purpose=Purpose.UNDO, reverses=[entry])
    journal.settle(back, State.UNSENT)
    journal.discard(back)
    found = journal.find_undoable()
    assert found is not None
    assert found.id == done


def test_all_that_waits_of_a_batch_is_given_up_at_once(journal: Journal) -> None:
    done, (entry,) = journal.begin([DRAFT], title="done")
    journal.settle(entry, State.APPLIED)
    drafts = [DRAFT] * 3
    undo, (back, sent, later) = journal.begin(
        drafts, title="undo", purpose=Purpose.UNDO, reverses=[entry, entry, entry]
    )
    journal.settle(back, State.UNSENT)
    journal.settle(sent, State.APPLIED)
    journal.settle(later, State.CONFLICT)
    _, (other,) = journal.begin([DRAFT], title="another")
    journal.settle(other, State.UNSENT)
    assert journal.discard_batch(undo) == 2
    assert [waiting.id for waiting in journal.pending()] == [other]
    found = journal.find_undoable()
    assert found is not None
    assert found.id == done
    assert journal.discard_batch(undo) == 0


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
from coexplorer.library.entries import Action, Draft
from coexplorer.library.journal import Journal
from coexplorer.models import Fields
journal = Journal(Path(sys.argv[1]), origin="mount")
draft = Draft("id", "n", Action.EDIT, Fields("a"), Fields("b"))
_, (one, two) = journal.begin([draft, draft], title="two")
journal.intend(two, before=Fields("a"), after=Fields("b"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "state" / "journal.sqlite3"
    died = subprocess.run([sys.executable, "-c", script, path], check=False, timeout=60)
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


@contextmanager
def no_room_on_the_disk(longest: int = 0) -> Iterator[None]:
    """Let no file of this process grow beyond a length."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_full_disk_is_a_journal_error(journal: Journal) -> None:
    journal.begin([DRAFT], title="fits")
    with (
        no_room_on_the_disk(4096),
        pytest.raises(JournalError, match="nothing was sent"),
    ):
        journal.begin([DRAFT] * 100, title="does not fit")
    assert len(journal.batches(limit=10)) == 1
    journal.begin([DRAFT], title="fits again")
