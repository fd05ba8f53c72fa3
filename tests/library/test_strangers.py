"""A platform that answers nonsense: the library keeps the good part and says so."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coexplorer.api import retry, transport
from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.errors import BadReply, CoexplorerError, PlatformFault, Refused
from coexplorer.fields import Fields
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, Secret
from coexplorer.query import parse_query
from tests.support.hostile import NO_IDS
from tests.support.rawserver import Asked, RawServer, head, raw_server, reply

A = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
B = AssetId("bbbbbbbb-0000-4000-8000-000000000002")
Folder = Callable[[str], list[dict[str, object]]]
MINE = {"id": A, "state": "ready", "name": "mine", "description": "", "tags": [], "mount": "m"}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repetitions come at once."""

    def find_wait_s(*args: Any, **kwargs: Any) -> float | None:
        wait_s = retry.find_wait_s(*args, **kwargs)
        return None if wait_s is None else 0.001

    monkeypatch.setattr(transport, "find_wait_s", find_wait_s)


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
    async with aclosing(library.files.walk(A)) as entries:
        async for entry in entries:
            yield entry.path


async def list_all(library: Library) -> list[str]:
    return [path async for path in walk(library)]


async def test_a_folder_that_lists_itself_is_listed_once(tmp_path: Path) -> None:
    def listing(path: str) -> list[dict[str, object]]:
        return [folder("a"), folder("b")] if not path else [folder("a"), folder(path), file("a/f")]

    told: list[str] = []
    with platform(tmp_path, listing) as (server, settings):
        async with open_library(settings, origin="cli") as library:
            walk = library.files.walk(A, trouble=lambda error: told.append(error.message))
            async with aclosing(walk) as entries:
                assert [entry.path async for entry in entries] == ["a", "a/f", "b"]
            with pytest.raises(BadReply, match="where it is not"):
                await list_all(library)
    assert told == [
        "the platform lists 'a' and 1 more in 'a', where it is not",
        "the platform lists 'a' and 2 more in 'b', where it is not",
    ]
    assert len(server.asked) == 5


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
            use = (
                list_all(library)
                if how == "list"
                else library.files.download(A, "", tmp_path / "to")
            )
            with pytest.raises((Refused, BadReply), match=r"without end|where it is not"):
                await use
    assert len(server.asked) < 350


async def test_folders_that_come_next_are_listed_meanwhile(tmp_path: Path) -> None:
    names = [f"d{number:02}" for number in range(30)]
    third = threading.Event()
    waited: list[bool] = []

    def answer(asked: Asked) -> Iterable[bytes]:
        if not asked.path.endswith("/files"):
            return [reply(200, MINE)]
        path = json.loads(asked.body)["path"]
        if path == "d02":
            third.set()
        if path == "d00":
            waited.append(third.wait(timeout=60))
        items = [file(f"{path}/f")] if path else [folder(name) for name in names]
        return [reply(200, {"items": items})]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            await library.platform.fetch(A)
            found = await list_all(library)
            asked = [json.loads(each.body)["path"] for each in server.asked if each.body]
    assert waited == [True], "nobody asked for the third before the first was there"
    assert sorted(asked) == ["", *names], "each is asked for once"
    assert found == [path for name in names for path in (name, f"{name}/f")]


async def test_no_more_of_a_file_is_written_than_was_announced(tmp_path: Path) -> None:
    with platform(tmp_path, lambda _: [file("f", 1000)]) as (_, settings):
        async with open_library(settings, origin="cli") as library:
            with pytest.raises(Refused, match="longer than the 1,000 bytes"):
                await library.files.download(A, "", tmp_path / "to")
    assert not list((tmp_path / "to").iterdir())


async def test_a_listing_of_another_folder_is_refused(tmp_path: Path) -> None:
    def listing(path: str) -> list[dict[str, object]]:
        return [folder("sub/deep")] if path == "sub" else [file("elsewhere/x")]

    with platform(tmp_path, listing) as (_, settings):
        async with open_library(settings, origin="cli") as library:
            with pytest.raises(
                BadReply, match="lists 'elsewhere/x' in 'sub/deep', where it is not"
            ):
                await library.files.download(A, "sub/deep", tmp_path / "to")


async def test_rows_without_usable_ids_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    rows = [{"id": text, "name": "bad"} for text in NO_IDS]
    page = {"results": [{"id": A, "name": "first"}, *rows, {"id": B, "name": "last"}]}

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.method == "GET":  # a sweep reads the schema of custom metadata, too
            return [reply(404)]
        archived = json.loads(asked.body).get("archived")
        return [reply(200, {"has_more": False} | ({"results": []} if archived else page))]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            for _ in range(2):  # what the first left must not disturb the second
                report = await library.sync.sweep()
                assert report.complete
                assert (report.total, report.left_out) == (2, len(NO_IDS))
            found = await library.platform.find(parse_query(""), offset=0, limit=None)
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
                await library.platform.fetch(A)
            with pytest.raises(BadReply, match="another asset"):
                await library.changes.edit(A, base=Fields("mine"), mine=Fields("new"))
    assert {asked.method for asked in server.asked} == {"GET"}


