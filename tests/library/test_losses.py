"""What becomes of the files of an asset that is deleted."""

from __future__ import annotations

import pytest

from coexplorer.library.bulk_change import Change
from coexplorer.library.losses import Fate, describe_loss, describe_losses, find_loss
from coexplorer.library.planning import build_plan
from coexplorer.models import Asset, AssetId, Membership, Record, SourceBucket

INSIDE = Asset(id=AssetId("a"), name="inside", files=391, size_bytes=230_000_000_000)
EMPTY = Asset(id=AssetId("b"), name="nothing known")
OUTSIDE = Asset(
    id=AssetId("c"),
    name="outside",
    files=391,
    size_bytes=230_000_000_000,
    source=SourceBucket("open-data", "aws", "exp/1/", external=True),
)
COPIED = Asset(
    id=AssetId("d"), name="copied", files=1, size_bytes=5, source=SourceBucket("raw", "aws")
)
BOTH = Asset(
    id=AssetId("e"), name="both", type="combined", size_bytes=5, contained=(INSIDE.id, COPIED.id)
)
MIXED = Asset(id=AssetId("f"), name="both", type="combined", source=SourceBucket(external=True))


@pytest.mark.parametrize(
    ("asset", "fate", "said"),
    [
        (INSIDE, Fate.GONE, "its files are deleted: 391 files, 230 GB"),
        (EMPTY, Fate.GONE, "its files are deleted"),
        (COPIED, Fate.GONE, "its files are deleted: 1 file, 5 B"),
        (OUTSIDE, Fate.STAY, "its files stay in open-data/exp/1: external storage"),
        (BOTH, Fate.OTHERS, "the files of the 2 assets that it combines stay"),
        (MIXED, Fate.OTHERS, "the files of the assets that it combines stay"),
    ],
)
def test_the_fate_of_files_is_told_by_where_they_are(asset: Asset, fate: Fate, said: str) -> None:
    assert find_loss(asset).fate is fate
    assert describe_loss(find_loss(asset)) == said


def test_of_many_only_the_files_that_go_are_counted_as_going() -> None:
    said = [text for _, text in describe_losses(list(map(find_loss, (INSIDE, OUTSIDE, BOTH))))]
    assert said == [
        "The files of 1 asset are deleted: 391 files, 230 GB.",
        "1 asset is on external storage: its files stay.",
        "1 asset combines others: the files of those stay.",
    ]
    said = [text for _, text in describe_losses(list(map(find_loss, (INSIDE, COPIED, EMPTY))))]
    assert said == ["The files of 3 assets are deleted: at least 392 files, 230 GB."]
    assert describe_losses([]) == []


def test_a_plan_tells_it_of_what_it_deletes_and_of_nothing_else() -> None:
    records = [
        Record(OUTSIDE, Membership(archived=True)),
        Record(INSIDE, Membership(archived=False)),
    ]
    plan = build_plan(records, Change(delete=True))
    assert [loss.fate for loss in plan.losses] == [Fate.STAY]
    assert not build_plan(records, Change(archive=True)).losses
