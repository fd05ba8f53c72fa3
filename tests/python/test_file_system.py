"""``codeocean://ASSET/path``, by fsspec."""

import asyncio
import errno
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.python.file_system import CodeOceanFileSystem
from tests.python.conftest import CONTENT, TEXT

NAME = "session of today"


@pytest.fixture
def fs(asset: str) -> Any:
    """The file system as programs get it, by the entry point that is declared."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    module, _, name = project["project"]["entry-points"]["fsspec.specs"]["codeocean"].partition(":")
    fsspec.register_implementation("codeocean", getattr(import_module(module), name), clobber=True)
    return fsspec.filesystem("codeocean", skip_instance_cache=True)


def test_folders_are_listed_and_searched(fs: Any) -> None:
    assert fs.ls(f"codeocean://{NAME}/deep/", detail=False) == [
        f"{NAME}/deep/er",
        f"{NAME}/deep/with a blank.txt",
    ]
    assert fs.ls(f"{NAME}/table.csv") == [fs.info(f"{NAME}/table.csv")]
    assert fs.info(f"{NAME}/table.csv") == {
        "name": f"{NAME}/table.csv",
        "size": len(TEXT),
        "type": "file",
    }
    assert fs.isdir(NAME)
    assert fs.isdir(f"{NAME}/deep/er")
    assert fs.exists(f"{NAME}/random.bin")
    assert not fs.exists(f"{NAME}/random.bin/more")
    assert not fs.exists("no such asset")
    assert fs.find(NAME) == [
        f"{NAME}/{path}"
        for path in (
            "deep/er/c.txt",
            "deep/with a blank.txt",
            "packed.zip",
            "random.bin",
            "table.csv",
            "table.parquet",
        )
    ]
    assert fs.glob(f"{NAME}/**/*.txt") == [f"{NAME}/deep/er/c.txt", f"{NAME}/deep/with a blank.txt"]
    assert [folder for folder, _, _ in fs.walk(NAME)] == [NAME, f"{NAME}/deep", f"{NAME}/deep/er"]
    assert fs.du(f"{NAME}/deep") == 7


def test_files_are_read_whole_in_parts_and_as_text(
    fs: Any, server: DemoServer, tmp_path: Path
) -> None:
    path = f"{NAME}/random.bin"
    for start, end in ((0, 10), (5, None), (-7, None), (None, -700_000), (10, 5), (9, 10**9)):
        assert fs.cat_file(path, start, end) == CONTENT[start:end]
    ranges = [(number * 1000, number * 1000 + 5) for number in range(100)]
    starts, ends = map(list, zip(*ranges, strict=True))
    assert fs.cat_ranges([path] * 100, starts, ends) == [CONTENT[a:b] for a, b in ranges]
    assert fs.cat([path, f"{NAME}/deep/er/c.txt"])[f"{NAME}/deep/er/c.txt"] == b"gamma"
    open_url: Any = fsspec.open
    url = f"codeocean://{NAME}/deep/with a blank.txt"
    with open_url(url, "rt", encoding="utf-8", skip_instance_cache=True) as file:
        assert file.read() == "ä"
    with fs.open(path) as file:
        assert (file.size, file.read(3), file.seek(-3, 2), file.read()) == (
            *(len(CONTENT), CONTENT[:3]),
            *(len(CONTENT) - 3, CONTENT[-3:]),
        )
    fs.get(NAME, str(tmp_path / "here"), recursive=True)
    assert (tmp_path / "here" / "random.bin").read_bytes() == CONTENT
    assert (tmp_path / "here" / "deep" / "er" / "c.txt").read_text() == "gamma"
    assert fs.get_mapper(f"{NAME}/deep")["er/c.txt"] == b"gamma"
    assert len(server.requests("GET", "/storage/*/random.bin")) <= 4, (
        "what is here is not asked for"
    )


CHANGES: dict[str, Callable[[Any, str], object]] = {
    "open": lambda fs, path: fs.open(path, "wb"),
    "append": lambda fs, path: fs.open(path, "ab"),
    "rm": lambda fs, path: fs.rm(path),
    "rm -r": lambda fs, _: fs.rm(NAME, recursive=True),
    "pipe": lambda fs, path: fs.pipe(path, b"x"),
    "put": lambda fs, path: fs.put(__file__, path),
    "cp": lambda fs, path: fs.cp(path, f"{path}2"),
    "mv": lambda fs, path: fs.mv(path, f"{path}2"),
    "mkdir": lambda fs, _: fs.mkdir(f"{NAME}/new"),
    "makedirs": lambda fs, _: fs.makedirs(f"{NAME}/new/er"),
    "rmdir": lambda fs, _: fs.rmdir(f"{NAME}/deep"),
    "touch": lambda fs, _: fs.touch(f"{NAME}/new"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_can_be_changed(fs: Any, change: str) -> None:
    with pytest.raises(OSError, match="only be read") as caught:
        CHANGES[change](fs, f"{NAME}/table.csv")
    assert caught.value.errno == errno.EROFS


def test_assets_themselves_are_not_listed(fs: Any) -> None:
    for look, pattern in ((fs.ls, ""), (fs.find, "codeocean://"), (fs.glob, "*/x.json")):
        with pytest.raises(ValueError, match="name one"):
            look(pattern)
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{NAME}/nonsense")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_program_with_a_loop_awaits_and_cancels(asset: str, server: DemoServer) -> None:
    fs = CodeOceanFileSystem(asynchronous=True, skip_instance_cache=True)
    assert await fs._cat_file(f"{asset}/deep/er/c.txt") == b"gamma"
    rule = server.faults.add("silence", "GET", "/storage/**")
    task = asyncio.create_task(fs._cat_file(f"{asset}/random.bin"))
    await asyncio.to_thread(server.faults.wait_struck, rule)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.faults.clear()
    assert await fs._cat_file(f"{asset}/random.bin", 0, 9) == CONTENT[:9]
