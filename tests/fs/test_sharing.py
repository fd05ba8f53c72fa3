"""``about/sharing``: asked when it is opened, sent when it is closed, refused with a reason."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.demo.people import PEOPLE
from coexplorer.fs.core.fetched import FetchedTexts
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

MAYA, JONAS, PRIYA = (email for email, _ in PEOPLE)
GET = ("GET", "*/permissions")
POST = ("POST", "*/permissions")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(n, f"a{n}") for n in range(1, 50)]
    with mounting(tmp_path_factory.mktemp("sharing"), assets) as mounted:
        yield mounted


def place(mounted: Mounted, number: int) -> Path:
    return mounted.folder / "all" / f"a{number}" / "about" / "sharing"


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_it_is_asked_for_by_an_open_or_a_stat_alone(mounted: Mounted) -> None:
    asset = mounted.folder / "all" / "a1"
    assert "about" not in names(asset)  # else grep -r would ask for each asset
    assert names(asset / "about") == ["sharing", "uses", "sources", "derived"]
    assert mounted.run(f"find '{mounted.folder}/all' -type f | xargs grep -l x").returncode in (
        0,
        123,
    )
    assert mounted.server.requests(*GET) == []
    size = (asset / "about" / "sharing").stat().st_size
    assert size == (asset / "about" / "sharing").stat().st_size
    assert len(mounted.server.requests(*GET)) == 1
    assert lines(asset / "about" / "sharing") == ["everyone: none", f"user {MAYA}: owner"]
    assert len(mounted.server.requests(*GET)) == 2
    assert mounted.run(f"cat '{asset}/about/sharing'").stdout.endswith(f"user {MAYA}: owner\n")


def test_uses_is_read_only_has_its_true_size_and_tells_a_failure(mounted: Mounted) -> None:
    uses = mounted.folder / "all" / "a3" / "about" / "uses"
    search = ("POST", "*capsules/search")
    names(uses.parent)
    assert mounted.server.requests(*search) == []
    mounted.server.faults.add(403, *search)
    failed = uses.read_text()
    assert "which capsules use it is not known" in failed
    assert "nothing that you can see" not in failed
    mounted.server.faults.clear()
    text = uses.read_text()
    assert text.endswith("# nothing that you can see uses it\n")
    assert uses.stat().st_size == len(text.encode())
    with pytest.raises(PermissionError):
        uses.write_text("x")


def test_a_save_is_one_post_and_merged_with_what_others_did(
    mounted: Mounted, tmp_path: Path
) -> None:
    path = place(mounted, 2)
    before = path.read_text()
    with path.open("r+") as file:
        file.read()
        mounted.server.store.update(make_id(2), groups={"Imaging": "viewer"})
        file.seek(0)
        file.truncate()
        file.write(before.replace("everyone: none", "everyone: viewer"))
    assert len(mounted.server.requests(*POST)) == 1
    stored = mounted.server.store.get(make_id(2))
    assert (stored.everyone, list(stored.groups)) == ("viewer", ["Imaging"])
    done = mounted.run(f"echo 'user {JONAS}: editor' >> '{path}'; cat '{path}'")
    assert done.returncode == 0
    assert f"user {JONAS}: editor" in done.stdout
    assert len(mounted.server.requests(*POST)) == 2
    copy = tmp_path / "copy"
    copy.write_text(path.read_text().replace(f"user {JONAS}: editor\n", ""))
    assert mounted.run(f"cp '{copy}' '{path}'").returncode == 0
    assert list(mounted.server.store.get(make_id(2)).roles) == []


def test_whom_others_let_in_since_it_was_read_is_not_shut_out(
    mounted: Mounted, tmp_path: Path
) -> None:
    path, copy = place(mounted, 21), tmp_path / "copy"
    copy.write_text(path.read_text().replace("everyone: none", "everyone: viewer"))
    mounted.server.store.update(make_id(21), groups={"Imaging": "viewer"})
    for _ in range(2):  # as an editor, or a copy that comes back; and once more
        assert mounted.run(f"cp '{copy}' '{path}'").returncode == 0
        stored = mounted.server.store.get(make_id(21))
        assert (stored.everyone, dict(stored.groups)) == ("viewer", {"Imaging": "viewer"})
    assert "group Imaging: viewer" in path.read_text()  # now it was shown
    assert mounted.run(f"cp '{copy}' '{path}'").returncode == 0
    assert dict(mounted.server.store.get(make_id(21)).groups) == {}


@pytest.mark.parametrize(
    ("number", "line", "number_of_error", "told"),
    [
        (3, f"user {JONAS}: reader", errno.EINVAL, "a user can be owner, editor, viewer or none"),
        (4, "Imaging: viewer", errno.EINVAL, "expected everyone, user ADDRESS or group NAME"),
        (5, "group Nobodies: viewer", errno.EINVAL, "Nobodies still has no access"),
        (6, f"user {MAYA}: viewer", errno.EINVAL, f"line 5: {MAYA} has two roles"),
    ],
)
def test_a_wrong_line_is_refused_and_error_says_why(
    mounted: Mounted, number: int, line: str, number_of_error: int, told: str
) -> None:
    path = place(mounted, number)
    text = path.read_text()
    with pytest.raises(OSError, match=r".") as caught:
        path.write_text(f"{text}{line}\n")
    assert caught.value.errno == number_of_error
    assert told in (path.parents[1] / "error").read_text()
    path.write_text(text.replace("everyone: none", "everyone: viewer"))
    assert mounted.server.store.get(make_id(number)).everyone == "viewer"
    assert not (path.parents[1] / "error").exists()
    mounted.cli("discard", "--all")


def test_one_s_own_right_is_not_given_up_by_a_file(mounted: Mounted) -> None:
    path = place(mounted, 7)
    with pytest.raises(OSError, match=r".") as caught:
        path.write_text("everyone: viewer\n")
    assert caught.value.errno == errno.EPERM
    told = (path.parents[1] / "error").read_text()
    assert "you would no longer be an owner" in told
    assert f"coexplorer share {make_id(7)[:8]} --remove {MAYA} --everyone viewer --yes" in told
    assert mounted.server.store.get(make_id(7)).everyone == "none"


def test_the_same_text_saved_again_is_no_change(mounted: Mounted) -> None:
    path = place(mounted, 9)
    before, text = mounted.cli("log").stdout, path.read_text()
    for same in (text, "\n".join(reversed(text.splitlines())) + "\n"):
        path.write_text(same)
    assert mounted.cli("log").stdout == before


def test_nothing_else_can_be_made_or_removed_there(mounted: Mounted) -> None:
    folder = place(mounted, 8).parent
    for act in (
        lambda: (folder / "new").write_text("x"),
        (folder / "sharing").unlink,
        lambda: (folder / "sharing").rename(folder / "other"),
        lambda: (folder.parent / "name").rename(folder / "name"),
        (folder / "d").mkdir,
        (folder / "sources" / "d").mkdir,
        lambda: (folder / "derived" / "new").write_text("x"),
        folder.rmdir,
        (folder / "name").read_text,
    ):
        with pytest.raises(OSError, match=r"."):
            act()
    assert names(folder) == ["sharing", "uses", "sources", "derived"]


def test_what_could_not_be_sent_waits_in_the_journal(mounted: Mounted) -> None:
    path = place(mounted, 1)
    text = path.read_text()
    rule = mounted.server.faults.add(503, "POST", "data_assets/*/permissions")
    with pytest.raises(OSError, match=r"."):
        path.write_text(text.replace("everyone: none", "everyone: viewer"))
    mounted.server.faults.remove(rule)
    control = mounted.folder / ".coexplorer"
    assert names(control / "unsent") == []  # it is no text; the log has it
    assert "failed with status 503" in (control / "log").read_text()
    assert "503" in (path.parents[1] / "error").read_text()
    path.write_text(text.replace("everyone: none", "everyone: viewer"))
    assert mounted.server.store.get(make_id(1)).everyone == "viewer"


def test_a_platform_that_does_not_tell_is_told(mounted: Mounted) -> None:
    path = place(mounted, 9)
    rule = mounted.server.faults.add(404, "*", "data_assets/*/permissions")
    with pytest.raises(PermissionError):
        path.read_text()
    mounted.server.faults.remove(rule)
    assert lines(path)


@pytest.mark.parametrize(
    ("number", "line"),
    [(11, b"group Imaging: vieuwer"), (12, b"Imaging"), (13, b"group M\xfcller: viewer")],
)
def test_what_can_t_be_read_is_kept_until_a_good_save(
    mounted: Mounted, number: int, line: bytes
) -> None:
    path = place(mounted, number)
    text = path.read_bytes()
    path.stat()
    with pytest.raises(OSError, match=r".") as caught:
        path.write_bytes(text + line + b"\n")
    assert caught.value.errno == errno.EINVAL
    kept, error = path.parents[1] / "sharing.not-saved", path.parents[1] / "error"
    assert kept.read_bytes() == text + line + b"\n"
    assert path.read_bytes().startswith(text + line + b"\n")
    assert "NOT saved" in path.read_text(errors="replace")
    assert kept.name in error.read_text()
    mounted.server.store.update(make_id(number), groups={"Imaging": "viewer"})
    corrected = path.read_bytes().replace(line, b"everyone: viewer")
    path.write_bytes(corrected.replace(b"everyone: none\n", b""))  # what others did stays
    stored = mounted.server.store.get(make_id(number))
    assert (stored.everyone, list(stored.groups)) == ("viewer", ["Imaging"])
    assert not error.exists()
    wait_until(lambda: not kept.exists(), "the kept text to go")
    assert b"NOT saved" not in path.read_bytes()


@pytest.mark.parametrize(
    ("number", "line"), [(40, "group Imaging: vieuwer"), (41, f"user {JONAS}: reader")]
)
def test_a_line_that_was_added_and_refused_is_not_in_the_way_of_the_next(
    mounted: Mounted, number: int, line: str
) -> None:
    path = place(mounted, number)
    text = path.read_text()
    done = mounted.run(f"/bin/echo '{line}' | tee -a '{path}'")
    assert "Invalid argument" in done.stderr
    assert path.read_text() == text, "what is there now, not what was refused"
    assert line in (path.parents[1] / "error").read_text()
    assert (path.parents[1] / "sharing.not-saved").read_text() == f"{text}{line}\n"
    assert mounted.run(f"echo 'user {JONAS}: viewer' | tee -a '{path}'").returncode == 0
    assert list(mounted.server.store.get(make_id(number)).roles) == [JONAS]
    assert not (path.parents[1] / "error").exists()


@pytest.mark.parametrize(
    ("number", "command"),
    [(14, ": > '{}'"), (15, "cp /dev/null '{}'"), (16, "truncate -s 0 '{}'"), (17, "echo > '{}'")],
)
def test_an_empty_text_is_refused(mounted: Mounted, number: int, command: str) -> None:
    path = place(mounted, number)
    mounted.run(command.format(path))  # a shell doesn't say what its `>` met
    assert "you would no longer be an owner" in (path.parents[1] / "error").read_text()
    assert lines(path) == ["everyone: none", f"user {MAYA}: owner"]
    done = mounted.run(f"(cat '{path}'; echo 'user {JONAS}: viewer') > x && cat x > '{path}'")
    assert done.returncode == 0, done.stderr
    assert mounted.server.store.get(make_id(number)).roles == {JONAS: "viewer"}
    assert not (path.parents[1] / "error").exists()


def test_half_a_text_of_a_killed_program_is_not_sent(mounted: Mounted) -> None:
    path = place(mounted, 10)
    script = f"import os; f = open('{path}', 'w'); f.write('everyone: viewer\\n'); f.flush(); "
    mounted.run(f'python3 -c "{script} os.kill(os.getpid(), 9)"')
    wait_until((path.parents[1] / "error").exists, "the report")
    assert "killed by a signal" in (path.parents[1] / "error").read_text()
    assert mounted.server.store.get(make_id(10)).everyone == "none"


def test_error_goes_once_it_is_put_right_elsewhere(mounted: Mounted) -> None:
    path = place(mounted, 18)
    error, asset = path.parents[1] / "error", make_id(18)
    rule = mounted.server.faults.add(503, "POST", "data_assets/*/permissions")
    text = path.read_text().replace("everyone: none", "everyone: viewer")
    with pytest.raises(OSError, match=r"."):
        path.write_text(text)
    mounted.server.faults.remove(rule)
    assert "503" in error.read_text()
    # Another change of sharing does not put it right: the file shows what there is now.
    assert mounted.cli("share", asset, "--group", "Imaging:viewer").returncode == 0
    wait_until(lambda: "some other way meanwhile" in error.read_text(), "the news in error")
    assert "you wrote:\n" in error.read_text()
    assert lines(path) == ["everyone: none", "group Imaging: viewer", f"user {MAYA}: owner"]
    assert "Waiting for you" in mounted.cli("log").stdout
    assert mounted.cli("share", asset, "--everyone", "viewer").returncode == 0
    wait_until(lambda: not error.exists(), "the report of what was put right to go")
    assert "put right elsewhere" in (mounted.folder / ".coexplorer" / "log").read_text()
    rule = mounted.server.faults.add(503, "POST", "data_assets/*/permissions")
    assert lines(path) == ["everyone: viewer", "group Imaging: viewer", f"user {MAYA}: owner"]
    with pytest.raises(OSError, match=r"."):
        path.write_text(f"everyone: none\nuser {MAYA}: owner\n")
    mounted.server.faults.remove(rule)
    assert "503" in error.read_text()
    assert mounted.cli("retry").returncode == 0
    wait_until(lambda: not error.exists(), "the report of what was sent again to go")
    assert lines(path) == ["everyone: none", f"user {MAYA}: owner"]


REFUSED = {
    "about/sharing": (
        "printf 'everyone: viewer\\nuser jonas.lind@example.org: editor\\n' > t; cp t \"$F\"",
        'cp /dev/null "$F"',
        ': > "$F"',
        "printf 'everyone: viewer\\nsomebody\\n' > t; cp t \"$F\"",
    ),
    "metadata.toml": ("echo 'a = [' > t; cp t \"$F\"",),
    "name": ("printf 'two\\nlines\\n' > t; cp t \"$F\"", 'echo > t; cp t "$F"'),
    "tags": ("printf 'a\\033b\\n' > t; cp t \"$F\"",),
    "description.md": ("printf 'M\\374ller\\n' > t; cp t \"$F\"",),
}


def test_what_is_refused_before_it_is_sent_is_kept_and_told(mounted: Mounted) -> None:
    cases = [(name, script) for name, scripts in REFUSED.items() for script in scripts]
    folders = {}
    for number, (name, script) in enumerate(cases, 22):
        folders[number] = folder = mounted.folder / "all" / f"a{number}"
        mounted.run(script, F=str(folder / name))
        assert (folder / "error").exists(), (name, script)
    # What is put right elsewhere goes, so the mount has looked at all of them by then.
    last = place(mounted, 39)
    rule = mounted.server.faults.add(503, "POST", "data_assets/*/permissions")
    with pytest.raises(OSError, match=r"."):
        last.write_text(f"everyone: viewer\nuser {MAYA}: owner\n")
    mounted.server.faults.remove(rule)
    assert mounted.cli("retry").returncode == 0
    wait_until(lambda: not (last.parents[1] / "error").exists(), "a report to go")
    for again in range(2):
        refused = mounted.cli("log", "--refused").stdout
        for number, (name, script) in zip(folders, cases, strict=True):
            folder = folders[number]
            if "somebody" in script:  # its roles can't be written down
                assert (folder / "sharing.not-saved").exists()
                assert (folder / "error").exists() or again
                continue
            assert (folder / "error").exists(), (again, name, script)
            assert f"a{number}" in refused, (again, name, script)
        if not again:
            mounted.settle()
            mounted.stop()
            mounted.start()
    told = (folders[22] / "error").read_text()
    assert f"user {JONAS}: editor\n" in told
    assert "you would no longer be an owner" in told
    # A good save, and discard, end it.
    text = (folders[22] / "about/sharing").read_text()
    (folders[22] / "about/sharing").write_text(text + f"user {JONAS}: editor\n")
    assert not (folders[22] / "error").exists()
    assert mounted.cli("discard", "--refused").returncode == 0
    wait_until(lambda: not (folders[23] / "error").exists(), "what was given up to go")
    assert len(mounted.server.requests("POST", f"*/{make_id(23)}/permissions")) == 0


def test_silence_is_told_and_looked_into(mounted: Mounted) -> None:
    path = place(mounted, 19)
    error, text = path.parents[1] / "error", path.read_text()
    rule = mounted.server.faults.add("silence", "POST", "data_assets/*/permissions")
    with pytest.raises(OSError, match=r".") as caught:
        path.write_text(text.replace("everyone: none", "everyone: viewer"))
    assert caught.value.errno == errno.ETIMEDOUT
    assert "did not answer within 10 s" in error.read_text()
    assert mounted.status()["errors"] != "0"
    assert "everyone: viewer" in path.read_text()
    mounted.server.faults.remove(rule)
    assert mounted.cli("retry").returncode == 0
    wait_until(lambda: not error.exists(), "the report of what was sent again to go")
    assert mounted.server.store.get(make_id(19)).everyone == "viewer"


@pytest.mark.parametrize(
    "command",
    [
        "test -s '{path}' && cat '{path}'",
        "cp '{path}' x && cat x",
        "cp --sparse=always '{path}' x && cat x",
        "rsync -a '{path}' x && cat x",
        "tar cf - -C '{folder}' about | tar xOf - about/sharing",
        "python3 -c 'import shutil, sys; shutil.copyfile(*sys.argv[1:])' '{path}' x && cat x",
        "git init -q r && cd r && git cat-file blob $(git hash-object -w '{path}')",
        "head -c $(stat -c %s '{path}') '{path}'",
        "tail -c +1 '{path}'",
    ],
)
def test_tools_that_go_by_the_size_read_the_whole_text(mounted: Mounted, command: str) -> None:
    path = place(mounted, 20)
    mounted.server.store.update(make_id(20), groups={"Imaging": "viewer"})
    wanted = [f"user {MAYA}: owner", "group Imaging: viewer", "everyone: none"]
    done = mounted.run("rm -rf x r; " + command.format(path=path, folder=path.parents[1]))
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert sorted(shown) == sorted(wanted)


def test_what_is_written_at_the_end_is_added(mounted: Mounted) -> None:
    path = place(mounted, 18)
    with path.open("r+") as file:
        file.seek(0, 2)
        file.write(f"user {PRIYA}: viewer\n")
        file.flush()
        assert file.seek(0, 2) == path.stat().st_size == os.fstat(file.fileno()).st_size
    assert mounted.server.store.get(make_id(18)).roles == {PRIYA: "viewer"}
    before = path.stat()
    mounted.server.store.update(make_id(18), roles={PRIYA: "editor"})
    path.read_text()
    assert path.stat().st_size == before.st_size  # so only the time tells a copy what is new
    assert path.stat().st_mtime_ns > before.st_mtime_ns
    mounted.server.store.update(make_id(18), roles={})


def test_every_size_is_that_of_the_text(mounted: Mounted) -> None:
    asset = place(mounted, 17).parents[1]
    assert save(asset / "tags", "\x00\n")
    paths = [path for folder in (asset, asset / "about") for path in folder.iterdir()]
    paths += [each for each in (mounted.folder / ".coexplorer").iterdir() if each.is_file()]
    files = [path for path in paths if path.is_file() and path.name not in ("log", "refresh")]
    assert {"name", "metadata.toml", "asset.json", "error", "sharing", "status"} <= {
        path.name for path in files
    }
    assert [path.name for path in files if path.stat().st_size != len(path.read_bytes())] == []


@pytest.mark.parametrize(
    "line",
    ['group "Data stewards": viewer', "group 'Data stewards': viewer", '"group Imaging": editor'],
)
def test_quotes_around_a_name_are_not_part_of_it(mounted: Mounted, line: str) -> None:
    path = place(mounted, 42)
    path.write_text(path.read_text() + f"{line}\n")
    name = "Imaging" if "Imaging" in line else "Data stewards"
    assert name in mounted.server.store.get(make_id(42)).groups


@pytest.mark.parametrize(("number", "added"), [(43, "group Nobodies"), (44, "group nosuch")])
def test_what_was_done_in_part_is_not_said_to_be_unsaved(
    mounted: Mounted, number: int, added: str
) -> None:
    path = place(mounted, number)
    text = path.read_text()
    with pytest.raises(OSError, match=r".") as caught:
        path.write_text(f"{text}group Imaging: viewer\n{added}: viewer\n")
    assert caught.value.errno == errno.EINVAL
    assert list(mounted.server.store.get(make_id(number)).groups) == ["Imaging"]
    assert lines(path) == ["everyone: none", "group Imaging: viewer", f"user {MAYA}: owner"]
    assert "NOT saved" not in path.read_text()
    error = path.parents[1] / "error"
    assert f"{added.removeprefix('group ')} is not known there" in error.read_text()
    assert "the rest is done" in error.read_text()
    path.write_text(path.read_text())  # it will do as it is: so error says, to end it
    assert not error.exists()


def test_error_tells_what_became_of_a_retry(mounted: Mounted) -> None:
    path = place(mounted, 45)
    error, asset = path.parents[1] / "error", make_id(45)
    rule = mounted.server.faults.add(500, "POST", "data_assets/*/permissions")
    with pytest.raises(OSError, match=r"."):
        path.write_text(path.read_text() + f"user {JONAS}: viewer\n")
    mounted.server.faults.remove(rule)
    assert "status 500" in error.read_text()
    assert "NOT saved" in path.read_text()
    mounted.server.store.update(asset, roles={JONAS: "editor"})
    assert mounted.cli("retry").returncode != 0
    told = f"{JONAS} was given editor elsewhere, not viewer"
    wait_until(lambda: told in error.read_text(), "the conflict in error")
    assert "status 500" not in error.read_text()
    assert f"you wanted:\nuser {JONAS}: viewer\n" in error.read_text()
    # What others did is to be seen before it is written over.
    assert lines(path) == ["everyone: none", f"user {MAYA}: owner", f"user {JONAS}: editor"]
    assert "NOT saved" not in path.read_text()
    path.write_text(path.read_text().replace("editor", "viewer"))
    assert mounted.server.store.get(asset).roles == {JONAS: "viewer"}
    assert not error.exists()


def test_a_listing_of_thousands_is_not_a_request_each() -> None:
    texts = FetchedTexts(1)
    asked = [inode for inode in range(5_000) if texts.takes_turn(inode, 100.0)]
    assert len(asked) == 20
    assert not texts.takes_turn(9_999, 150.0)
    assert texts.takes_turn(9_999, 161.0)  # it begins anew after a while
    for inode in range(5_000):  # one after another, as tar does: each is read
        assert texts.takes_turn(inode, 300.0)
        texts.note(inode, b"text", 300.0, 2)
        assert not texts.takes_turn(inode, 301.0)
        texts.note_open(inode)
    assert texts.takes_turn(7_000, 390.0)
    assert not texts.takes_turn(7_000, 394.0)  # that one is not told; others may be
    assert texts.takes_turn(7_001, 394.0)
    texts.note_silence(400.0)
    assert not texts.takes_turn(1, 404.0)
    assert texts.takes_turn(1, 406.0)
