"""Refusals and faults: the errno for the tool, the reason for the person, the text kept."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

NAMES = (
    *("invalid", "utf8", "large", "conflict", "merged", "forbidden", "gone", "fault", "rename"),
    *("lost", "scratch", "discard", "fsync", "linked", "json", "next", "retry", "killed", "broken"),
    *("rules", "better", "restored", "scope", "viewed", "resent", "resent-name", "resent-tags"),
    "beside",
)
IDS = {name: make_id(number) for number, name in enumerate(NAMES, 1)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(NAMES, 1)]
    with mounting(tmp_path_factory.mktemp("trouble"), assets) as mounted:
        yield mounted


@pytest.fixture
def mounted(shared: Mounted) -> Iterator[Mounted]:
    yield shared
    shared.server.faults.clear()


def fault(mounted: Mounted, name: str, status: int, method: str = "*") -> None:
    mounted.server.faults.add(FaultKind.STATUS, method, f"data_assets/{IDS[name]}", status=status)


def test_a_line_break_in_a_name_is_refused_at_the_write(mounted: Mounted) -> None:
    folder = mounted.asset("invalid")

    done = mounted.run(f"printf 'two\\nlines\\n' > '{folder}/name'")

    assert done.returncode != 0
    assert "Invalid argument" in done.stderr
    assert "line break" in (folder / "error").read_text()
    assert mounted.writes(IDS["invalid"]) == []
    assert save(folder / "mount", "/absolute\n") == errno.EINVAL
    assert "without a leading /" in (folder / "error").read_text()
    assert save(folder / "mount", "good\n") == 0
    assert save(folder / "name", "invalid\n") == 0
    wait_until(lambda: not (folder / "error").exists(), "no error any more")


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("name", "\n", "name: it can't be empty"),
        ("tags", "good\nbad%0Atag\n", "tags: a tag can't hold a line break"),
        ("mount", "../outside\n", "mount: expected a relative folder name"),
    ],
)
def test_what_the_rules_refuse_is_kept_among_the_unsent_texts(
    mounted: Mounted, file: str, text: str, reason: str
) -> None:
    path = mounted.asset("rules") / file
    before = path.read_text()

    assert save(path, text) == errno.EINVAL

    assert reason in (path.parent / "error").read_text()
    unsent = mounted.folder / ".coexplorer" / "unsent"
    kept = {f.name: f.read_text() for f in unsent.iterdir() if f.name.endswith(f"-rules.{file}")}
    assert list(kept.values()) == [text.removeprefix("\n")]
    number = next(iter(kept)).partition("-")[0]
    assert reason in mounted.cli("log", "--refused").stdout

    assert mounted.cli("retry", number).returncode != 0
    assert mounted.cli("discard", number).returncode == 0
    wait_until(lambda: path.read_text() == before, "the platform's value")
    assert not (path.parent / "error").exists()
    assert mounted.writes(IDS["rules"]) == []


@pytest.mark.parametrize(
    ("file", "script", "kept"),
    [
        ("name", "printf 'two\\nlines\\n'", b"two\nlines\n"),
        (
            "description.md",
            "(echo first; printf 'caf\\xe9 au \\\\xe9 lait\\n')",
            b"first\ncaf\xe9 au \\xe9 lait\n",
        ),
        ("tags", "printf 'M\\xfcller\\nblue\\n'", b"M\xfcller\nblue\n"),
        ("tags", "printf 'a\\0b\\n'", b"a%00b\n"),
        ("mount", "(printf 'one\\ntwo'; printf ' more')", b"one\ntwo more\n"),
    ],
)
def test_what_is_refused_at_the_write_is_kept_in_the_journal(
    mounted: Mounted, file: str, script: str, kept: bytes
) -> None:
    path = mounted.asset("utf8") / file
    before = path.read_text()

    assert mounted.run(f"{script} > '{path}'").returncode != 0

    unsent = mounted.folder / ".coexplorer" / "unsent"
    texts = {f.name: f.read_bytes() for f in unsent.iterdir() if f.name.endswith(f"-utf8.{file}")}
    assert list(texts.values()) == [kept]
    assert f"saving {file} failed" in mounted.cli("log", "--refused").stdout
    assert path.read_text() == before
    if not kept.isascii():
        number = next(iter(texts)).partition("-")[0]
        again = mounted.cli("retry", number)
        assert again.returncode != 0
        assert "not valid UTF-8" in again.stderr
        assert mounted.writes(IDS["utf8"]) == []
        assert mounted.run(f"cp '{unsent / next(iter(texts))}' '{path}'").returncode != 0
    assert mounted.writes(IDS["utf8"]) == []

    assert mounted.cli("discard", "--all").returncode == 0
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")
    mounted.settle()
    assert mounted.server.store.get(IDS["utf8"]).description == "old text"


def test_what_a_good_save_follows_is_kept_until_somebody_looks(mounted: Mounted) -> None:
    path = mounted.asset("better") / "mount"
    assert mounted.run(f"printf 'a\\nb\\n' > '{path}'").returncode != 0
    unsent = mounted.folder / ".coexplorer" / "unsent"
    assert any("-better." in file.name for file in unsent.iterdir())

    assert save(path, "good\n") == 0
    assert "a\nb" in (path.parent / "error").read_text()
    assert save(path, "better\n") == 0

    wait_until(lambda: not any("-better." in f.name for f in unsent.iterdir()), "nothing kept")
    assert not (path.parent / "error").exists()
    assert mounted.writes(IDS["better"]) == ["PUT", "PUT"]


def test_the_editor_that_puts_the_old_text_back_gives_nothing_up(mounted: Mounted) -> None:
    path = mounted.asset("restored") / "name"
    old = path.read_bytes()
    with pytest.raises(OSError, match="Invalid argument"), path.open("wb", buffering=0) as file:
        file.write(b"two\nlines\n")

    path.write_bytes(old)
    mounted.settle()

    unsent = mounted.folder / ".coexplorer" / "unsent"
    kept = [f.read_text() for f in unsent.iterdir() if "-restored." in f.name]
    assert kept == ["two\nlines\n"]
    assert "line break" in (path.parent / "error").read_text()
    assert mounted.writes(IDS["restored"]) == []


def test_what_is_too_large_is_refused_before_it_is_allocated(mounted: Mounted) -> None:
    descriptor = os.open(mounted.asset("large") / "description.md", os.O_RDWR | os.O_APPEND)
    too_large = pytest.RaisesExc(OSError, check=lambda error: error.errno == errno.EFBIG)

    with pytest.raises(OSError, check=too_large.matches):
        os.truncate(descriptor, 1 << 40)
    filler = "w" * ((1 << 20) - len("old text\n"))
    for start in range(0, len(filler), 1 << 16):
        os.write(descriptor, filler[start : start + (1 << 16)].encode())
    with pytest.raises(OSError, check=too_large.matches):
        os.write(descriptor, b" and more\n")
    with pytest.raises(OSError, check=too_large.matches):
        os.close(descriptor)

    mounted.settle()
    assert "may lack its end" in (mounted.asset("large") / "error").read_text()
    assert "may lack its end" in mounted.cli("log", "--refused").stdout
    assert mounted.writes(IDS["large"]) == []
    unsent = mounted.folder / ".coexplorer" / "unsent"
    kept = next(file.read_text() for file in unsent.iterdir() if "-large." in file.name)
    assert kept == f"old text\n{filler} and more\n"


def test_a_conflict_is_ebusy_with_three_versions(mounted: Mounted) -> None:
    path = mounted.asset("conflict") / "description.md"
    with path.open("r+") as file:
        assert file.read() == "old text\n"
        mounted.server.store.update(IDS["conflict"], description="theirs")
        file.seek(0)
        file.truncate()
        file.write("mine\n")
        with pytest.raises(OSError, check=lambda error: error.errno == errno.EBUSY):
            file.close()

    report = (path.parent / "error").read_text()
    assert all(text in report for text in ("old text", "theirs", "mine"))
    assert mounted.writes(IDS["conflict"]) == []
    assert path.read_text() == "theirs\n"

    # As `error` says: put together, and saved.
    assert "combine the two texts below in the file" in report
    with path.open("r+") as file:
        assert file.read() == "theirs\n"
        file.write("and mine\n")
    assert mounted.server.store.get(IDS["conflict"]).description == "theirs\nand mine"
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")


@pytest.mark.parametrize(
    ("name", "message", "told"),
    [
        (
            "scope",
            "The access token doesn't have permissions to perform the request",
            "your token may not do this",
        ),
        ("viewed", "Forbidden: you can view this data asset", "you can read but not change this"),
    ],
)
def test_refusal_is_told_by_its_cause(mounted: Mounted, name: str, message: str, told: str) -> None:
    path = mounted.asset(name) / "tags"
    mounted.server.faults.add(403, "PUT", f"data_assets/{IDS[name]}", message=message)
    assert save(path, "x\n") == errno.EACCES
    text = (path.parent / "error").read_text()
    assert told in text
    assert message.removeprefix("Forbidden: ") in text
    assert "Forbidden" not in text
    assert ("token" in text) == (name == "scope")


def test_tags_of_two_people_are_merged(mounted: Mounted) -> None:
    path = mounted.asset("merged") / "tags"
    with path.open("r+") as file:
        lines = file.read().split()
        mounted.server.store.update(IDS["merged"], tags=("beta", "alpha", "theirs"))
        file.write("mine\n")

    assert lines == ["beta", "alpha"]
    assert set(mounted.server.store.get(IDS["merged"]).tags) == {"beta", "alpha", "theirs", "mine"}
    wait_until(lambda: "theirs" in path.read_text(), "the merged tags")


def test_forbidden_is_eacces_and_then_refused_at_open(mounted: Mounted) -> None:
    path = mounted.asset("forbidden") / "tags"
    fault(mounted, "forbidden", 403, "PUT")

    assert save(path, "x\n") == errno.EACCES
    with pytest.raises(PermissionError):
        os.open(path, os.O_WRONLY)
    assert len(mounted.writes(IDS["forbidden"])) == 1

    # vim moves the file away, cannot create it again, and puts it back; the one that could not be
    # sent as well.
    for file, text in ((path.with_name("description.md"), "old text\n"), (path, "x\n")):
        backup = file.with_name("backup")
        file.rename(backup)
        with pytest.raises(PermissionError):
            file.write_text("y\n")
        backup.rename(file)
        assert file.read_text() == text
    assert "saving tags failed" in (path.parent / "error").read_text()
    other = path.with_name("other")
    other.write_text("other\n")
    with pytest.raises(PermissionError):
        other.rename(path)
    assert len(mounted.writes(IDS["forbidden"])) == 2, "asked again, as `error` was read"

    # Who has been let in meanwhile need not wait for the minute to be over.
    mounted.server.faults.clear()
    (mounted.folder / ".coexplorer" / "refresh").touch()
    other.rename(path)
    assert mounted.server.store.get(IDS["forbidden"]).tags == ("other",)


def test_an_asset_that_is_gone_is_enoent(mounted: Mounted) -> None:
    path = mounted.asset("gone") / "tags"
    path.read_text()
    mounted.server.store.delete(IDS["gone"])

    assert save(path, "x\n") == errno.ENOENT
    assert mounted.writes(IDS["gone"]) == []
    wait_until(lambda: not path.exists(), "the asset away")


@pytest.fixture
def failed(mounted: Mounted) -> Callable[[str], Path]:
    def fail(name: str) -> Path:
        fault(mounted, name, 400, "PUT")
        path = mounted.asset(name) / "description.md"
        assert save(path, "unsent words\n") == errno.EINVAL
        return path

    return fail


def test_a_failed_save_is_kept_shown_and_tried_once(
    mounted: Mounted, failed: Callable[[str], Path]
) -> None:
    path = failed("fault")
    mounted.settle()

    assert path.read_text() == "unsent words\n"
    assert "saving description.md failed" in (path.parent / "error").read_text()
    assert len(mounted.writes(IDS["fault"])) == 1
    unsent = mounted.folder / ".coexplorer" / "unsent"
    texts = [file.read_text() for file in unsent.iterdir() if "-fault." in file.name]
    assert texts == ["unsent words\n"]
    assert "unsent words" not in (mounted.folder / ".coexplorer" / "log").read_text()

    mounted.server.faults.clear()
    assert save(path, "better words\n") == 0
    assert not (path.parent / "error").exists()
    assert mounted.server.store.get(IDS["fault"]).description == "better words"


def test_discarding_shows_the_platforms_value_again(
    mounted: Mounted, failed: Callable[[str], Path]
) -> None:
    path = failed("discard")
    unsent = mounted.folder / ".coexplorer" / "unsent"
    entry = next(file.name for file in unsent.iterdir() if "-discard." in file.name)
    number = entry.partition("-")[0]

    done = mounted.cli("discard", number)

    assert done.returncode == 0, done.stderr
    wait_until(lambda: path.read_text() == "old text\n", "the platform's value")
    assert not (path.parent / "error").exists()


def test_a_retry_elsewhere_ends_the_error(mounted: Mounted, failed: Callable[[str], Path]) -> None:
    path = failed("retry")
    unsent = mounted.folder / ".coexplorer" / "unsent"
    number = next(f.name for f in unsent.iterdir() if "-retry." in f.name).partition("-")[0]
    mounted.server.faults.clear()

    done = mounted.cli("retry", number)

    assert done.returncode == 0, done.stderr
    assert mounted.server.store.get(IDS["retry"]).description == "unsent words"
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")


@pytest.mark.parametrize(
    ("name", "file", "first", "second"),
    [
        ("resent", "description.md", "one", "two"),
        ("resent-name", "name", "one", "two"),
        ("resent-tags", "tags", "one", "two"),
    ],
)
def test_what_was_sent_elsewhere_and_read_again_is_saved_over(
    mounted: Mounted, name: str, file: str, first: str, second: str
) -> None:
    path = mounted.asset(name) / file
    mounted.run(f"cat '{path}'")
    fault(mounted, name, 500, "PUT")
    mounted.run(f"echo {first} > '{path}'")
    wait_until((path.parent / "error").exists, "that it failed")
    mounted.settle()
    mounted.server.faults.clear()
    assert mounted.cli("retry", "-y").returncode == 0
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")
    for _ in range(2):
        wait_until(lambda: mounted.run(f"cat '{path}'").stdout == f"{first}\n", "what was sent")

    done = mounted.run(f"echo {second} > '{path}'")

    assert done.returncode == 0, done.stderr
    assert mounted.run(f"cat '{path}'").stdout == f"{second}\n"


def test_fsync_and_the_close_behind_it_both_fail_and_send_once(mounted: Mounted) -> None:
    fault(mounted, "fsync", 400, "PUT")
    descriptor = os.open(mounted.asset("fsync") / "description.md", os.O_WRONLY | os.O_TRUNC)
    os.write(descriptor, b"words\n")

    with pytest.raises(OSError, check=lambda error: error.errno == errno.EINVAL):
        os.fsync(descriptor)
    with pytest.raises(OSError, check=lambda error: error.errno == errno.EINVAL):
        os.close(descriptor)

    mounted.settle()
    assert len(mounted.writes(IDS["fsync"])) == 1


def test_a_failing_rename_keeps_the_scratch_file(mounted: Mounted) -> None:
    folder = mounted.asset("rename")
    fault(mounted, "rename", 400, "PUT")
    scratch = folder / "new.tmp"
    scratch.write_text("words\n")

    # EINVAL would make mv talk of moving a directory into itself.
    with pytest.raises(OSError, check=lambda error: error.errno == errno.EPERM):
        scratch.rename(folder / "description.md")

    assert scratch.read_text() == "words\n"
    assert (folder / "description.md").read_text() == "old text\n"
    assert "failed" in (folder / "error").read_text()


def test_trouble_of_the_platform_is_eio_and_keeps_the_text(mounted: Mounted) -> None:
    path = mounted.asset("broken") / "description.md"
    fault(mounted, "broken", 500, "PUT")

    assert save(path, "kept words\n") == errno.EIO

    assert "status 500" in (path.parent / "error").read_text()
    unsent = mounted.folder / ".coexplorer" / "unsent"
    assert [f.read_text() for f in unsent.iterdir() if "-broken." in f.name] == ["kept words\n"]
    assert "broken: saving description.md failed" in mounted.log_text()  # the terminal, with -f
    assert "kept words" not in mounted.log_text()


def test_a_lost_reply_is_settled_by_a_look(mounted: Mounted) -> None:
    mounted.server.faults.add(FaultKind.LOST, "PUT", f"data_assets/{IDS['lost']}", times=1)

    assert save(mounted.asset("lost") / "description.md", "arrived\n") == 0

    assert mounted.server.store.get(IDS["lost"]).description == "arrived"
    assert len(mounted.writes(IDS["lost"])) == 1


def test_scratch_space_ends_in_enospc(mounted: Mounted) -> None:
    scratch = mounted.asset("scratch") / "big.swp"

    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        scratch.write_bytes(bytes((1 << 20) + 1))
    scratch.unlink()
    assert mounted.writes(IDS["scratch"]) == []


@pytest.mark.parametrize("text", ["half", ""])
def test_a_writer_that_is_killed_in_the_middle_sends_nothing(mounted: Mounted, text: str) -> None:
    path = mounted.asset("killed") / "description.md"
    with subprocess.Popen(["bash", "-c", f"exec cat > '{path}'"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        wait_until(lambda: path.read_text() == "", "the file opened")
        writer.stdin.write(text.encode())
        writer.stdin.flush()
        wait_until(lambda: path.read_text() == text, "what was written")
        writer.send_signal(signal.SIGINT)
        assert writer.wait(30) == -signal.SIGINT

    mounted.settle()
    assert mounted.writes(IDS["killed"]) == []
    assert path.read_text() == "old text\n"
    report = (path.parent / "error").read_text()
    assert "killed by a signal" in report
    assert text in report
    unsent = mounted.folder / ".coexplorer" / "unsent"
    kept = [f.read_text() for f in unsent.iterdir() if "-killed." in f.name]
    assert kept == [f"{text}\n"] * bool(text)
    if text:
        number = next(f.name for f in unsent.iterdir() if "-killed." in f.name).partition("-")[0]
        assert mounted.cli("discard", number).returncode == 0


def test_a_hard_link_and_a_link_over_metadata_are_refused(mounted: Mounted) -> None:
    folder = mounted.asset("linked")
    with pytest.raises(PermissionError):
        os.link(folder / "tags", folder / "copy")
    (folder / ".#tags").symlink_to("user@host.1:2")
    assert str((folder / ".#tags").readlink()) == "user@host.1:2"


def test_the_next_save_after_a_merge_takes_nothing_of_theirs_away(mounted: Mounted) -> None:
    path = mounted.asset("next") / "tags"
    with path.open("r+") as file:
        file.read()
        mounted.server.store.update(IDS["next"], tags=("beta", "alpha", "theirs"))
        file.write("one\n")
        file.flush()
        os.fsync(file.fileno())
        file.write("two\n")

    tags = set(mounted.server.store.get(IDS["next"]).tags)
    assert tags == {"beta", "alpha", "theirs", "one", "two"}


@pytest.mark.parametrize("file", ["tags", "mount"])
def test_a_report_goes_with_its_discarded_text_though_another_file_has_failed(
    mounted: Mounted, file: str
) -> None:
    folder = mounted.asset("beside")
    error = folder / "error"
    fault(mounted, "beside", 403)
    assert save(folder / "description.md", f"not allowed beside {file}\n") != 0
    mounted.server.faults.clear()
    assert "saving description.md failed" in error.read_text()

    assert mounted.cli("discard", "--all").returncode == 0
    assert mounted.run(f"printf 'a\\0b\\n' > '{folder / file}'").returncode != 0

    wait_until(lambda: "saving description.md" not in error.read_text(), "the old report gone")
    assert f"saving {file} failed" in error.read_text()
    assert mounted.cli("discard", "--all").returncode == 0
    wait_until(lambda: not error.exists(), "no error any more")
