"""What was not saved is told as soon as it is known, and no longer than it is true."""

from __future__ import annotations

import errno
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.demo.faults import FaultKind
from coexplorer.fields import Fields
from coexplorer.library.kept_texts import has_words
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(n, f"a{n}") for n in range(1, 20)]
    with mounting(tmp_path_factory.mktemp("right"), assets) as mounted:
        yield mounted


def unsent(mounted: Mounted, number: int) -> list[str]:
    found = (mounted.folder / ".coexplorer" / "unsent").iterdir()
    return [each.name for each in found if f"-a{number}." in each.name]


@pytest.mark.parametrize(
    ("number", "file", "text"),
    [(1, "description.md", "new\n"), (2, "tags", "new\nother\n"), (3, "mount", "new\n")],
)
def test_a_save_that_follows_a_yes_that_did_nothing_leaves_no_error(
    mounted: Mounted, number: int, file: str, text: str
) -> None:
    asset, path = mounted.asset(f"a{number}"), f"data_assets/{make_id(number)}"
    rule = mounted.server.faults.add("ignore", "PUT", path)
    for _ in range(2):
        assert save(asset / file, text) == errno.EIO
        assert len(unsent(mounted, number)) == 1  # the same text is there once
        assert "an earlier text of yours" not in (asset / "error").read_text()
    mounted.server.faults.remove(rule)
    assert save(asset / file, text) == 0
    assert not (asset / "error").exists()
    wait_until(lambda: not unsent(mounted, number), "what is saved to wait no more")
    assert (asset / file).read_text().split() == text.split()


def test_what_a_later_text_has_in_other_lines_waits_no_more(mounted: Mounted) -> None:
    asset, path = mounted.asset("a4"), f"data_assets/{make_id(4)}"
    rule = mounted.server.faults.add(503, "PUT", path)
    assert mounted.run(f"sed -i '$a two words' '{asset}/description.md'").returncode
    mounted.server.faults.remove(rule)
    # None of the lines is as it was written then.
    done = mounted.run(f"sed -i 's/$/, and two words more/' '{asset}/description.md'")
    assert done.returncode == 0
    assert not (asset / "error").exists()
    wait_until(lambda: not unsent(mounted, 4), "what is saved to wait no more")


@pytest.mark.parametrize(
    ("base", "mine", "now", "has"),
    [
        ("a", "a\nb c", "a, b c d", True),
        ("a", "a\nb c", "x b c y", True),
        ("a", "a\nb c", "b\nc", True),
        ("a", "a\nb c", "b x c", False),
        ("a", "a\nb c", "bb c", False),
        ("a b", "b a", "a b", False),
        ("a", "b", "a b", True),
        ("a", "b", "a\nb", False),
        ("a", "a b", "", False),
    ],
)
def test_words_of_a_line_count_in_any_line(base: str, mine: str, now: str, *, has: bool) -> None:
    fields = [Fields(name="x", description=text) for text in (now, base, mine)]
    assert has_words(*fields) is has


def test_the_way_out_of_a_conflict_works_as_it_is_told(mounted: Mounted) -> None:
    asset, path = mounted.asset("a5"), f"data_assets/{make_id(5)}"
    assert (asset / "description.md").read_text() == "old text\n"
    mounted.server.faults.add("lost", "PUT", path, times=1)
    mounted.server.faults.add(503, "GET", path, after=1, times=12)
    assert save(asset / "description.md", "mine\n")
    mounted.server.store.update(make_id(5), description="theirs")

    def find_way() -> re.Match[str] | None:
        return re.search(r"in this folder: (.*)", (asset / "error").read_text())

    wait_until(find_way, "what became of it")
    way = find_way()
    assert way is not None
    assert "as the platform has:\ntheirs\n" in (asset / "error").read_text()
    done = mounted.run(f"cd '{asset}' && {way[1]}")
    assert done.returncode == 0, done.stderr
    assert mounted.server.store.get(make_id(5)).description == "mine"
    assert not (asset / "error").exists()


