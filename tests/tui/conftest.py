"""The terminal app runs on asyncio alone; a test says which commands' keys it presses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
    """Hold a test to what its marker says: the commands were really run, by their keys."""
    run: set[str] = set()
    original = CommandScreen.run_key

    def run_key(screen: CommandScreen[object], key: str) -> bool:
        command_id = screen.coexplorer.keymap.find(screen.key_scope, key)
        if command_id is not None:
            run.add(command_id)
        return original(screen, key)

    monkeypatch.setattr(CommandScreen, "run_key", run_key)
    yield
    for marker in request.node.iter_markers("command"):
        assert set(marker.args) <= run, f"not pressed: {set(marker.args) - run}"
