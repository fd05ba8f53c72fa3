"""A platform's bad days: what is retried, what is settled, and what is reported in the end."""

from collections.abc import Mapping
from typing import Any

import anyio
import msgspec
import pytest

from coexplorer.api import Client, Timeouts
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Unreachable,
)
from coexplorer.fields import Fields
from coexplorer.models import AssetId, AwsSource, Dialect, NewAsset, SearchRequest, Secret
from tests.api.conftest import IMPATIENT, connect
from tests.support.patience import stretched
from tests.support.server import OLD, RAW

ASSET = f"/api/v1/data_assets/{RAW}"
A1 = AssetId(RAW)
ATTEMPTS = IMPATIENT.attempts
MEANT = Fields("meant", "", ("t",), "m")
NEW = NewAsset(
    name="new asset", description="", mount="new_mount", tags=(), source=AwsSource("no-such-bucket")
)

Options = Mapping[str, Any]
PASSING: list[tuple[int | FaultKind, Options]] = [
    (500, {}),
    (502, {}),
    (503, {}),
    (504, {}),
    (429, {"retry_after": 0}),
    (429, {"retry_after": "date+0"}),
    (FaultKind.RESET, {}),
    (FaultKind.LOST, {}),
    (FaultKind.SHORT, {}),
    (FaultKind.CUT, {}),
    (FaultKind.HTML, {}),
    (FaultKind.HTML, {"status": 502}),
]
"""Faults that go away, and leave no trace where repeating is safe."""

Stays = tuple[int | FaultKind, type[ApiError], int, str]
STAYING: list[Stays] = [
    (401, NotSignedIn, 1, "not signed in: .*"),
    (403, Forbidden, 1, "you may not see this asset: .*"),
    (404, NotFound, 1, "no such asset, or not shared with you"),
    (409, PlatformFault, 1, "the platform answered a question with status 409: .*"),
    (429, RateLimited, IMPATIENT.slow_downs + 1, "the platform asks us to slow down"),
    (500, PlatformFault, ATTEMPTS, "the platform failed with status 500"),
    (503, PlatformFault, ATTEMPTS, "the platform failed with status 503"),
    (FaultKind.RESET, Unreachable, ATTEMPTS, "the platform can't be reached: the connection broke"),
    (FaultKind.LOST, Unreachable, ATTEMPTS, "the platform can't be reached: the connection broke"),
    (FaultKind.SHORT, Unreachable, ATTEMPTS, "the platform can't be reached: the connection broke"),
    (FaultKind.CUT, BadReply, ATTEMPTS, "the platform's reply makes no sense: .*"),
    (
        FaultKind.HTML,
        BadReply,
        ATTEMPTS,
        r"the platform answered with a web page \(.*\) instead of .*",
    ),
]
"""Faults that stay: the error, how often it was tried, and the sentence."""

LOSING = [
    500,
    502,
    503,
    504,
    FaultKind.RESET,
    FaultKind.LOST,
    FaultKind.SHORT,
    FaultKind.CUT,
    FaultKind.HTML,
]
"""Faults after which nobody knows whether a write was carried out."""


@pytest.mark.parametrize(("fault", "options"), PASSING)
async def test_a_passing_fault_is_not_noticed_where_repeating_is_safe(
    server: DemoServer, client: Client, fault: int | FaultKind, options: Options
) -> None:
    await client.fetch_dialect()
    server.faults.add(fault, "GET", "data_assets/*", times=2, **options)
    server.faults.add(fault, "POST", "data_assets/search", times=2, **options)
    server.faults.add(fault, "PATCH", "data_assets/*/archive", times=2, **options)
    server.faults.add(fault, "DELETE", "data_assets/*", times=2, **options)
    assert (await client.get(A1)).id == RAW
    assert len((await client.search(SearchRequest(archived=None))).results) == 9
    await client.archive(A1, archived=True)
    assert server.store.get(RAW).archived
    await client.delete(AssetId(OLD))
    assert server.store.find(OLD) is None