# --- Folders of which a part can't be had

Items = list[dict[str, object] | object] | None
LONG = "x" * 300

PARTS: dict[str, tuple[dict[str, Items], dict[str, object]]] = {
    "null inside": ({"": [file("a"), folder("d"), file("z")], "d": None}, {}),
    "no objects": ({"": [file("a"), 5, None, "b", [], file("z")]}, {}),
    "no names": ({"": [file("a"), {"size": 3}, {"name": 5, "path": {}}, file("z")]}, {}),
    "more": ({"": [file("a"), file("z")]}, {"has_more": True}),
    "a token": ({"": [file("a"), file("z")]}, {"next_token": "t"}),
    "elsewhere": ({"": [file("a"), file("d/x"), file("../y"), file("z")]}, {}),
    "dots": ({"": [file("a"), file(".."), file("."), file("z")]}, {}),
    "a NUL": ({"": [file("a"), file("x\0y"), file("z")]}, {}),
    "too long": ({"": [file("a"), file(LONG), file("z")]}, {}),
    "a long folder": ({"": [file("a"), folder(LONG), file("z")], LONG: [file(f"{LONG}/f")]}, {}),
    "two sizes": ({"": [file("a"), file("a", 9), file("z")]}, {}),
    "wrong sizes": ({"": [file("a"), file("s", 11), file("t", 9), file("z")]}, {}),
    "refused": ({"": [file("a"), file("403"), file("404"), file("z")]}, {}),
    "failing": ({"": [file("a"), file("500"), file("z")]}, {}),
    "no address": ({"": [file("a"), file("none"), file("z")]}, {}),
    "a folder that is gone": ({"": [file("a"), folder("gone"), file("z")]}, {}),
}


@pytest.mark.parametrize("kind", PARTS)
async def test_the_rest_of_an_asset_comes_and_what_does_not_is_told(
    tmp_path: Path, hasty: None, kind: str
) -> None:
    folders, more = PARTS[kind]

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            path = json.loads(asked.body)["path"]
            there = path in folders
            return [reply(200, {"items": folders[path], **more}) if there else reply(404)]
        if asked.path.endswith("/files/urls"):
            name = asked.target.rpartition("=")[2]
            if name == "none":
                return [reply(200, {"download_url": None})]
            return [reply(200, {"download_url": f"{server.url}/storage/{name[:20]}"})]
        if asked.path.startswith("/storage/"):
            status = asked.path.removeprefix("/storage/")
            return [reply(int(status) if status.isdigit() else 200, b"0123456789", ETag='"1"')]
        return [reply(200, MINE)]

    told: list[str] = []
    to = tmp_path / "to"
    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            written = await library.files.download(
                A, "", to, trouble=lambda error: told.append(error.message)
            )
            assert {"a", "z"} <= {str(path.relative_to(to)) for path in written}
            assert told
            with pytest.raises(CoexplorerError):  # nobody is told, so it is not passed over
                await library.files.download(A, "", tmp_path / "again")
    assert all(path.read_bytes() == b"0123456789" for path in written)
    assert not list(to.rglob(".coexplorer-*"))
    assert not (tmp_path / "y").exists()


async def test_a_file_whose_siblings_are_odd_is_had_without_a_word(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            return [reply(200, {"items": [None, file("elsewhere/x"), file("d/f")], "has_more": 1})]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        return [reply(200, b"0123456789")]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            (path,) = await library.files.download(A, "d/f", tmp_path / "to")
            with pytest.raises(BadReply, match="there is more in 'd'"):
                await library.files.download(A, "d/g", tmp_path / "to")
    assert path == tmp_path / "to" / "f"


@pytest.mark.parametrize("mark", [{}, {"ETag": '"1"'}])
async def test_a_file_that_never_comes_whole_leaves_what_can_be_gone_on_with(
    tmp_path: Path, hasty: None, mark: dict[str, str]
) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            return [reply(200, {"items": [file("f", 1000)]})]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if "range" in asked.headers:
            return [reply(503)]
        return [head(200, Content_Length="1000", **mark) + b"x" * 400]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            with pytest.raises(PlatformFault):
                await library.files.download(A, "", tmp_path / "to")
    left = sorted(path.stat().st_size for path in (tmp_path / "to").iterdir())
    assert left == ([3, 400] if mark else [])


# --- Writes that are answered, and not done


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
                use = library.changes.delete(A, archive_first=False)
            else:
                use = library.changes.archive(A, archived=True)
            if keeps:
                assert (await use).state == "applied"
                return
            with pytest.raises(BadReply) as caught:
                await use
            assert caught.value.outcome_unknown
            assert [entry.state for entry in await library.log.entries()] == ["unknown"]
