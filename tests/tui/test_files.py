"""The file browser: what is in an asset, and in its files, without more of them than is shown."""

from __future__ import annotations

import re
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest
from msgspec.structs import replace

from coexplorer.config import Settings
from coexplorer.demo.samples import file_bytes
from coexplorer.demo.samples.files import find_tree_name
from coexplorer.demo.server import DemoServer
from coexplorer.models import FileEntry
from coexplorer.tui.file_tree import FileTree
from coexplorer.tui.screens.files import FilesScreen
from tests.support.server import RAW
from tests.support.tui import Running, running_app

VAST = "00000000-0000-4000-8000-0000000000fc"
STORAGE = "/storage/**"
SMALL = (80, 24)


@asynccontextmanager
async def browsing(
    server: DemoServer, settings: Settings, asset_id: str = VAST, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Running]:
    """Run the app with the files of an asset open."""
    server.store.insert([replace(server.store.get(RAW), id=asset_id, name="browsed")])
    async with running_app(server, settings, size=size) as app:
        await app.go_to("browsed")
        await app.press("f")
        await app.until(lambda: isinstance(app.app.screen, FilesScreen), "the files")
        yield app


def count_read(server: DemoServer) -> int:
    """Return how many bytes of files were asked for."""
    total = 0
    for request in server.requests("GET", STORAGE):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        assert found, "a file was asked for as a whole"
        total += int(found[2]) - int(found[1]) + 1
    return total


async def find(app: Running, name: str) -> None:
    """Put the cursor on a name, by the keys for that."""
    await app.press("/")
    await app.until_shown("names with")
    await app.press("ctrl+u")
    await app.type(name)
    await app.press("enter")
    await app.until(lambda: not app.app.typing, "the question gone")


@pytest.mark.command(
    "files.show", "files.open", "files.fold", "files.unfold", "files.pane", "files.end"
)
@pytest.mark.command("files.start", "files.find")
async def test_files_are_looked_into_and_only_what_is_shown_is_read(
    server: DemoServer, settings: Settings
) -> None:
    async with browsing(server, settings) as app:
        await app.until_shown("acquisition.log", "2.0GB", "▸ many/", "▸ deep/")
        assert not server.requests("GET", STORAGE)
        await find(app, "acquisition")
        await app.press("enter")
        await app.until_shown("[000000000000] INFO", "text, 2.0 GB, to 0 %")
        await app.press("tab", "G")
        last = file_bytes(VAST, "acquisition.log", 2_000_000_000 - 80).decode().strip()
        await app.until_shown(last[:60], "its end")
        await app.press("k")
        await app.press("g")
        await app.until_shown("[000000000000] INFO")
        assert count_read(server) < 2_000_000
        await app.press("escape", "escape", "escape")
        await app.until_shown("README.md")
        await find(app, "recording.nwb")
        await app.press("enter", "tab")
        await app.until_shown("HDF5", "acquisition/", "▾ ap/")
        await app.press("j", "j", "j", "h")
        await app.until_gone("▾ ap/")
        await app.press("l")
        await app.until_shown("▾ ap/")
        await app.press("enter")
        await app.until_gone("▾ ap/")
        assert count_read(server) < 6_000_000
        await app.press("tab", "escape", "escape")
        await app.until_shown("▸ many/")
        await find(app, "many")
        await app.press("l")
        await app.until_shown("100,000 files")
        await app.press("escape", "j", "h", "h")
        await app.until_shown("▸ many/")
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "the list")


async def test_keys_typed_ahead_act_on_what_they_were_meant_for(
    server: DemoServer, settings: Settings
) -> None:
    """On a small screen, where the preview replaces the tree, and all keys come in one packet."""
    server.store.insert([replace(server.store.get(RAW), id=VAST, name="browsed")])
    async with running_app(server, settings, size=SMALL) as app:
        await app.go_to("browsed")
        app.app.brackets_pastes = True  # so that this is keys, whatever it looks like
        app.burst("f/acq\r\rG")
        last = file_bytes(VAST, "acquisition.log", 2_000_000_000 - 80).decode().strip()
        await app.until_shown(last[:60], "its end")
        await app.press("escape")
        await app.until_shown("acquisition.log")
        await app.press("escape")
        await app.until_shown("README.md")


