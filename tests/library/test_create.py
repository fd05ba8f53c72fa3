"""New assets: keys go only to the platform, and a lost reply is looked for."""

from itertools import islice
from pathlib import Path

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import InvalidField, Refused, Rejected
from coexplorer.library import Library
from coexplorer.library.create import poll_waits
from coexplorer.library.entries import State
from coexplorer.library.events import AssetSettled
from coexplorer.models import AwsSource, NewAsset, Secret

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
    record = await library.changes.create(new_asset(bucket))
    with library.subscribe() as events:
        server_side = await library.changes.wait_ready(record.asset.id)
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
    await library.changes.create(new_asset(bucket))
    server.faults.add(400, "POST", "data_assets")
    with pytest.raises(Rejected) as caught:
        await library.changes.create(new_asset(bucket, "Refused"))
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
    record = await library.changes.create(new_asset(bucket))
    assert len(server.requests("POST", "*/data_assets")) == 1
    assert server.store.get(record.asset.id).name == "From a bucket"


async def test_refused_creation_can_not_be_sent_from_the_log(
    library: Library, server: DemoServer, bucket: str
) -> None:
    rule = server.faults.add(400, "POST", "data_assets")
    with pytest.raises(Rejected):
        await library.changes.create(new_asset(bucket))
    server.faults.remove(rule)
    (entry,) = await library.log.kept()
    assert entry.mine is not None
    assert entry.mine.name == "From a bucket"
    with pytest.raises(Refused, match="keys were never kept"):
        await library.changes.retry(entry.id)


async def test_value_that_must_not_be_sent_stops_a_creation(
    library: Library, server: DemoServer
) -> None:
    with pytest.raises(InvalidField):
        await library.changes.create(new_asset("my-bucket", "a\nb"))
    assert server.requests() == []


def test_drafts_are_polled_at_five_seconds_and_then_slower() -> None:
    waits = list(islice(poll_waits(), 20))
    assert waits[0] == 5.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0
