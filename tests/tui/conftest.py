"""The terminal app runs on asyncio alone; a test says which commands' keys it presses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.api import Client, Timeouts
from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.screens.base import CommandScreen
from tests.support.tui import build_settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(server: DemoServer, tmp_path: Path) -> Settings:
    return build_settings(server, tmp_path / "mine")


@pytest.fixture(autouse=True)
def _pressed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold a test to what its marker says: the commands were really run, by key or palette."""
    run: set[str] = set()
    original = CommandScreen.perform

    def perform(screen: CommandScreen[object], command_id: str) -> None:
        run.add(command_id)
        original(screen, command_id)

    monkeypatch.setattr(CommandScreen, "perform", perform)
    yield
    for marker in request.node.iter_markers("command"):
        assert set(marker.args) <= run, f"not pressed: {set(marker.args) - run}"


@pytest.fixture(autouse=True)
def _no_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the clipboard of whoever runs the tests alone."""
    monkeypatch.delenv("TMUX", raising=False)


@pytest.fixture
def soon_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait a minute for the next byte."""
    monkeypatch.setitem(
        Client.__init__.__kwdefaults__ or {}, "timeouts", Timeouts(read_s=0.5, write_s=1.0)
    )
