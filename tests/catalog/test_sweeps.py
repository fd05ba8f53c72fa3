"""What the catalog knows about sweeps, and how only one process sweeps at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.catalog import Catalog
from coexplorer.models import AssetId, Dialect
from tests.support.naive_search import make_records

NOW = 1_780_000_000.0
STALE_S = 30.0


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "c.sqlite3") as opened:
        yield opened


def acquire(catalog: Catalog, owner: str, now: float) -> bool:
    return catalog.acquire_sweep(owner, now=now, stale_after_s=STALE_S)


def test_one_sweeps_at_a_time(catalog: Catalog, tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c.sqlite3") as other:
        assert acquire(catalog, "a", NOW)
        assert not acquire(other, "b", NOW + 1)
        assert acquire(catalog, "a", NOW + 1), "its own place is no obstacle"
        assert other.sync_state().sweeper == "a"
        catalog.release_sweep("a")
        assert acquire(other, "b", NOW + 2)


def test_signs_of_life_keep_the_place(catalog: Catalog) -> None:
    assert acquire(catalog, "a", NOW)
    for beat in range(1, 4):
        assert catalog.heartbeat("a", now=NOW + beat * STALE_S * 0.9)
        assert not acquire(catalog, "b", NOW + beat * STALE_S * 0.9 + 1)


def test_place_without_a_sign_of_life_is_taken_over_and_the_first_learns_of_it(
    catalog: Catalog,
) -> None:
    assert acquire(catalog, "a", NOW)
    assert not acquire(catalog, "b", NOW + STALE_S - 1)
    assert acquire(catalog, "b", NOW + STALE_S)
    assert not catalog.heartbeat("a", now=NOW + STALE_S + 1)
    catalog.release_sweep("a")
    assert catalog.sync_state().sweeper == "b", "who lost the place can't give it away"
    assert catalog.heartbeat("b", now=NOW + STALE_S + 2)


def test_sign_of_life_from_the_future_keeps_nobody_out(catalog: Catalog) -> None:
    assert acquire(catalog, "a", NOW)
    assert acquire(catalog, "b", NOW - 3600)


def test_only_what_a_sweep_has_not_seen_is_unseen(catalog: Catalog) -> None:
    records = make_records(10, 1)
    catalog.upsert(records)
    first = catalog.begin_sweep()
    assert set(catalog.unseen(first)) == {one.asset.id for one in records}
    catalog.upsert(records[:6], generation=first)
    assert set(catalog.unseen(first)) == {one.asset.id for one in records[6:]}
    second = catalog.begin_sweep()
    catalog.upsert(records[6:8], generation=second)
    assert set(catalog.unseen(first)) == {one.asset.id for one in records[8:]}
    catalog.upsert(records[6:8], generation=first)  # the older one goes on, late
    assert not {one.asset.id for one in records[6:8]} & set(catalog.unseen(second))
    catalog.upsert(make_records(14, 1)[10:])  # created meanwhile, and read by a refresh
    assert AssetId(make_records(14, 1)[13].asset.id) in catalog.unseen(second)


def test_incomplete_sweep_leaves_the_time_of_the_last_complete_one(catalog: Catalog) -> None:
    state = catalog.sync_state()
    assert (state.synced_at, state.refreshed_at, state.complete) == (None, None, False)
    version = catalog.data_version()
    catalog.finish_sweep(complete=True, total=5, now=NOW, duration_s=2.0, dialect=Dialect.LEGACY)
    assert catalog.data_version() > version, "those who look at it learn that it ended"
    catalog.finish_sweep(complete=False, total=3, now=NOW + 60)
    state = catalog.sync_state()
    assert (state.synced_at, state.refreshed_at) == (NOW, NOW + 60)
    assert (state.complete, state.total, state.dialect) == (False, 3, Dialect.LEGACY)
    catalog.note_refresh(NOW + 90)
    assert catalog.sync_state().refreshed_at == NOW + 90
    assert catalog.sync_state().synced_at == NOW
