"""``docs/architecture.md`` checked against the program: an edit's way, and the library's groups."""

from __future__ import annotations

import inspect
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
    before = (await library.platform.fetch(AssetId(RAW))).asset.fields
    await library.changes.edit(AssetId(RAW), before, replace_values(before, {"description": "new"}))
    assert seen == [f"coexplorer.{name.strip()}" for name in PATH[1:]]  # the app's own is first


GROUPS = (
    "assets",
    "platform",
    "changes",
    "creation",
    "saves",
    "log",
    "files",
    "runs",
    "sync",
    "workplaces",
)


async def test_a_group_of_the_library_is_in_the_module_of_its_name(library: Library) -> None:
    groups = {name: group for name, group in vars(library).items() if not name.startswith("_")}
    assert set(groups) == set(GROUPS)
    for name, group in groups.items():
        assert type(group).__module__ == f"coexplorer.library.{name}"
        assert f"| `library.{name}` |" in PAGE


@pytest.mark.parametrize("group", GROUPS)
async def test_a_group_says_itself_what_its_methods_do(library: Library, group: str) -> None:
    methods = inspect.getmembers(type(getattr(library, group)), inspect.isfunction)
    public = {name: method for name, method in methods if not name.startswith("_")}
    assert public
    said = {name: method.__doc__ or "" for name, method in public.items()}
    assert [name for name, text in said.items() if not text or text.startswith("See `")] == []
