"""A platform that says what none should: the library keeps what is good of it and says so."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coexplorer.api import retry, transport
from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.errors import BadReply, Refused
from coexplorer.fields import Fields
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, Secret
from coexplorer.query import parse_query
from tests.support.hostile import NO_IDS
from tests.support.rawserver import Asked, RawServer, head, raw_server, reply

A = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
B = AssetId("bbbbbbbb-0000-4000-8000-000000000002")
Folder = Callable[[str], list[dict[str, object]]]


def build_settings(server: RawServer, folder: Path) -> Settings:
    return Settings(
        profile="test",
        base_url=server.url,
        domain="127.0.0.1",
        token_source=GivenToken("test", Secret("cop_t")),
        catalog_path=folder / "catalog.sqlite3",
        journal_path=folder / "journal.sqlite3",
        paths=Paths(folder / "config", folder / "cache", folder / "state"),
        mount_folder=folder / "mount",
    )


@contextmanager
def platform(tmp_path: Path, list_folder: Folder) -> Iterator[tuple[RawServer, Settings]]:
    """Run a platform whose folders are listed by a function; each file never ends."""

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            yield reply(200, {"items": list_folder(json.loads(asked.body)["path"])})
        elif asked.path.endswith("/files/urls"):
            yield reply(200, {"download_url": f"{server.url}/storage"})
        elif asked.path == "/storage":
            yield head(200, ETag='"1"')
            while True:
                yield b"x" * 100_000

    with raw_server(answer) as server:
        yield server, build_settings(server, tmp_path)


def folder(path: str) -> dict[str, object]:
    return {"name": path.rpartition("/")[2], "path": path, "type": "folder"}


def file(path: str, size: int = 10) -> dict[str, object]:
    return {"name": path.rpartition("/")[2], "path": path, "type": "file", "size": size}


async def walk(library: Library) -> AsyncIterator[str]:
    async with aclosing(library.walk_files(A)) as entries:
        async for entry in entries:
            yield entry.path


async def list_all(library: Library) -> list[str]:
    return [path async for path in walk(library)]


async def test_a_folder_that_lists_itself_is_listed_once(tmp_path: Path) -> None:
    def listing(path: str) -> list[dict[str, object]]:
        return [folder("a"), folder("b")] if not path else [folder("a"), folder(path), file("a/f")]

    with platform(tmp_path, listing) as (server, settings):
        async with open_library(settings, origin="cli") as library:
            assert await list_all(library) == ["a", "a/f", "b", "a/f"]
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "listing",
    [
        lambda path: [folder(f"{path}/a".strip("/"))],
        lambda path: [folder(f"{path}x")],
        lambda path: [folder(f"{path}/./a".strip("/"))],
    ],
    ids=["deeper", "beside", "dots"],
)
@pytest.mark.parametrize("how", ["list", "download"])
async def test_folders_without_end_are_refused(tmp_path: Path, listing: Folder, how: str) -> None:
    with platform(tmp_path, listing) as (server, settings):
        async with open_library(settings, origin="cli") as library:
            use = list_all(library) if how == "list" else library.download(A, "", tmp_path / "to")
            with pytest.raises(Refused, match="without an end"):
                await use
    assert len(server.asked) < 150


async def test_no_more_of_a_file_is_written_than_was_announced(tmp_path: Path) -> None:
    with platform(tmp_path, lambda _: [file("f", 1000)]) as (_, settings):
        async with open_library(settings, origin="cli") as library:
            with pytest.raises(Refused, match="more than 1,000 bytes"):
                await library.download(A, "", tmp_path / "to")
    assert sum(each.stat().st_size for each in (tmp_path / "to").iterdir()) < 1100


async def test_a_listing_of_another_folder_is_refused(tmp_path: Path) -> None:
    def listing(path: str) -> list[dict[str, object]]:
        return [folder("sub/deep")] if path == "sub" else [file("elsewhere/x")]

    with platform(tmp_path, listing) as (_, settings):
        async with open_library(settings, origin="cli") as library:
            with pytest.raises(Refused, match="outside of the target folder"):
                await library.download(A, "sub/deep", tmp_path / "to")


async def test_rows_without_usable_ids_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    rows = [{"id": text, "name": "bad"} for text in NO_IDS]
    page = {"results": [{"id": A, "name": "first"}, *rows, {"id": B, "name": "last"}]}

    def answer(asked: Asked) -> Iterable[bytes]:
        archived = json.loads(asked.body).get("archived")
        return [reply(200, {"has_more": False} | ({"results": []} if archived else page))]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            for _ in range(2):  # what the first left must not disturb the second
                report = await library.sync()
                assert report.complete
                assert (report.total, report.left_out) == (2, len(NO_IDS))
            found = await library.find_remote(parse_query(""), offset=0, limit=None)
            assert [asset.id for asset in found.assets] == [A, B]
            assert found.left_out == len(NO_IDS)


async def test_an_edit_is_not_built_on_another_asset(tmp_path: Path) -> None:
    """A cache in between that mixes replies up must not make us write B's fields over A's."""
    theirs = {
        "id": B,
        "state": "ready",
        "name": "theirs",
        "description": "B",
        "tags": ["b"],
        "mount": "b",
    }
    with raw_server(lambda _: [reply(200, theirs)]) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            with pytest.raises(BadReply, match="another asset"):
                await library.fetch(A)
            with pytest.raises(BadReply, match="another asset"):
                await library.edit(A, base=Fields("mine"), mine=Fields("new"))
    assert {asked.method for asked in server.asked} == {"GET"}


# --- Writes that are answered, and not done


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repetitions come at once."""

    def find_wait_s(*args: Any, **kwargs: Any) -> float | None:
        wait_s = retry.find_wait_s(*args, **kwargs)
        return None if wait_s is None else 0.001

    monkeypatch.setattr(transport, "find_wait_s", find_wait_s)


