"""What uses assets: capsules and pipelines, of those that this user may see."""

from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from coexplorer.computations import WorkplaceKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Forbidden, PlatformTooOld, Unreachable
from coexplorer.library import Library, open_library
from coexplorer.library.attachments import Attaching
from coexplorer.library.bulk_change import Change
from coexplorer.library.used_by import describe_uses
from coexplorer.models import AssetId
from tests.library.conftest import OpenSession, build_settings, many_assets
from tests.support.server import (
    DERIVED,
    HIDDEN_CAPSULE,
    MY_CAPSULE,
    MY_PIPELINE,
    RAW,
    VIEWED_CAPSULE,
    running_server,
)

CAPSULES, PIPELINES = WorkplaceKind.CAPSULE, WorkplaceKind.PIPELINE
ONE, TWO = AssetId(RAW), AssetId(DERIVED)


def searches(server: DemoServer) -> int:
    return len(server.requests("POST", "*capsules/search")) + len(
        server.requests("POST", "*pipelines/search")
    )


async def test_what_can_be_seen_is_found_and_kept_until_something_is_attached(
    server: DemoServer, library: Library
) -> None:
    heard: list[int] = []
    uses = await library.workplaces.uses([ONE, TWO, ONE], progress=heard.append)
    assert {each.id for each in uses[ONE].found} == {MY_CAPSULE, MY_PIPELINE, VIEWED_CAPSULE}
    assert HIDDEN_CAPSULE not in describe_uses(uses[ONE])
    assert "pipeline 'Sort and curate'" in describe_uses(uses[ONE])
    assert (uses[TWO].found, describe_uses(uses[TWO])) == ((), "nothing that you can see uses it")
    assert (heard, searches(server)) == ([1, 2], 4)
    again = await library.workplaces.uses([TWO, ONE])
    assert (again[ONE], searches(server)) == (uses[ONE], 4)
    assert again[ONE].asked_at > 0
    await library.workplaces.uses([ONE], trust_s=0)
    assert searches(server) == 6
    found = await library.workplaces.find(MY_PIPELINE)
    change = Change(attaching=Attaching(found.workplace, found.title))
    await library.changes.apply(await library.changes.plan([TWO], change))
    before = searches(server)
    after = await library.workplaces.uses([TWO, ONE])
    assert [each.id for each in after[TWO].found] == [MY_PIPELINE]
    assert searches(server) - before == 2


@pytest.mark.parametrize("kind", [CAPSULES, PIPELINES])
async def test_a_search_that_failed_is_not_known_and_asked_again(
    server: DemoServer, library: Library, kind: WorkplaceKind
) -> None:
    server.faults.add(403, "POST", f"*{kind}/search", times=1)
    uses = (await library.workplaces.uses([TWO]))[TWO]
    assert (list(uses.unknown), uses.is_whole) == ([kind], False)
    assert isinstance(uses.unknown[kind], Forbidden)
    told = describe_uses(uses)
    assert told.startswith(f"which {kind} use it is not known: ")
    assert "nothing" not in told
    assert (await library.workplaces.uses([TWO]))[TWO].is_whole


async def test_an_old_platform_says_what_it_needs(tmp_path: Path) -> None:
    with running_server(tmp_path / "old", "current", version=(3, 5)) as server:
        settings = build_settings(server, tmp_path)
        async with open_library(settings, origin="cli") as library:
            uses = await library.workplaces.uses([ONE])
            assert MY_CAPSULE in {each.id for each in uses[ONE].found}
            assert isinstance(uses[ONE].unknown[PIPELINES], PlatformTooOld)
            assert "version 4" in describe_uses(uses[ONE])
    with running_server(tmp_path / "oldest", "3.0") as server:
        settings = build_settings(server, tmp_path, machine="oldest")
        async with open_library(settings, origin="cli") as library:
            uses = await library.workplaces.uses([ONE])
            assert set(uses[ONE].unknown) == {CAPSULES, PIPELINES}
            assert "version 3.1" in describe_uses(uses[ONE])


async def test_a_list_without_end_is_cut(server: DemoServer, library: Library) -> None:
    mine = server.store.workshop.find_capsule(MY_CAPSULE)
    assert mine is not None
    many = [replace(mine, id=f"copy-{each}", name=f"Copy {each}") for each in range(3500)]
    server.store.workshop.insert(many, [])
    uses = (await library.workplaces.uses([ONE]))[ONE]
    assert (len(uses.found) >= 3000, uses.is_whole) == (True, False)
    assert "there may be more" in describe_uses(uses)
    assert "and 2,99" in describe_uses(uses)


async def test_out_of_reach_is_the_answer_for_all(open_session: OpenSession) -> None:
    async with open_session(offline=True) as library:
        uses = await library.workplaces.uses([ONE, TWO])
    for each in uses.values():
        assert set(each.unknown) == {CAPSULES, PIPELINES}
        assert isinstance(each.unknown[CAPSULES], Unreachable)
        assert describe_uses(each).startswith("what uses it is not known: ")


async def test_it_can_be_stopped_and_what_was_answered_is_kept(
    server: DemoServer, library: Library
) -> None:
    ids = [AssetId(each) for each in many_assets(server, 40)]
    with anyio.CancelScope() as scope:
        await library.workplaces.uses(
            ids, progress=lambda count: scope.cancel() if count == 10 else None
        )
    assert scope.cancelled_caught
    heard: list[int] = []
    await library.workplaces.uses(ids, progress=heard.append)
    assert heard[0] > 10
    assert heard[-1] == 40
