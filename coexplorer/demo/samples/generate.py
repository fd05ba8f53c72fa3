"""Making an institute's assets from a seed.

Everything comes from one stream of random numbers and from `now`, so that the same arguments give
the same data on any machine. Raw data comes before the data derived from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, islice

from msgspec.structs import replace

from coexplorer.demo.asset import Contained, StoredAsset
from coexplorer.demo.samples.calendar import DAY_S, pick_moment
from coexplorer.demo.samples.files import VAST, measure_files
from coexplorer.demo.samples.lineage import Lineage, make_failed
from coexplorer.demo.samples.maker import Maker
from coexplorer.demo.samples.nasty import NASTY, count_nasty
from coexplorer.demo.samples.rare import add_rare
from coexplorer.demo.samples.sharing import add_sharing
from coexplorer.demo.samples.vocabulary import GB, MODELS, REFERENCES, RESULTS

DEFAULT_COUNT = 1200
HIGHEST_COUNT = 100_000
CLOCK = 1_773_311_040
"""2026-03-12 10:24 UTC: the last moment of the samples, unless another is asked for.

Names hold dates, and the stream of random numbers follows from them: only at one moment are names
and ids the same for everybody, every day. So what a manual shows is what its reader sees.
"""

PARTS_KEPT = 400
"""An asset that is made from several draws on this many of its predecessors."""

TOGETHER_S = 200 * DAY_S
"""Those lie no further apart than this."""

LEVELS = ("raw", "derived")
"""First tag of what belongs to a session, see `lineage`."""


def generate(count: int, *, seed: int, now: float, owner: str, colleague: str) -> list[StoredAsset]:
    """Make sample assets. The owner sees them all, the colleague some, and others a few.

    Args:
        count: How many.
        seed: Decides about everything.
        now: Epoch seconds; nothing is later.
        owner: Email of the first user.
        colleague: Email of the second.

    Returns:
        Assets with unique ids; provenance and parts refer to earlier ones only.

    Raises:
        ValueError: The count is negative or beyond `HIGHEST_COUNT`.
    """
    if not 0 <= count <= HIGHEST_COUNT:
        raise ValueError(f"from 0 to {HIGHEST_COUNT} assets, not {count}")
    maker = Maker(random.Random(seed), int(now), owner, colleague, count)
    nasty = count_nasty(count)
    assets = list(islice(_iter_ordinary(maker), count - nasty))
    assets += [_make_nasty(maker, place) for place in range(nasty)]
    return [add_sharing(add_rare(asset, int(now)), owner) for asset in assets]


def _iter_ordinary(maker: Maker) -> Iterator[StoredAsset]:
    """Yield assets forever; one of each sort soon, then as they come."""
    lineage, parts = Lineage(maker), list[StoredAsset]()
    for sort in chain(("session", "model", "draft", "failed", "combined"), _iter_sorts(maker)):
        match sort:
            case "session":
                made = lineage.make_session()
            case "combined":
                made = [_make_combined(maker, parts)]
            case "draft":
                made = [_make_draft(maker, lineage)]
            case "failed":
                made = [_make_failed(maker, lineage)]
            case "model":
                made = [_make_model(maker)]
            case "reference":
                made = [_make_reference(maker)]
            case _:
                made = [_make_result(maker, lineage, parts)]
        yield from made
        parts += [asset for asset in made if asset.state == "ready" and asset.tags[0] in LEVELS]
        del parts[:-PARTS_KEPT]


def _iter_sorts(maker: Maker) -> Iterator[str]:
    weights = {
        "session": 84,
        "result": 6,
        "combined": 4,
        "model": 2,
        "reference": 1,
        "failed": 2,
        "draft": 1,
    }
    sorts = list(weights)
    while True:
        yield from maker.rng.choices(sorts, list(weights.values()), k=64)


def _make_draft(maker: Maker, lineage: Lineage) -> StoredAsset:
    """Make one that is being created, since some hours."""
    raw = lineage.make_raw(maker.now - maker.rng.randrange(60, DAY_S))
    return replace(raw, state="draft", size=None, files=None, last_used=0, archived=False)


def _make_failed(maker: Maker, lineage: Lineage) -> StoredAsset:
    raw = lineage.make_raw(pick_moment(maker.rng, maker.now))
    return make_failed(raw, maker.rng)


def _make_combined(maker: Maker, parts: list[StoredAsset]) -> StoredAsset:
    rng = maker.rng
    chosen = _choose_together(
        rng, [part for part in parts if part.tags[0] == "raw"], rng.randrange(2, 9)
    )
    contained = tuple(
        Contained(part.id, part.mount or part.name, part.size or 0) for part in chosen
    )
    _, modality, _, project, *_ = chosen[0].tags
    return maker.make(
        f"{project}, {modality} cohort {rng.randrange(1, 60)}",
        _pick_moment_later(maker, chosen),
        tree="result",
        type="combined",
        size=sum(part.size for part in contained),
        files=sum(part.files or 0 for part in chosen),
        tags=("combined", modality, project),
        contained=contained,
    )


def _choose_together(rng: random.Random, parts: list[StoredAsset], most: int) -> list[StoredAsset]:
    """Choose data of one modality from about the same time."""
    first = rng.choice(parts)
    near = [
        part
        for part in parts
        if part.tags[1] == first.tags[1] and abs(part.created - first.created) < TOGETHER_S
    ]
    return rng.sample(near, min(len(near), most))


def _pick_moment_later(maker: Maker, sources: list[StoredAsset]) -> int:
    """Pick when somebody made something of several assets: within a month of the youngest."""
    youngest = max(source.created for source in sources)
    longest = min(30 * DAY_S, maker.now - youngest)
    return youngest + int(longest * maker.rng.random())


def _make_model(maker: Maker) -> StoredAsset:
    rng = maker.rng
    name, task = rng.choice(MODELS)
    return maker.make(
        f"{name}-v{rng.randrange(1, 6)}.{rng.randrange(10)}",
        pick_moment(rng, maker.now),
        tree="model",
        type="model",
        size=int(rng.lognormvariate(0, 0.8) * 0.4 * GB),
        files=rng.randrange(3, 30),
        tags=("model", task),
        source=maker.pick_local_source(),
    )


def _make_reference(maker: Maker) -> StoredAsset:
    rng = maker.rng
    return maker.make(
        rng.choice(REFERENCES),
        pick_moment(rng, maker.now),
        tree="reference",
        size=int(rng.lognormvariate(0, 1.2) * 2 * GB),
        files=rng.randrange(1, 90),
        tags=("reference",),
        source=maker.pick_local_source(),
    )


def _make_result(maker: Maker, lineage: Lineage, parts: list[StoredAsset]) -> StoredAsset:
    """Make what somebody's own capsule made of several assets."""
    rng = maker.rng
    sources = _choose_together(rng, parts, rng.randrange(1, 6))
    return maker.make(
        rng.choice(RESULTS).format(n=rng.randrange(1, 53)),
        _pick_moment_later(maker, sources),
        tree="result",
        type="result",
        size=int(rng.lognormvariate(0, 1.6) * 0.05 * GB),
        files=rng.randrange(2, 200),
        tags=("analysis", sources[0].tags[1]),
        provenance=lineage.make_provenance(
            "Figures and tables", tuple(source.id for source in sources)
        ),
    )


def _make_nasty(maker: Maker, place: int) -> StoredAsset:
    nasty, rng = NASTY[place % len(NASTY)], maker.rng
    asset = maker.make(
        nasty.name,
        pick_moment(rng, maker.now),
        tree=nasty.tree,
        size=rng.randrange(10**10),
        files=12,
        tags=nasty.tags or ("pilot",),
        source=maker.pick_local_source(),
    )
    if nasty.tree == VAST:
        files, size = measure_files(asset.id)
        asset = replace(asset, files=files, size=size)
    return replace(asset, description=nasty.description, mount="nasty")