@pytest.mark.command("files.retry")
async def test_what_takes_long_can_be_stopped_and_what_fails_tried_again(
    server: DemoServer, settings: Settings
) -> None:
    async with browsing(server, settings) as app:
        await app.until_shown("events.csv")
        await find(app, "events")
        with server.hooks.before("GET", "/storage/*") as gate:
            await app.press("enter")
            await gate.arrived()
            await app.until_shown("events.csv · reading", "stops")
            await app.press("escape")
            await app.until_shown("stopped", "r reads it again")
        server.faults.add(404, "GET", STORAGE)
        await app.press("r")
        await app.until_shown("r tries again")
        server.faults.clear()
        await app.press("r")
        await app.until_shown("events.csv · table", "the first 66 kB of 1.0 GB")
        await app.press("escape", "escape")
        await app.until_shown("README.md")
        server.faults.add(403, "POST", "data_assets/*/files")
        await find(app, "many")
        await app.press("enter")
        await app.until_shown("r tries again")
        server.faults.clear()
        await app.press("j", "r")
        await app.until_shown("100,000 files")


@pytest.mark.command("files.mark", "files.get", "files.copy", "files.next", "files.previous")
@pytest.mark.command("files.stop")
async def test_files_are_marked_copied_and_got_in_the_background(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    async with browsing(server, settings, find_tree("ecephys")) as app:

        async def copy(text: str) -> bool:
            copied.append(text)
            return True

        monkeypatch.setattr(app.app, "copy", copy)
        await app.until_shown("metadata.json")
        await find(app, "json")
        screen = app.app.screen
        assert isinstance(screen, FilesScreen)
        names = [row.entry.name for row in screen._tree.rows if row.entry]
        assert all("json" in name for name in names)
        await app.press("n", "N", "y")
        if len(names) > 1:
            await app.settle()
        if "copy" in app.text().splitlines()[-2]:
            await app.press("p")
        await app.until(lambda: copied == [names[0]], "the path")
        for _ in names:
            await app.press("space")
        await app.until_shown(f"{len(names)} marked")
        place = tmp_path / "here"
        with server.hooks.before("GET", "/storage/*") as gate:
            await app.press("c")
            await app.until_shown("into")
            await app.press("ctrl+u")
            await app.type(str(place))
            await app.press("enter")
            await gate.arrived()
            await app.until_shown("getting", "x stops")
            await app.press("x")
            await app.until_shown("stopped: 0 files came")
        await app.press("c")
        await app.until_shown("into")
        await app.press("ctrl+u")
        await app.type(str(place))
        await app.press("enter")
        await app.until_shown("got 1 file into")
        assert [each.name for each in place.iterdir()] == [names[-1]]


@pytest.mark.command("files.pager")
async def test_a_copy_is_opened_in_the_pager_and_gone_afterwards(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "pager.sh"
    script.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\necho "$1" > {tmp_path}/place\n')
    script.chmod(0o700)
    monkeypatch.setenv("PAGER", str(script))
    async with browsing(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)  # there is no terminal to give away
        await app.until_shown("README.md")
        await find(app, "README")
        await app.press("|")
        await app.until((tmp_path / "place").exists, "the pager")
        await app.settle()
        assert (tmp_path / "seen").read_bytes() == file_bytes(VAST, "README.md")
        shown = Path((tmp_path / "place").read_text().strip())
        assert shown.suffix == ".md"
        await app.until(lambda: not shown.exists(), "the copy gone")
        await app.press("escape")
        await find(app, "recording.bin")
        await app.press("|")
        await app.until_shown("64 GB: c gets it")


async def test_names_of_strangers_are_shown_and_never_obeyed(
    server: DemoServer, settings: Settings
) -> None:
    async with browsing(server, settings, find_tree("nasty")) as app:
        screen = app.app.screen
        assert isinstance(screen, FilesScreen)
        await app.until(lambda: len(screen._tree.rows) > 3, "the files")
        shown = app.text().replace("\n", "")
        assert shown.isprintable()
        assert "\\x1b" in shown


def find_tree(name: str) -> str:
    """Return the id of an asset that has the files of a tree."""
    ids = (f"00000000-0000-4000-8000-0000000000{a}{b}" for a in "0123" for b in string.hexdigits)
    return next(each for each in ids if find_tree_name(each) == name)


def test_a_tree_of_very_many_rows_is_built_row_by_row() -> None:
    tree = FileTree()
    many = [FileEntry(f"n{n}", f"many/n{n}", is_folder=False, size_bytes=n) for n in range(100_000)]
    tree.put("", [FileEntry("many", "many", is_folder=True)])
    tree.open("many")
    assert [row.note for row in tree.rows] == ["", "loading…"]
    tree.put("many", many)
    assert len(tree.rows) == 100_001
    assert "n99999" in tree.build_line(100_000, 80)[0][0]
    tree.wanted = "N9999"
    tree.build_rows()
    assert len(tree.rows) == 12
    assert tree.find_next(11, 1) == 1
    assert tree.find_folder(5) == 0
    tree.wanted = "MANY"
    tree.build_rows()
    assert len(tree.rows) == 100_001
    tree.close("many")
    assert len(tree.rows) == 1
