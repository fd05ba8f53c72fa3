"""What is being typed when the disk is full: it is kept elsewhere or shown, and that is said."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from coexplorer.cli import exits
from coexplorer.demo.server import DemoServer
from coexplorer.fields import Fields
from coexplorer.library.drafts import EditDraft, holds
from coexplorer.models import AssetId
from coexplorer.tui.memory import Memory
from tests.support.trouble import KINDS, build_library
from tests.tui.test_program import open_program

ASSET = AssetId("00000001-0000-4000-8000-000000000001")
WORDS = "six words that nobody else has"


@pytest.fixture
def trouble(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a file: while it is there, programs meet an errno below the folder of state."""
    file = tmp_path / "trouble"
    monkeypatch.setenv("LD_PRELOAD", str(build_library(tmp_path_factory.getbasetemp())))
    monkeypatch.setenv("TROUBLE", os.environ["XDG_STATE_HOME"])
    monkeypatch.setenv("TROUBLE_CALLS", KINDS[name])
    monkeypatch.setenv("TROUBLE_ERRNO", str(getattr(errno, name)))
    monkeypatch.setenv("TROUBLE_WHILE", str(file))
    return file


def test_a_draft_that_has_no_place_is_kept_elsewhere_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    state = tmp_path / "state"
    state.write_text("no folder")  # nothing can be made below it
    journal = state / "journal.sqlite3"
    memory, said = Memory(journal), list[str]()
    memory.tell = said.append
    for text in ("one", WORDS):
        memory.save_draft(ASSET, "an asset", Fields("before"), Fields(text), "name")
    assert [str(temporary) in text for text in said] == [True]
    ((path, draft),) = Memory(journal).edits.take()
    assert draft.mine.name == WORDS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    state.unlink()
    memory.save_draft(ASSET, "an asset", Fields("before"), Fields(WORDS), "name")
    assert said[1:] == ["what you type is kept in its place again"]
    ((path, _),) = Memory(journal).edits.take()
    assert path.parent == state
    assert list(memory.tell_unkept()) == []
    memory.drop_draft()
    assert Memory(journal).edits.take() == []


def _drafts(folder: Path) -> list[Path]:
    return list(folder.rglob("*draft-*.json"))


@pytest.mark.parametrize(
    ("older", "newer", "held"),
    [
        (Fields("before", "one"), Fields("before", "one two"), True),
        (Fields("before", "one"), Fields("before", "two"), False),
        (Fields("before", "one", ("a",)), Fields("before", "one", ("a", "b")), True),
        (Fields("before", "one", ("a",)), Fields("before", "one", ("b",)), False),
        (Fields(""), Fields("new"), False),
    ],
)
def test_an_older_draft_goes_only_when_all_of_it_is_in_the_newer(
    older: Fields, newer: Fields, *, held: bool
) -> None:
    base = Fields("before")
    one, two = (EditDraft(ASSET, "an asset", base, mine, 1) for mine in (older, newer))
    assert holds(two, one) is held


def test_the_newest_draft_is_offered_first_from_whichever_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    memory = Memory(tmp_path / "state" / "journal.sqlite3")
    memory.save_draft(ASSET, "an asset", Fields("before"), Fields("first"), "name")
    kept = memory.edits.file
    other = temporary / f"coexplorer-{os.getuid()}-{kept.name}"
    other.write_bytes(kept.read_bytes().replace(b'"first"', b'"second"'))
    for at, file in ((1, kept), (2, other)):
        os.utime(file, (at, at))
    assert [draft.mine.name for _, draft in memory.edits.take()] == ["second", "first"]
    os.utime(kept, (3, 3))
    assert [draft.mine.name for _, draft in memory.edits.take()] == ["first", "second"]


def test_what_others_put_among_temporary_files_is_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    memory = Memory(tmp_path / "state" / "journal.sqlite3")
    memory.save_draft(ASSET, "an asset", Fields("before"), Fields(WORDS), "name")
    kept = memory.edits.file
    name = f"coexplorer-{os.getuid()}-journal.draft-1.json"
    (tmp_path / name).symlink_to(kept)
    os.mkfifo(tmp_path / name.replace("-1", "-2"))
    assert [path for path, _ in memory.edits.take()] == [kept]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ENOSPC", signal.SIGTERM),
        ("EDQUOT", signal.SIGHUP),
        ("EROFS", signal.SIGTERM),
        ("EIO", signal.SIGINT),
    ],
)
def test_a_full_disk_is_said_at_once_and_loses_no_draft(
    server: DemoServer, trouble: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", os.environ["XDG_STATE_HOME"])  # nothing can be kept anywhere
    with open_program(server, columns=100, rows=34) as session:
        session.wait_for("open data")
        session.write("d")
        session.wait_for("ctrl+s save")
        trouble.touch()
        session.write(WORDS)
        session.wait_for("what you type can't be kept")
        session.wait_for("draft not kept")
        written = len(session.output)
        session.kill(number)
        session.wait_exit()
        # The journal can't be closed properly on some such disks: that is an error of its own.
        assert session.status in (128 + number, exits.LOCAL)
        assert session.modes_left_on() == []
        assert WORDS.encode() in session.output[written:]
        assert b"could not be kept" in session.output[written:]


@pytest.mark.parametrize("name", ["ENOSPC", "EROFS"])
def test_a_full_disk_leaves_a_draft_that_the_next_start_offers(
    server: DemoServer, trouble: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    with open_program(server, columns=100, rows=34) as session:
        session.wait_for("open data")
        session.write("d")
        session.wait_for("ctrl+s save")
        session.write("first half")
        session.wait_for("first half")
        state = Path(os.environ["XDG_STATE_HOME"])
        session.wait_for(lambda _: any(b"first half" in f.read_bytes() for f in _drafts(state)))
        trouble.touch()
        session.write(WORDS)
        session.wait_for("what you type is kept in")
        session.wait_for(lambda lines: "draft kept in" in lines[-1] and "not kept" not in lines[-1])
        # All of it: the words may have come in two pieces, and the first be kept and told already.
        session.wait_for(
            lambda _: any(WORDS.encode() in f.read_bytes() for f in _drafts(elsewhere))
        )
        session.kill(signal.SIGKILL)
        session.wait_exit()
    trouble.unlink()
    with open_program(server, columns=100, rows=34) as session:
        session.wait_for("you were editing")
        session.write("\r")
        session.wait_for(WORDS)  # not the older half, which lies in the better place
        session.wait_for(lambda _: len([*_drafts(state), *_drafts(elsewhere)]) == 1)