MINE = {"id": A, "state": "ready", "name": "mine", "description": "", "tags": [], "mount": "m"}


class Promises:
    """A platform with one asset that answers each write unclearly, and may carry it out."""

    def __init__(self, status: int, body: object, *, keeps: bool) -> None:
        self.status = status
        self.body = body
        self.keeps = keeps
        self.archived = False
        self.gone = False

    def answer(self, asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/search"):
            wanted = json.loads(asked.body).get("archived")
            there = not self.gone and wanted in (None, self.archived)
            return [reply(200, {"has_more": False, "results": [MINE] if there else []})]
        if asked.method == "GET":
            return [reply(404) if self.gone else reply(200, MINE)]
        if self.keeps:
            self.archived = "archive=true" in asked.target
            self.gone = asked.method == "DELETE"
        return [reply(self.status, self.body)]


UNCLEAR = [(202, {}), (206, b""), (200, {"id": B}), (200, {**MINE, "id": B}), (205, b"")]


@pytest.mark.parametrize(("status", "body"), UNCLEAR)
@pytest.mark.parametrize("deletes", [True, False], ids=["delete", "archive"])
@pytest.mark.parametrize("keeps", [True, False], ids=["done", "not done"])
async def test_a_write_counts_as_done_only_when_that_is_read_back(
    tmp_path: Path, hasty: None, status: int, body: object, *, deletes: bool, keeps: bool
) -> None:
    stranger = Promises(status, body, keeps=keeps)
    stranger.archived = deletes
    with raw_server(stranger.answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            if deletes:
                use = library.delete(A, archive_first=False)
            else:
                use = library.archive(A, archived=True)
            if keeps:
                assert (await use).state == "applied"
                return
            with pytest.raises(BadReply) as caught:
                await use
            assert caught.value.outcome_unknown
            assert [entry.state for entry in await library.log()] == ["unknown"]