@pytest.mark.parametrize("stays", STAYING)
async def test_a_fault_that_stays_is_one_clear_sentence(
    server: DemoServer, client: Client, stays: Stays
) -> None:
    fault, error, times, sentence = stays
    server.faults.add(fault, "GET", "data_assets/*")
    with pytest.raises(error, match=f"^{sentence}$") as caught:
        await client.get(A1)
    assert len(server.requests("GET", ASSET)) == times
    assert type(caught.value) is error
    assert caught.value.hint
    assert not caught.value.outcome_unknown
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")


@pytest.mark.parametrize("fault", [FaultKind.LOST, FaultKind.RESET, FaultKind.SHORT, FaultKind.CUT])
async def test_an_update_that_arrived_is_done_although_its_reply_was_lost(
    server: DemoServer, client: Client, fault: FaultKind
) -> None:
    before = (await client.get(A1)).fields
    server.faults.add(fault, "PUT", "data_assets/*")
    meant = msgspec.structs.replace(MEANT, metadata=before.metadata)
    after = await client.update(A1, meant, before=before)
    assert after.fields.same_as(meant)
    assert len(server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", [500, 503, FaultKind.HTML])
async def test_an_update_that_did_not_arrive_is_sent_again(
    server: DemoServer, client: Client, fault: int | FaultKind
) -> None:
    before = (await client.get(A1)).fields
    server.faults.add(fault, "PUT", "data_assets/*", times=1)
    meant = msgspec.structs.replace(MEANT, metadata=before.metadata)
    after = await client.update(A1, meant, before=before)
    assert after.fields.same_as(meant)
    # It is looked at twice: whether it arrived, and, after the wait, right before it is sent again.
    methods = [request.method for request in server.requests()]
    assert methods == ["GET", "PUT", "GET", "GET", "PUT"]


async def test_an_update_that_met_another_is_a_conflict(server: DemoServer, client: Client) -> None:
    before = (await client.get(A1)).fields
    server.faults.add(503, "PUT", "data_assets/*", times=1)
    server.store.update(RAW, name="theirs")
    with pytest.raises(Conflict, match="changed elsewhere"):
        await client.update(A1, MEANT, before=before)
    assert server.store.get(RAW).name == "theirs"
    assert len(server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", LOSING)
async def test_an_update_that_nobody_can_look_after_has_an_unknown_outcome(
    server: DemoServer, client: Client, fault: int | FaultKind
) -> None:
    before = (await client.get(A1)).fields
    server.faults.add(fault, "*", "data_assets/*")
    with pytest.raises(ApiError) as caught:
        await client.update(A1, MEANT, before=before)
    assert caught.value.outcome_unknown
    assert len(server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", [401, 403, 404, 409])
async def test_a_refused_update_is_known_not_to_be_done(
    server: DemoServer, client: Client, fault: int
) -> None:
    before = (await client.get(A1)).fields
    server.faults.add(fault, "PUT", "data_assets/*")
    with pytest.raises(ApiError) as caught:
        await client.update(A1, MEANT, before=before)
    assert not caught.value.outcome_unknown
    assert len(server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", [FaultKind.LOST, FaultKind.RESET, FaultKind.SHORT, FaultKind.CUT])
async def test_a_create_whose_reply_was_lost_is_found_among_the_newest(
    server: DemoServer, client: Client, fault: FaultKind
) -> None:
    server.faults.add(fault, "POST", "data_assets")
    asset = await client.create(NEW)
    assert server.store.get(asset.id).name == NEW.name
    assert len(server.requests("POST", "/api/v1/data_assets")) == 1


@pytest.mark.parametrize("fault", [500, 503, FaultKind.HTML])
async def test_a_create_that_is_not_found_is_reported_and_never_repeated(
    server: DemoServer, client: Client, fault: int | FaultKind
) -> None:
    # An older asset of the same name and mount is not mistaken for it.
    server.store.update(RAW, name=NEW.name, mount=NEW.mount)
    server.faults.add(fault, "POST", "data_assets")
    with pytest.raises(ApiError) as caught:
        await client.create(NEW)
    assert caught.value.outcome_unknown
    assert "before you create it again" in caught.value.hint
    assert len(server.requests("POST", "/api/v1/data_assets")) == 1


async def test_a_delete_whose_reply_was_lost_is_done(server: DemoServer, client: Client) -> None:
    server.faults.add(FaultKind.LOST, "DELETE", "data_assets/*", times=1)
    await client.delete(AssetId(OLD))
    assert server.store.find(OLD) is None
    statuses = [request.status for request in server.requests("DELETE")]
    assert statuses[-1] == 404


async def test_a_delete_of_what_was_never_there_is_not_success(client: Client) -> None:
    with pytest.raises(NotFound):
        await client.delete(AssetId("00000000-0000-4000-8000-000000000000"))


@pytest.mark.parametrize("fault", [500, 502, 503, 504, FaultKind.LOST, FaultKind.HTML])
async def test_archiving_without_any_reply_has_an_unknown_outcome(
    server: DemoServer, client: Client, fault: int | FaultKind
) -> None:
    server.faults.add(fault, "PATCH", "data_assets/*/archive")
    with pytest.raises(ApiError) as caught:
        await client.archive(A1, archived=True)
    assert caught.value.outcome_unknown
    assert len(server.requests("PATCH")) == ATTEMPTS


async def test_a_silent_platform_is_given_up_after_a_while(server: DemoServer) -> None:
    server.faults.add(FaultKind.SILENCE, "GET", "data_assets/*", times=1)
    timeouts = Timeouts(read_s=stretched(0.2))
    token = Secret(server.users[0].token)
    async with Client(server.url, token, timeouts=timeouts, patience=IMPATIENT) as client:
        assert (await client.get(A1)).id == RAW
    server.faults.release()
    assert len(server.requests("GET", ASSET)) == 2


async def test_a_reply_that_drips_is_waited_for(server: DemoServer, client: Client) -> None:
    server.faults.add(FaultKind.DRIP, "GET", "data_assets/*", piece_bytes=64, seconds=0.001)
    assert (await client.get(A1)).id == RAW


async def test_a_reply_that_drips_for_ever_is_given_up(server: DemoServer) -> None:
    server.faults.add(FaultKind.DRIP, "GET", "data_assets/*", piece_bytes=1, seconds=0.05)
    timeouts = Timeouts(asset_s=0.2, call_s=0.5)
    token = Secret(server.users[0].token)
    async with Client(server.url, token, timeouts=timeouts, patience=IMPATIENT) as client:
        with pytest.raises(Unreachable, match="no complete answer within"):
            await client.get(A1)


async def test_a_platform_that_is_down_is_unreachable(server: DemoServer, client: Client) -> None:
    server.stop()
    with pytest.raises(Unreachable, match=r"can't be reached: no connection \(.+\)"):
        await client.get(A1)


async def test_a_platform_that_restarts_is_spoken_to_again(
    server: DemoServer, client: Client
) -> None:
    await client.get(A1)
    server.stop()
    server.start()
    assert (await client.get(A1)).id == RAW


async def test_an_expired_token_is_said_and_another_works(server: DemoServer) -> None:
    server.faults.add(FaultKind.EXPIRE, after=1, renew=1)
    async with connect(server) as client:
        await client.get(A1)
        with pytest.raises(NotSignedIn):
            await client.get(A1)
        assert (await client.get(A1)).id == RAW


async def test_a_fault_while_asking_for_the_dialect_is_not_taken_for_an_answer(
    either_server: DemoServer,
) -> None:
    either_server.faults.add(503, "*", "data_assets**", times=2)
    async with connect(either_server) as client:
        assert await client.fetch_dialect() == Dialect(str(either_server.dialect))


async def test_what_the_caller_cancels_leaves_the_client_usable(
    server: DemoServer, client: Client
) -> None:
    async with anyio.create_task_group() as group:
        with server.hooks.before("GET", "*") as gate:
            group.start_soon(client.get, A1)
            await gate.arrived()
            group.cancel_scope.cancel()
    assert (await client.get(A1)).id == RAW
