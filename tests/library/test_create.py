"""New assets: keys go only to the platform, and a lost reply is looked for."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, InvalidField, Refused, Rejected
from coexplorer.library import Library, open_library, settle
from coexplorer.library.create import poll_waits
from coexplorer.library.entries import State
from coexplorer.library.events import AssetSettled
from coexplorer.library.results import CreateProgress
from coexplorer.models import AwsSource, NewAsset, Secret
from tests.library.conftest import build_settings
from tests.support.in_between import Passed, in_between
from tests.support.rawserver import Asked, reply

KEY = "AKIA-very-secret-id"
WORD = "very-secret-word"


def new_asset(bucket: str, name: str = "From a bucket") -> NewAsset:
    source = AwsSource(bucket=bucket, access_key_id=Secret(KEY), secret_access_key=Secret(WORD))
    return NewAsset(
        name=name, description="Text.", mount="from_bucket", tags=("new",), source=source
    )


@pytest.fixture
def bucket(server: DemoServer) -> str:
    (server.make_bucket("my-bucket", keys=(KEY, WORD)) / "reads.txt").write_text("ACGT")
    return "my-bucket"


async def test_new_asset_is_watched_until_it_is_ready(
    library: Library, server: DemoServer, bucket: str
) -> None:
    record = await library.creation.create(new_asset(bucket))
    with library.subscribe() as events:
        server_side = await library.creation.wait_ready(record.asset.id)
        seen = [events.receive_nowait() for _ in range(events.statistics().current_buffer_used)]
    settled = [event for event in seen if isinstance(event, AssetSettled)]
    assert server_side.asset.state == "ready"
    assert [event.state for event in settled] == ["ready"]
    assert server.store.get(record.asset.id).name == "From a bucket"
    (entry,) = await library.log.entries()
    assert (entry.action, entry.state, entry.asset_id) == ("create", State.APPLIED, record.asset.id)


async def test_keys_are_in_no_file_of_ours(
    library: Library, server: DemoServer, bucket: str, tmp_path: Path
) -> None:
    await library.creation.create(new_asset(bucket))
    server.faults.add(400, "POST", "data_assets")
    with pytest.raises(Rejected) as caught:
        await library.creation.create(new_asset(bucket, "Refused"))
    assert WORD not in str(caught.value) + caught.value.hint
    folder = library.settings.journal_path.parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content
        assert WORD.encode() not in content


async def test_creation_whose_reply_was_lost_is_found_and_not_repeated(
    library: Library, server: DemoServer, bucket: str
) -> None:
    server.faults.add("lost", "POST", "data_assets", times=1)
    record = await library.creation.create(new_asset(bucket))
    assert len(server.requests("POST", "*/data_assets")) == 1
    assert server.store.get(record.asset.id).name == "From a bucket"


async def test_refused_creation_can_not_be_sent_from_the_log(
    library: Library, server: DemoServer, bucket: str
) -> None:
    rule = server.faults.add(400, "POST", "data_assets")
    with pytest.raises(Rejected):
        await library.creation.create(new_asset(bucket))
    server.faults.remove(rule)
    (entry,) = await library.log.kept()
    assert entry.mine is not None
    assert entry.mine.name == "From a bucket"
    with pytest.raises(Refused, match="does not keep what it is made from"):
        await library.changes.retry(entry.id)


PAGE = b"<html><title>Blocked</title></html>"
NOES = {
    "404 page": (reply(404, PAGE), ""),
    "403 page": (reply(403, PAGE), ""),
    "400 page": (reply(400, PAGE), ""),
    "302": (reply(302, b"", Location="http://sign-in.example.org/"), ""),
    "307": (reply(307, b"", Location="http://sign-in.example.org/"), ""),
    "404": (reply(404, {"message": "no"}), "did not find what to make this of: no"),
    "400": (reply(400, {"message": "no"}), "refused this"),
    "403": (reply(403, {"message": "no"}), "may not create"),
    "409": (reply(409, {"message": "no"}), "conflict"),
}
"""Answers to a create, and what is said if nothing was made; empty: nobody can tell."""


@pytest.mark.parametrize("is_made", [True, False])
@pytest.mark.parametrize("what", NOES)
async def test_a_no_to_a_create_is_looked_through(
    server: DemoServer,
    tmp_path: Path,
    bucket: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_made: bool,
) -> None:
    said, told = NOES[what]

    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if asked.method != "POST" or not asked.path.endswith("/data_assets"):
            return None
        if passes:
            return None
        if is_made:
            carry_out()
        return said

    passes = True
    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            first = await library.creation.create(new_asset(bucket))
            passes = False
            if is_made:
                record = await library.creation.create(new_asset(bucket))
                assert record.asset.id != first.asset.id
                assert server.store.get(record.asset.id).name == "From a bucket"
                assert await library.log.kept() == []
                return
            with pytest.raises(ApiError) as caught:
                await library.creation.create(new_asset(bucket))
            (entry,) = await library.log.kept()
            if told:
                assert told in caught.value.message
                assert entry.state is State.REFUSED
            else:
                assert "may have been created" in caught.value.hint
                assert entry.state is State.UNKNOWN
                await library.changes.settle()
                (entry,) = await library.log.kept()
                assert entry.state is State.UNKNOWN, "it may still arrive"
                monkeypatch.setattr(settle, "LATE_S", 0)
                await library.changes.settle()
                (entry,) = await library.log.kept()
                assert (entry.state, entry.hint) == (State.REFUSED, "create it again")


async def test_value_that_must_not_be_sent_stops_a_creation(
    library: Library, server: DemoServer
) -> None:
    with pytest.raises(InvalidField):
        await library.creation.create(new_asset("my-bucket", "a\nb"))
    assert server.requests() == []


def test_drafts_are_polled_at_five_seconds_and_then_slower() -> None:
    waits = list(islice(poll_waits(), 20))
    assert waits[0] == 5.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


@pytest.mark.parametrize("stage", ["before", "sent", "made"])
async def test_a_create_that_is_stopped_says_how_far_it_got(
    library: Library, server: DemoServer, bucket: str, stage: str
) -> None:
    heard: list[CreateProgress] = []
    record = None
    with anyio.CancelScope() as scope:

        def hear(progress: CreateProgress) -> None:
            heard.append(progress)
            if stage == ("sent" if progress.asset_id is None else "made"):
                scope.cancel()

        if stage == "before":
            scope.cancel()
        record = await library.creation.create(new_asset(bucket), heard=hear)
    entries = await library.log.entries()
    if stage == "before":
        assert heard == []
        assert [(each.state, bool(each.reason)) for each in entries] in (
            [], [(State.REFUSED, True)],
        )  # fmt: skip
        assert server.requests("POST", "data_assets") == []
    elif stage == "sent":
        assert heard == [CreateProgress(sent=True)]
        assert [each.state for each in entries] == [State.UNKNOWN]
    else:
        assert record is not None
        assert heard[-1].asset_id == record.asset.id
        assert [(each.state, each.asset_id) for each in entries] == [
            (State.APPLIED, record.asset.id)
        ]
