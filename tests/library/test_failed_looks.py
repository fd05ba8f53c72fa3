"""A look that failed shows nothing; one that succeeds decides, whatever a write was answered."""

from typing import Any

import msgspec
import pytest
from starlette.exceptions import HTTPException

from coexplorer.demo.faults import Rule
from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, Conflict, NotFound
from coexplorer.library import Library
from coexplorer.library.entries import State
from coexplorer.models import AssetId
from tests.support.server import OLD, RAW

ID = AssetId(RAW)
PATH = f"data_assets/{RAW}"
GONE = f"data_assets/{OLD}"
PAGE = "<html><head><title>Sign in</title></head><body>Sign in</body></html>"
LOOKS: dict[str, dict[str, Any]] = {
    "500": {"kind": 500},
    "403": {"kind": 403},
    "401": {"kind": 401},
    "405": {"kind": 405},
    "409": {"kind": 409},
    "413": {"kind": 413},
    "reset": {"kind": "reset"},
    "html": {"kind": "html"},
    "html-404": {"kind": 404, "body": PAGE},
    "html-410": {"kind": 410, "body": PAGE},
}
EACH = pytest.mark.parametrize("look", LOOKS)


def fail_looks(server: DemoServer, path: str, look: str, after: int) -> Rule:
    return server.faults.add(method="GET", path=path, after=after, **LOOKS[look])


@EACH
async def test_a_delete_that_nobody_can_look_at_stays_open(
    library: Library, server: DemoServer, look: str
) -> None:
    asset_id = AssetId(OLD)
    await library.sync.sweep()
    server.faults.add("ignore", "DELETE", GONE)
    fail_looks(server, GONE, look, after=1)
    with pytest.raises(ApiError) as caught:
        await library.changes.delete(asset_id)
    assert not isinstance(caught.value, NotFound)
    assert caught.value.outcome_unknown
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN
    assert await library.assets.record(asset_id) is not None
    server.faults.clear()
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert await library.assets.record(asset_id) is None


@EACH
async def test_a_404_to_a_save_that_nobody_can_confirm_stays_open(
    library: Library, server: DemoServer, look: str
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = msgspec.structs.replace(base, name="mine")
    server.faults.add(404, "PUT", PATH)
    fail_looks(server, PATH, look, after=1)
    with pytest.raises(ApiError):
        await library.changes.edit(ID, base, mine)
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN
    assert await library.assets.record(ID) is not None
    server.faults.clear()
    assert (await library.changes.retry(entry.id)).state is State.APPLIED


@pytest.mark.parametrize("body", [PAGE, "<!DOCTYPE html><h1>Not Found</h1>"])
@pytest.mark.parametrize("status", [404, 410])
async def test_a_web_page_removes_no_asset(
    library: Library, server: DemoServer, status: int, body: str
) -> None:
    await library.sync.sweep()
    server.faults.add(status, "GET", PATH, body=body)
    with pytest.raises(ApiError, match="web page"):
        await library.platform.fetch(ID)
    assert await library.assets.record(ID) is not None


def carry_out_and_answer(server: DemoServer, name: str, status: int) -> None:
    """Let a write be done, and be answered as its repetition might be."""
    plain = getattr(server.store, name)

    def once(*args: Any, **named: Any) -> Any:
        plain(*args, **named)
        setattr(server.store, name, plain)
        raise HTTPException(status, "no")

    setattr(server.store, name, once)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 412])
async def test_a_save_that_arrived_is_ours_whatever_was_answered(
    library: Library, server: DemoServer, status: int
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = msgspec.structs.replace(base, name="mine", tags=("mine",))
    carry_out_and_answer(server, "update", status)
    result = await library.changes.edit(ID, base, mine)
    assert result.state is State.APPLIED
    assert result.changed == ("name", "tags")
    (undone,) = (await library.changes.undo()).results
    assert undone.state is State.APPLIED
    assert (await library.platform.fetch(ID)).asset.fields.same_as(base)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410])
async def test_an_archive_that_arrived_is_ours_whatever_was_answered(
    library: Library, server: DemoServer, status: int
) -> None:
    carry_out_and_answer(server, "update", status)
    assert (await library.changes.archive(ID)).state is State.APPLIED
    (undone,) = (await library.changes.undo()).results
    assert undone.state is State.APPLIED


async def test_a_colleague_who_asked_for_a_part_of_it_leaves_a_conflict_a_conflict(
    library: Library, server: DemoServer
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = msgspec.structs.replace(base, name="mine", tags=(*base.tags, "mine"))
    server.store.update(RAW, tags=(*base.tags, "mine"))
    server.faults.add(409, "PUT", PATH, times=1)
    assert (await library.changes.edit(ID, base, mine)).changed == ("name",)
    await library.changes.undo()
    assert "mine" in (await library.platform.fetch(ID)).asset.fields.tags


@pytest.mark.parametrize("status", [409, 404, 410, 403, 400, 500])
async def test_an_edit_whose_first_look_fails_is_kept(
    library: Library, server: DemoServer, status: int
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    server.faults.add(status, "GET", PATH)
    with pytest.raises(ApiError) as caught:
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    assert not isinstance(caught.value, Conflict)
    (entry,) = await library.log.kept()
    assert entry.state is (State.UNSENT if status in (409, 500, 400) else State.REFUSED)
    assert entry.mine is not None
    assert entry.mine.name == "mine"
