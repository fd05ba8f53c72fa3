"""Files of which nobody says how large they are, and the promise about what has come of one."""

import errno
from collections.abc import Iterable
from pathlib import Path

import pytest

from coexplorer.errors import CoexplorerError, FileTrouble, Refused
from coexplorer.library import downloads, open_library, part_files
from tests.library.test_strangers import MINE, A, build_settings
from tests.support.rawserver import Asked, head, raw_server, reply

ENTRY = {"name": "f", "path": "f", "type": "file"}


@pytest.mark.parametrize("size", [None, "many", -1, {}])
@pytest.mark.parametrize("mark", [{}, {"ETag": '"1"'}])
@pytest.mark.parametrize("bound", ["asset", "disk"])
async def test_a_file_without_size_and_end_is_given_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: object,
    mark: dict[str, str],
    bound: str,
) -> None:
    if bound == "asset":
        monkeypatch.setattr(downloads, "_SLACK_BYTES", 10_000_000)
    else:
        monkeypatch.setattr(part_files, "_SPARE_BYTES", 10**18)

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            yield reply(200, {"items": [{**ENTRY, "size": size}]})
        elif asked.path.endswith("/files/urls"):
            yield reply(200, {"download_url": f"{server.url}/storage"})
        elif asked.path == "/storage":
            yield head(200, **mark)
            while True:
                yield b"x" * 100_000
        else:
            yield reply(200, {**MINE, "size": 1000 if bound == "asset" else None})

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            await library.platform.fetch(A)
            said = "it does not end" if bound == "asset" else "the disk is nearly full"
            with pytest.raises(Refused, match=said):
                await library.files.download(A, "", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []
    assert server.sent_bytes < 200_000_000


async def test_a_file_without_size_that_ends_comes_whole(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            return [reply(200, {"items": [ENTRY]})]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if asked.path == "/storage":
            return [head(200), *[b"x" * 100_000] * 90]
        return [reply(200, {**MINE, "size": 1000})]  # counted in another way

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            await library.platform.fetch(A)
            (path,) = await library.files.download(A, "", tmp_path / "to")
    assert path.stat().st_size == 9_000_000


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('"1"', "what has come is kept"),
        ("Sat, 28 Nov 2026 18:00:00 GMT", "what has come is kept"),
        ("", "it starts anew"),
    ],
)
def test_what_is_said_to_be_kept_is_kept(tmp_path: Path, mark: str, said: str) -> None:
    part = tmp_path / part_files.name_part(A, "f")

    def fill_the_disk() -> None:
        with part_files.telling(tmp_path / "f", part):
            try:
                part.write_bytes(b"x" * 10)
                part_files.mark_part(part, mark)
                raise OSError(errno.ENOSPC, "full")
            finally:
                part_files.drop_useless(part)

    with pytest.raises(FileTrouble) as caught:
        fill_the_disk()
    assert said in caught.value.hint
    assert part_files.resume_at(part, 100) == ((10, mark) if mark else (0, ""))


@pytest.mark.parametrize("asset_size", [1000, None])
@pytest.mark.parametrize("size", [None, -5, 1e30])
async def test_a_size_that_only_the_storage_says_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: object, asset_size: int | None
) -> None:
    """It is refused before anything comes."""
    monkeypatch.setattr(part_files, "find_free", lambda _: 10_000_000_000)

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            return [reply(200, {"items": [{**ENTRY, "size": size}]})]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if asked.path == "/storage":
            return [head(200, Content_Length="9000000000000"), b"x"]
        return [reply(200, {**MINE, "size": asset_size})]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            await library.platform.fetch(A)
            with pytest.raises(Refused, match="its storage says 9,000,000,000,000 bytes"):
                await library.files.download(A, "", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("what", ["page", "dead host"])
async def test_what_a_storage_does_instead_is_named(tmp_path: Path, what: str) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/files"):
            return [reply(200, {"items": [{**ENTRY, "size": 5}]})]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if what == "page":
            return [reply(200, b"<html><title>Sign in</title></html>")]
        return [reply(307, b"", Location="http://127.0.0.2:1/dead?sig=private-signature")]

    with raw_server(answer) as server:
        async with open_library(build_settings(server, tmp_path), origin="cli") as library:
            with pytest.raises(CoexplorerError) as caught:
                await library.files.download(A, "", tmp_path / "to")
    said = {
        "page": "f: the file's storage sent a web page instead",
        "dead host": "f: the file's storage, 127.0.0.2, can't be reached: ",
    }
    assert caught.value.message.startswith(said[what])
    assert "private" not in caught.value.message
