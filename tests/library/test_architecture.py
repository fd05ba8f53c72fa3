"""``docs/architecture.md`` checked against the program: the modules that an edit goes through."""

from __future__ import annotations

import sys

import httpx
import pytest

from coexplorer.fields import replace_values
from coexplorer.library import Library
from coexplorer.models import AssetId
from tests.support.pages import ROOT
from tests.support.server import RAW

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
(PATH,) = [line.split(" → ") for line in PAGE.splitlines() if line.endswith(" → api.network")]


async def test_an_edit_goes_through_these_modules(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def spy(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            frame = sys._getframe()
            while frame.f_back is not None:
                frame = frame.f_back
                name = str(frame.f_globals.get("__name__", ""))
                if name.startswith("coexplorer.") and name not in seen:
                    seen.insert(0, name)
        return await send(self, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", spy)
    before = (await library.fetch(AssetId(RAW))).asset.fields
    await library.edit(AssetId(RAW), before, replace_values(before, {"description": "new"}))
    assert seen == [f"coexplorer.{name.strip()}" for name in PATH[1:]]  # the app's own is first
