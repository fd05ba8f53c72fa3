"""Which capsule, pipeline or workstation is meant."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from coexplorer.computations import Workplace, WorkplaceKind
from coexplorer.config.environment import SESSION as SESSION_VARIABLE
from coexplorer.demo.server import DemoServer
from coexplorer.errors import AmbiguousAsset, NotFound, PlatformTooOld, Refused
from coexplorer.library import Library, open_library
from tests.library.conftest import build_settings
from tests.support.server import (
    FINISHED,
    HIDDEN_CAPSULE,
    MY_CAPSULE,
    MY_PIPELINE,
    SESSION,
    running_server,
)

LONG = "03af3513-36ca-4ebc-8f2c-9c887abe8f62"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    """A capsule with an id as platforms make them, too, and one named like a part of another."""
    with running_server(tmp_path / "server", "current") as server:
        mine = server.store.workshop.find_capsule(MY_CAPSULE)
        assert mine is not None
        copies = [
            replace(mine, id=LONG, name="Curation", slug="7654321"),
            replace(mine, id=f"{LONG[:-1]}3", name="Twin", slug="1"),
            replace(mine, id="twin-2", name="Twin", slug="2"),
        ]
        server.store.workshop.insert(copies, [])
        yield server


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Spike sorting", "capsules", MY_CAPSULE),
        (" Sort and curate ", "pipelines", MY_PIPELINE),
        (LONG, "capsules", LONG),
        ("7654321", "capsules", LONG),
        (MY_CAPSULE, "capsules", MY_CAPSULE),
        (SESSION, "computations", SESSION),
        (FINISHED, "computations", FINISHED),
    ],
)
async def test_a_workplace_is_found(library: Library, text: str, kind: str, expected: str) -> None:
    found = await library.workplaces.find(text)
    assert found.workplace == Workplace(WorkplaceKind(kind), expected)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("Spike", NotFound, "did you mean Spike sorting"),
        ("spike sorting", NotFound, "did you mean Spike sorting"),
        ("Twin", AmbiguousAsset, "full id"),
        (LONG[:8], AmbiguousAsset, "full id"),
        ("03af3", NotFound, "whole name"),
        (HIDDEN_CAPSULE, NotFound, "whole name"),
        ("Hidden", NotFound, "whole name"),
        (LONG.replace("0", "1"), NotFound, "whole name"),
        ("", NotFound, "whole name"),
        ('a "quoted" name/../x', NotFound, "whole name"),
    ],
)
async def test_what_is_not_clear_is_refused(
    library: Library, text: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as caught:
        await library.workplaces.find(text)
    assert told in getattr(caught.value, "hint", "")


async def test_the_workstation_that_this_runs_in_is_found(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SESSION_VARIABLE, raising=False)
    with pytest.raises(Refused, match="is not set"):
        await library.workplaces.find_here()
    in_capsule = await library.workplaces.find_session(await library.workplaces.find(MY_CAPSULE))
    assert (in_capsule.workplace.id, in_capsule.is_here) == (SESSION, False)
    monkeypatch.setenv(SESSION_VARIABLE, SESSION)
    here = await library.workplaces.find_here()
    assert (here.workplace.id, here.is_here) == (SESSION, True)
    assert here.title == f"this workstation ({SESSION[:8]})"
    monkeypatch.setenv(SESSION_VARIABLE, LONG)
    with pytest.raises(NotFound, match=SESSION_VARIABLE):
        await library.workplaces.find_here()


async def test_names_are_suggested_by_a_part_and_own_ones_without(library: Library) -> None:
    names = {each.name for each in await library.workplaces.suggest("sort")}
    assert names == {"Spike sorting", "Sort and curate"}
    own = {each.name for each in await library.workplaces.suggest("")}
    assert "Curation" in own
    assert "Released" not in own
    assert await library.workplaces.suggest("Released") == []
    assert not own & {"Viewed", "Hidden"}


async def test_an_old_platform_says_what_it_needs(tmp_path: Path) -> None:
    with running_server(tmp_path / "old", "3.0") as server:
        mine = server.store.workshop.find_capsule(MY_CAPSULE)
        assert mine is not None
        server.store.workshop.insert([replace(mine, id=LONG)], [])
        settings = build_settings(server, tmp_path, machine="old")
        async with open_library(settings, origin="cli") as library:
            with pytest.raises(PlatformTooOld, match=r"version 3\.1") as caught:
                await library.workplaces.find("Spike sorting")
            assert "whole id" in caught.value.hint
            assert (await library.workplaces.find(MY_CAPSULE)).workplace.id == MY_CAPSULE
            assert (await library.workplaces.find(LONG)).name == "Spike sorting"


@pytest.mark.parametrize(
    ("place", "version"),
    [("", "4.2"), ("Spike sorting", "3.1"), (LONG, "2.18"), (MY_CAPSULE, "3.1")],
)
async def test_the_oldest_platforms_know_no_workplaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, version: str
) -> None:
    monkeypatch.setenv(SESSION_VARIABLE, SESSION)
    with running_server(tmp_path / "old", "legacy") as server:
        settings = build_settings(server, tmp_path, machine="old")
        async with open_library(settings, origin="cli") as library:
            workplaces = library.workplaces
            with pytest.raises(PlatformTooOld, match=f"version {re.escape(version)}"):
                await (workplaces.find(place) if place else workplaces.find_here())


@pytest.mark.parametrize("odd", ["../../data_assets", "-x", "a b/c", "x" * 300])
async def test_what_is_no_id_of_a_workstation_is_called_that(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    monkeypatch.setenv(SESSION_VARIABLE, odd)
    with pytest.raises(Refused, match="can't be an id"):
        await library.workplaces.find_here()
    assert server.requests("GET", "*/computations/*") == []