def test_what_a_crash_cut_off_is_told_once_it_is_known(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1"), make_asset(2, "a2")]) as mounted:
        files = [mounted.asset("a1") / "description.md", mounted.asset("a2") / "tags"]
        mounted.server.faults.add(FaultKind.SILENCE, "PUT", "data_assets/*")
        saves = [
            subprocess.Popen(["sh", "-c", f"echo new > '{file}'"], stderr=subprocess.DEVNULL)
            for file in files
        ]
        wait_until(lambda: len(mounted.writes()) == 2, "both saves to be sent")
        mounted.kill()
        mounted.server.faults.clear()
        mounted.server.faults.release()
        for each in saves:
            each.wait()
        mounted.start()
        for file in files:
            error = file.parent / "error"
            wait_until(error.exists, "the report of what did not arrive")
            assert "it did not reach the platform" in error.read_text()
        assert len(list((mounted.folder / ".coexplorer" / "unsent").iterdir())) == 2
        assert mounted.status()["errors"] == "2"


@pytest.mark.parametrize(("number", "archived"), [(6, True), (7, False)])
def test_a_move_that_the_platform_only_says_it_made_is_told(
    mounted: Mounted, number: int, *, archived: bool
) -> None:
    folders = [mounted.folder / "all", mounted.folder / "archived"]
    source, target = folders if archived else folders[::-1]
    if not archived:
        (mounted.folder / "all" / f"a{number}").rename(source / f"a{number}")
    rule = mounted.server.faults.add("ignore", "PATCH", f"data_assets/{make_id(number)}/archive")
    done = mounted.run(f"mv '{source}/a{number}' '{target}/'")
    assert done.returncode
    assert "Input/output error" in done.stderr
    assert "does not list it so" in (source / f"a{number}" / "error").read_text()
    assert not (target / f"a{number}").exists()
    mounted.server.faults.remove(rule)
    assert mounted.run(f"mv '{source}/a{number}' '{target}/'").returncode == 0
    assert mounted.server.store.get(make_id(number)).archived is archived
    assert not (target / f"a{number}" / "error").exists()


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (8, "printf 'x\n' >> '{}'"),
        (9, "printf 'x\n' | tee -a '{}' > /dev/null"),
        (10, """python3 -c 'f = open("{}", "a"); f.write("x\\n"); f.close()'"""),
    ],
)
def test_what_is_added_goes_to_the_newest_text(mounted: Mounted, number: int, command: str) -> None:
    file = mounted.asset(f"a{number}") / "description.md"
    assert file.read_text() == "old text\n"
    mounted.server.store.update(make_id(number), description="theirs")  # nobody here has heard
    done = mounted.run(command.format(file))
    assert done.returncode == 0, done.stderr
    assert mounted.server.store.get(make_id(number)).description == "theirs\nx"
    assert not (file.parent / "error").exists()
    wait_until(lambda: file.read_text() == "theirs\nx\n", "the text of both")
    assert not unsent(mounted, number)


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (11, "(cat '{0}'; echo x) > x && cp x '{0}'"),  # a copy that came back
        (12, "sed -i '$a x' '{0}'"),
        (13, """python3 -c 'f = open("{0}", "r+"); f.read(); f.write("x"); f.close()'"""),
    ],
)
def test_who_has_read_the_old_text_meets_the_new_one(
    mounted: Mounted, number: int, command: str
) -> None:
    file = mounted.asset(f"a{number}") / "description.md"
    assert file.read_text() == "old text\n"
    mounted.server.store.update(make_id(number), description="theirs")
    assert mounted.run(command.format(file)).returncode
    assert mounted.server.store.get(make_id(number)).description == "theirs"
    assert "it was before:\nold text\n" in (file.parent / "error").read_text()


@pytest.mark.parametrize(
    ("number", "file", "text", "saved"),
    [
        (14, "description.md", "a\r\nb\r\n", "a\nb\n"),
        (14, "tags", "b\r\na\r\n", "b\na\n"),
        (14, "mount", "there\r\n", "there\n"),
    ],
)
def test_line_ends_of_windows_are_not_shown_as_if_they_were_saved(
    mounted: Mounted, number: int, file: str, text: str, saved: str
) -> None:
    path = mounted.asset(f"a{number}") / file
    path.write_bytes(text.encode())
    wait_until(lambda: path.read_bytes() == saved.encode(), "what was saved")


def test_an_unmount_waits_for_a_save_on_its_way(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        mounted.server.faults.add("latency", "PUT", "data_assets/*", seconds=3)
        copy = f"echo new > x && cp x '{mounted.asset('a1')}/description.md'"
        saving = subprocess.Popen(["sh", "-c", copy], cwd=mounted.home)
        wait_until(mounted.writes, "the save to be sent")
        done = mounted.cli("umount", str(mounted.folder))
        assert done.returncode == 0, done.stderr
        assert saving.wait() == 0
        assert mounted.server.store.get(make_id(1)).description == "new"


def test_an_empty_value_that_may_not_be_is_refused_by_the_close(mounted: Mounted) -> None:
    asset = mounted.asset("a15")
    done = mounted.run(f"cp /dev/null '{asset}/name'")
    assert done.returncode
    assert "Invalid argument" in done.stderr
    assert "it can't be empty" in (asset / "error").read_text()
    # A shell empties a file before it writes it.
    assert mounted.run(f": > '{asset}/name'; echo other >> '{asset}/name'").returncode == 0
    assert mounted.server.store.get(make_id(15)).name == "other"
    assert not (mounted.asset("other") / "error").exists()
