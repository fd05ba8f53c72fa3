"""Capsules, pipelines and computations of an institute, around the assets that it has.

Each result was made by a run that is there, with the same inputs and files. The stream of random
numbers is one of its own, so that the assets are the same with and without this.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from coexplorer.demo.asset import Role, StoredAsset
from coexplorer.demo.capsule import (
    Kind,
    Mounted,
    Parameter,
    Process,
    StoredCapsule,
    StoredComputation,
)
from coexplorer.demo.people import PEOPLE
from coexplorer.demo.samples.calendar import DAY_S
from coexplorer.demo.samples.files import make_result_tree

PIPELINES, RELEASED, ATTACHED = 0.3, 0.2, 6
"""Shares of what makes results; and how many of its latest inputs are attached to one."""

RUN_KINDS = ("failed", "stopped", "empty", "uncaptured", "running")
_PARAMETERS = (
    Parameter("Detection threshold", "threshold", "5.5"),
    Parameter("Probe", "probe", "all"),
    Parameter("Comment", "comment", ""),
)
_NOTEBOOKS: tuple[tuple[str, int, dict[int, Role]], ...] = (
    ("Notebook: first look at new sessions", 0, {}),
    ("Cohort statistics", 0, {1: Role.EDITOR}),
    ("Figure drafts", 1, {0: Role.EDITOR}),
    ("Registration trials", 1, {0: Role.VIEWER}),
    ("Private scratch", 1, {}),
    ("Metadata checks", 2, {0: Role.VIEWER}),
)
"""Name, owner and roles of others, by their places in `PEOPLE`."""


class _Writer:
    """Makes ids and records from one stream of random numbers."""

    def __init__(self, what: str, seed: int, now: int) -> None:
        self.rng = random.Random(f"{what} {seed}")
        self.now = now
        self.capsules: list[StoredCapsule] = []
        self.computations: list[StoredComputation] = []
        self._slug = self.rng.randrange(1_000_000, 2_000_000)

    def make_id(self) -> str:
        bits = f"{self.rng.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}"

    def make_slug(self) -> str:
        self._slug += self.rng.randrange(1, 400)
        return str(self._slug)

    def add_run(
        self, capsule: StoredCapsule, owner: str, created: int, **more: object
    ) -> StoredComputation:
        run = StoredComputation(
            id=self.make_id(),
            capsule=capsule.id,
            name=f"Run {self.rng.randrange(1_000_000, 10_000_000)}",
            owner=owner,
            created=created,
            data_assets=capsule.attached,
            parameters=capsule.parameters,
        )
        run = replace(run, **more)
        self.computations.append(run)
        return run


def make_computing(
    assets: Sequence[StoredAsset], *, seed: int, now: float
) -> tuple[list[StoredCapsule], list[StoredComputation]]:
    """Make the capsules, pipelines and computations around sample assets.

    Args:
        assets: The assets, as `generate` makes them.
        seed: As there.
        now: Epoch seconds; nothing is later.
    """
    writer = _Writer("computing", seed, int(now))
    # Ids of these do not depend on how many assets there are: a manual can name them.
    notebooks = _Writer("notebooks", seed, int(now))
    by_id = {asset.id: asset for asset in assets}
    made: dict[str, list[StoredAsset]] = defaultdict(list)
    for asset in assets:
        if asset.provenance is not None and asset.provenance.capsule:
            made[asset.provenance.capsule].append(asset)
    for capsule_id, results in made.items():
        _add_maker(writer, capsule_id, results, by_id)
    _add_notebooks(notebooks, assets)
    return writer.capsules + notebooks.capsules, writer.computations + notebooks.computations


def mount_all(assets: Sequence[StoredAsset]) -> tuple[Mounted, ...]:
    """Attach assets, each in a folder of its own."""
    mounted: dict[str, Mounted] = {}
    for asset in assets:
        mount = asset.mount or asset.name
        if asset.state == "ready" and not asset.archived:
            mounted.setdefault(mount, Mounted(asset.id, mount))
    return tuple(mounted.values())


def _add_maker(
    writer: _Writer,
    capsule_id: str,
    results: list[StoredAsset],
    by_id: dict[str, StoredAsset],
) -> None:
    """Add the capsule or pipeline that made results, with the run of each, and some others."""
    rng = writer.rng
    kind: Kind = "pipelines" if rng.random() < PIPELINES else "capsules"
    owner = results[0].owner
    first = min(results, key=lambda result: result.created)
    latest = sorted(results, key=lambda result: result.created)[-ATTACHED:]
    inputs = [by_id[each] for result in latest for each in _inputs(result) if each in by_id]
    name = _name(results[0])
    capsule = StoredCapsule(
        id=capsule_id,
        kind=kind,
        name=name,
        owner=owner,
        created=first.created - rng.randrange(2, 90) * DAY_S,
        slug=writer.make_slug(),
        status="release" if rng.random() < RELEASED else "non_release",
        last_accessed=min(writer.now, latest[-1].created + rng.randrange(30) * DAY_S),
        description=f"{name} of new sessions.",
        field="Neuroscience",
        tags=tuple(sorted({result.tags[1] for result in results if len(result.tags) > 1})),
        groups={"Electrophysiology": Role.VIEWER},
        everyone="viewer" if rng.random() < 0.3 else "none",
        attached=mount_all(inputs),
        parameters=_PARAMETERS[: rng.randrange(len(_PARAMETERS) + 1)],
    )
    if kind == "pipelines":
        steps = ("prepare", "compute", "summarize")
        processes = tuple(Process(step, writer.make_id(), 1, public=False) for step in steps)
        capsule = replace(capsule, processes=processes)
    writer.capsules.append(capsule)
    for result in results:
        if result.provenance is not None and result.provenance.computation:
            _add_run_of(writer, capsule, result, by_id)
    for what in rng.sample(RUN_KINDS, rng.randrange(1, 4)):
        _add_other_run(writer, capsule, what)


def _add_run_of(
    writer: _Writer, capsule: StoredCapsule, result: StoredAsset, by_id: dict[str, StoredAsset]
) -> None:
    """Add the run that a result was captured from."""
    provenance = result.provenance
    if provenance is None:
        return
    run_time = writer.rng.randrange(40, 30_000)
    inputs = [by_id[each] for each in provenance.data_assets if each in by_id]
    failed = result.state == "failed"
    writer.add_run(
        capsule,
        result.owner,
        result.created - run_time,
        id=provenance.computation,
        run_time=run_time,
        end_status="succeeded",
        exit_code=0,
        data_assets=tuple(Mounted(each.id, each.mount or each.name) for each in inputs),
        nextflow_profile=result.nextflow_profile,
        processes=capsule.processes,
        commit=provenance.commit,
        run_script=provenance.run_script,
        docker_image=provenance.docker_image,
        tree="" if failed else result.id,
    )


def _add_other_run(writer: _Writer, capsule: StoredCapsule, what: str) -> None:
    """Add a run that nobody has captured: it failed, was stopped, left nothing, or goes on."""
    rng = writer.rng
    run_time = rng.randrange(30, 9_000)
    created = writer.now - run_time - rng.randrange(60, 40 * DAY_S) * (what != "running")
    states: dict[str, dict[str, object]] = {
        "failed": {"end_status": "failed", "exit_code": rng.choice((1, 2, 137))},
        "stopped": {"end_status": "stopped", "exit_code": 143},
        "empty": {"end_status": "succeeded", "exit_code": 0},
        "uncaptured": {"end_status": "succeeded", "exit_code": 0},
        "running": {"state": rng.choice(("running", "running", "initializing", "finalizing"))},
    }
    run = writer.add_run(capsule, capsule.owner, created, run_time=run_time, **states[what])
    if what == "uncaptured":
        writer.computations[-1] = replace(run, tree=make_result_tree(run.id))


def _add_notebooks(writer: _Writer, assets: Sequence[StoredAsset]) -> None:
    """Add what people have for themselves, some with a workstation that is open."""
    rng = writer.rng
    emails = [email for email, _ in PEOPLE]
    raw = [each for each in assets if each.state == "ready" and "raw" in each.tags[:1]]
    ids = [(writer.make_id(), writer.make_id()) for _ in _NOTEBOOKS]
    for number, (name, owner, roles) in enumerate(_NOTEBOOKS):
        chosen = rng.sample(raw, min(len(raw), rng.randrange(2, 5)))
        capsule = StoredCapsule(
            id=ids[number][0],
            kind="capsules",
            name=name,
            owner=emails[owner],
            created=writer.now - rng.randrange(3, 400) * DAY_S,
            slug=writer.make_slug(),
            last_accessed=writer.now - rng.randrange(60, 5 * DAY_S),
            tags=("notebook",),
            roles={emails[place]: role for place, role in roles.items()},
            attached=mount_all(chosen),
            archived=name == "Registration trials",
            favorite_of=frozenset({emails[owner]}),
            parameters=_PARAMETERS[:1],
        )
        writer.capsules.append(capsule)
        for what in RUN_KINDS[: 2 + number % 4]:
            _add_other_run(writer, capsule, what)
        if number in (0, 2):
            run_time = rng.randrange(600, 20_000)
            writer.add_run(
                capsule,
                capsule.owner,
                writer.now - run_time,
                id=ids[number][1],
                name="Cloud workstation",
                state="running",
                run_time=run_time,
                cloud_workstation=True,
                tree=make_result_tree(ids[number][1]),
            )


def _inputs(result: StoredAsset) -> tuple[str, ...]:
    return result.provenance.data_assets if result.provenance else ()


def _name(result: StoredAsset) -> str:
    """Name a capsule by its image, ``…/spike-sorting:4711``."""
    image = result.provenance.docker_image if result.provenance else ""
    words = image.rpartition("/")[2].partition(":")[0].replace("-", " ")
    return words.capitalize() or "Analysis"
