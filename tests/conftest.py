"""Shared fixtures: every test runs away from the machine's own home and environment."""

import os
from pathlib import Path

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every async test on both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the real home, configuration and tokens out of every test."""
    for name in list(os.environ):
        if name.startswith(("XDG_", "CODEOCEAN_", "COEXPLORER_", "CO_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "STATE", "CACHE", "DATA", "RUNTIME"):
        suffix = "DIR" if kind == "RUNTIME" else "HOME"
        monkeypatch.setenv(f"XDG_{kind}_{suffix}", str(home / kind.lower()))
