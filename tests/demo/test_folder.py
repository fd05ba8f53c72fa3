"""The data folder: who owns it, and what may be deleted in it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.buckets import SAMPLE_PRIVATE, SAMPLE_PUBLIC, ensure_sample_buckets
from coexplorer.demo.folder import empty_folder, tell_trouble
from coexplorer.demo.samples import generate
from coexplorer.demo.server import DemoServer
from coexplorer.errors import FileTrouble, Refused


def test_data_folder_is_for_one_server_at_a_time(server: DemoServer) -> None:
    with pytest.raises(Refused, match="another embedded server"):
        DemoServer(server.data)
    with pytest.raises(Refused, match="another embedded server"):
        empty_folder(server.data)
    assert server.store.count() == 9
    server.close()
    with DemoServer(server.data) as next_one:
        assert next_one.users == server.users


@pytest.mark.parametrize(
    "path", ["thesis.tex", ".git/HEAD", "contents/mine.txt", "store.sqlite", "secrets.json"]
)
def test_folder_with_other_things_is_left_alone(tmp_path: Path, path: str) -> None:
    file = tmp_path / "work" / path
    file.parent.mkdir(parents=True)
    file.write_text("years of work")
    for act in (DemoServer, empty_folder):
        with pytest.raises(Refused, match="not a data folder"):
            act(tmp_path / "work")
    assert [each for each in (tmp_path / "work").rglob("*") if each.is_file()] == [file]
    assert file.read_text() == "years of work"


def test_emptying_deletes_what_the_server_made_and_nothing_else(server: DemoServer) -> None:
    data, token = server.data, server.users[0].token
    ensure_sample_buckets(data)
    (server.make_bucket("lab-data") / "mine.txt").write_text("mine")
    (data / "contents" / "some-id").mkdir()
    (data / "contents" / "some-id" / "copied.txt").write_text("theirs")
    server.close()
    empty_folder(data)
    assert {path.name for path in data.rglob("*") if path.is_file()} == {
        "lock",
        "mine.txt",
    }
    buckets = {path.name for path in (data / "buckets").iterdir()}
    assert not buckets & {SAMPLE_PUBLIC, SAMPLE_PRIVATE}
    with DemoServer(data) as fresh:
        assert fresh.store.count() == 0
        assert fresh.users[0].token != token


def test_folder_that_got_other_things_is_used_but_not_emptied(server: DemoServer) -> None:
    (server.data / "notes.txt").write_text("mine")
    server.close()
    with pytest.raises(Refused, match=r"it holds notes\.txt"):
        empty_folder(server.data)
    with DemoServer(server.data) as again:
        assert again.store.count() == 9


def test_buckets_may_be_there_before_the_server(tmp_path: Path) -> None:
    (tmp_path / "new" / "buckets" / "lab-data").mkdir(parents=True)
    with DemoServer(tmp_path / "new") as server:
        assert server.store.count() == 0


def test_start_that_was_cut_off_can_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "new" / "contents").mkdir(parents=True)
    (tmp_path / "new" / "lock").touch()
    with DemoServer(tmp_path / "new") as server:
        assert server.store.count() == 0


def test_emptying_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    empty_folder(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_link_to_elsewhere_is_not_followed(server: DemoServer, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    server.close()
    (server.data / "contents").rmdir()
    (server.data / "contents").symlink_to(elsewhere)
    empty_folder(server.data)
    assert (elsewhere / "mine.txt").exists()


SECRETS = b'{"users":[{"id":"0'


@pytest.mark.parametrize(
    "files",
    [
        {"secrets.json": b""},
        {"secrets.json": SECRETS},
        {"secrets.json": b"", "store.sqlite": b""},
        {"secrets.json": SECRETS, "store.sqlite": b""},
        {"secrets.json.new": SECRETS},
        {"secrets.json.new": b"", "secrets.json": b'{"use'},
        {"store.sqlite": b""},
    ],
    ids=range(7),
)
@pytest.mark.parametrize("fresh", [False, True])
def test_half_made_folder_is_taken_for_our_own(
    tmp_path: Path, files: dict[str, bytes], *, fresh: bool
) -> None:
    data = tmp_path / "data"
    (data / "contents").mkdir(parents=True)
    (data / "lock").touch()
    for name, content in files.items():
        (data / name).write_bytes(content)
    if fresh:
        empty_folder(data)
        assert not {path.name for path in data.iterdir()} & files.keys()
    with DemoServer(data) as server:
        users = server.users
    with DemoServer(data) as again:
        assert again.users == users


@pytest.mark.parametrize(
    "path", ["store.sqlite-wal", "secrets.json", "secrets.json.new", "contents"]
)
def test_others_files_of_the_same_names_are_left_alone(tmp_path: Path, path: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "secrets.json").write_bytes(SECRETS)
    (tmp_path / "work" / path).write_text("years of work")
    for act in (DemoServer, empty_folder):
        with pytest.raises(Refused, match="not a data folder"):
            act(tmp_path / "work")
    assert (tmp_path / "work" / path).read_text() == "years of work"


def test_secrets_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"")
    (tmp_path / "secrets.json").write_text('{"mine": "all"}')
    with pytest.raises(Refused, match=r"secrets\.json does not belong to the embedded"):
        DemoServer(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == '{"mine": "all"}'


def test_store_that_is_no_database_is_told(server: DemoServer) -> None:
    server.close()
    (server.data / "store.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(FileTrouble, match="not a database"):
        DemoServer(server.data)
    empty_folder(server.data)
    with DemoServer(server.data) as again:
        assert again.store.count() == 0


def test_fill_that_breaks_off_leaves_no_part_of_it(tmp_path: Path) -> None:
    def break_off() -> Iterator[StoredAsset]:
        yield from generate(5_500, seed=1, now=1e9, owner="a@b.org", colleague="c@d.org")
        raise OSError(errno.ENOSPC, "No space left on device")

    with DemoServer(tmp_path / "new") as server:
        with pytest.raises(FileTrouble, match="the disk is full"), tell_trouble(server.data):
            server.store.insert(break_off())
        assert server.store.count() == 0
        server.store.insert(generate(3, seed=1, now=1e9, owner="a@b.org", colleague="c@d.org"))
        assert server.store.count() == 3
