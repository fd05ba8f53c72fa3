"""The terminal app as tests drive it: keys in, the screen's text and the server's state out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.library import Library, open_library
from coexplorer.models import Secret
from coexplorer.tui.app import CoexplorerApp
from coexplorer.tui.screens.main import MainScreen
from coexplorer.tui.terminal.reading import InputReader
from tests.support.patience import stretched

TIMEOUT_S = 30


def build_settings(server: DemoServer, folder: Path, *, user: int = 0) -> Settings:
    """Return the settings of a user of `server`, with all files below `folder`."""
    return Settings(
        profile="test",
        base_url=server.url,
        domain="127.0.0.1",
        token_source=GivenToken("test", Secret(server.users[user].token)),
        catalog_path=folder / "catalog.sqlite3",
        journal_path=folder / "journal.sqlite3",
        paths=Paths(folder / "config", folder / "cache", folder / "state"),
        mount_folder=folder / "mount",
    )


class Running:
    """An app that runs, its library and its server."""

    def __init__(
        self, app: CoexplorerApp, pilot: Pilot[int], library: Library, server: DemoServer
    ) -> None:
        self.app = app
        self.pilot = pilot
        self.library = library
        self.server = server
        self._reader = InputReader()

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        return self.app.main

    async def press(self, *keys: str) -> None:
        """Press keys; a key of several letters is a name (``enter``), else a character."""
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        """Type a text, character by character."""
        await self.press(*(" " if char == " " else char for char in text))

    def burst(self, text: str) -> None:
        """Send keys as one packet brings them: none waits for what the one before does."""
        names = {"\r": "enter", "\t": "tab", "\x1b": "escape", "\x15": "ctrl+u", " ": "space"}
        for char in text:
            key = names.get(char) or _character_to_key(char)
            self.app.post_message(events.Key(key, char))

    def send(self, data: bytes) -> None:
        """Send bytes as a terminal does, in one read; ESC in them is read on at once."""
        for message in (*self._reader.feed(data), *self._reader.look_again()):
            self.app.post_message(message)

    def paste(self, text: str) -> None:
        """Paste as a terminal does that brackets what is pasted."""
        self.send(f"\x1b[200~{text}\x1b[201~".encode())

    async def settle(self) -> None:
        """Let what was pressed be handled."""
        await self.pilot.pause()

    def text(self) -> str:
        """Return the screen's text, its lines without trailing blanks."""
        screen = self.app.screen
        update = screen._compositor.render_strips()
        lines = ["".join(segment.text for segment in strip).rstrip() for strip in update]
        return "\n".join(lines)

    async def until(
        self, condition: Callable[[], object | Awaitable[object]], describe: str
    ) -> None:
        """Wait for a condition; its description is in the failure, with the screen."""
        with anyio.move_on_after(stretched(TIMEOUT_S)):
            while True:
                found = condition()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return
                await self.pilot.pause(0.01)
        raise AssertionError(f"never came: {describe}\n{self.text()}")

    async def until_shown(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(text in self.text() for text in texts), f"{texts} shown")

    async def until_gone(self, text: str) -> None:
        """Wait until this is not on the screen."""
        await self.until(lambda: text not in self.text(), f"{text!r} gone")

    def stored(self, asset_id: str) -> StoredAsset:
        """Return what the server has."""
        found = self.server.store.find(asset_id)
        assert found is not None
        return found

    async def go_to(self, name: str) -> None:
        """Put the cursor on the asset of this name."""
        rows = self.main.rows

        def find() -> bool:
            for index, row in rows.windows.iter_known():
                if row.name == name:
                    rows.move_to(index)
                    return True
            return False

        await self.until(find, f"a row {name!r}")
        await self.settle()


@asynccontextmanager
async def running_app(
    server: DemoServer,
    settings: Settings,
    *,
    size: tuple[int, int] = (120, 36),
    synced: bool = True,
    offline: bool = False,
) -> AsyncIterator[Running]:
    """Run the app on a server; its catalog is filled before the first frame."""
    async with open_library(settings, origin="tui", offline=offline) as library:
        if synced:
            await library.sync.sweep()
        app = CoexplorerApp(library, settings)
        async with app.run_test(size=size, notifications=True) as pilot:
            running = Running(app, pilot, library, server)
            if synced:
                await running.until(lambda: app.main.rows.current is not None, "the first rows")
            await running.settle()
            yield running
