"""What the catalog answers without a session says what a session says."""

from collections.abc import Generator

import msgspec
import pytest

from coexplorer.config import Settings
from coexplorer.library import Library
from coexplorer.library.known import answer_now, open_known
from coexplorer.models import AssetId
from coexplorer.query import Query, parse_query
from tests.support.server import DERIVED, RAW


async def test_answers_are_those_of_a_session(library: Library, settings: Settings) -> None:
    await library.sync.sweep()
    with open_known(settings) as known:
        for text in ("", "tag:ecephys sort:created", "is:any", "zzzz"):
            query = parse_query(text)
            assert answer_now(known.assets.count(query)) == await library.assets.count(query)
            assert answer_now(known.assets.ids(query)) == await library.assets.ids(query)
            window = answer_now(known.assets.window(query, offset=1, limit=2))
            assert window == await library.assets.window(query, offset=1, limit=2)
            assert answer_now(known.assets.records(query)) == await library.assets.records(query)
        ids = [AssetId(DERIVED), AssetId("nobody"), AssetId(RAW)]
        assert answer_now(known.assets.records(ids)) == await library.assets.records(ids)
        assert answer_now(known.assets.stats(None)) == await library.assets.stats()
        status = await library.status()
        assert answer_now(known.status()) == msgspec.structs.replace(status, offline=True)


def test_nothing_is_known_where_nothing_was_read(settings: Settings) -> None:
    with open_known(settings) as known:
        status = answer_now(known.status())
        assert (status.total, status.synced_at, status.problem) == (0, None, "")
        assert answer_now(known.assets.count(Query())) == 0


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_catalog_is_rebuilt_and_told_of(settings: Settings, content: bytes) -> None:
    settings.catalog_path.parent.mkdir(parents=True)
    settings.catalog_path.write_bytes(content)
    with open_known(settings) as known:
        assert answer_now(known.assets.count(Query())) == 0
        assert "damaged" in answer_now(known.status()).problem


def test_where_the_catalog_can_not_be_an_empty_one_answers(settings: Settings) -> None:
    settings.catalog_path.mkdir(parents=True)
    with open_known(settings) as known:
        status = answer_now(known.status())
        assert answer_now(known.assets.count(Query())) == 0
        assert not status.is_kept
        assert str(settings.catalog_path) in status.problem


def test_work_that_waits_is_refused_and_closed() -> None:
    ended: list[bool] = []

    async def work() -> None:
        try:
            await Sleep()
        finally:
            ended.append(True)

    class Sleep:
        def __await__(self) -> Generator[None, None, None]:
            yield

    with pytest.raises(RuntimeError, match="session"):
        answer_now(work())
    assert ended == [True]


def test_an_error_leaves_as_it_is() -> None:
    async def work() -> None:
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError, match="gone"):
        answer_now(work())
