"""The embedded Code Ocean for tests: a fresh one in milliseconds, with a few assets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from coexplorer.demo.asset import Bucket, Contained, Provenance, Role, StoredAsset
from coexplorer.demo.capsule import (
    Mounted,
    Parameter,
    Process,
    StoredCapsule,
    StoredComputation,
)
from coexplorer.demo.samples import make_result_tree
from coexplorer.demo.server import DemoServer


def make_id(number: int) -> str:
    """Return the id of the n-th asset of `few_assets`."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


RAW, DERIVED, THEIRS, VIEWED, OLD, FAILED, DRAFT, COMBINED, OUTSIDE = map(make_id, range(1, 10))
"""Ids of the assets of `few_assets`, in its order."""


def few_assets(me: str, colleague: str) -> list[StoredAsset]:
    """Return one asset of each kind, the newest last.

    Args:
        me: Email of the first user.
        colleague: Email of the second.
    """
    return [
        StoredAsset(
            id=RAW,
            name="ecephys_655019_2023-04-03_18-17-07",
            owner=me,
            created=1_680_545_827,
            last_used=1_700_000_000,
            description="Raw **Neuropixels** recording.",
            tags=("ecephys", "raw"),
            mount="ecephys_655019",
            size=1_234_567_890_123,
            files=1_021,
            source=Bucket(bucket="institute-raw", prefix="ecephys_655019_2023-04-03_18-17-07"),
            custom_metadata={"subject id": "655019", "age": 61, "modality": ["ecephys"]},
            favorite_of=frozenset({me}),
        ),
        StoredAsset(
            id=DERIVED,
            name="ecephys_655019_2023-04-03_18-17-07_sorted_2023-04-09_22-10-11",
            owner=me,
            created=1_681_078_211,
            description="Spike sorting of the raw recording.",
            tags=("ecephys", "sorted", "Derived"),
            mount="ecephys_655019_sorted",
            type="result",
            size=2_000_000,
            files=12,
            provenance=Provenance(
                commit="4f1c2d9", run_script="code/run", capsule="c0ffee", data_assets=(RAW,)
            ),
            custom_metadata={"subject id": "655019", "quality score": 0.75},
            roles={colleague: Role.EDITOR},
        ),
        StoredAsset(
            id=THEIRS,
            name="Zebrafish atlas",
            owner=colleague,
            created=1_690_000_000,
            tags=("atlas",),
            mount="atlas",
            size=500,
            files=3,
            roles={me: Role.EDITOR},
        ),
        StoredAsset(
            id=VIEWED,
            name="RNA-seq reference",
            owner=colleague,
            created=1_690_000_001,
            description="Read only for others.",
            tags=("genomics",),
            mount="reference",
            size=700,
            files=5,
            everyone="viewer",
        ),
        StoredAsset(
            id=OLD,
            name="behavior_2019",
            owner=me,
            created=1_550_000_000,
            tags=("behavior", "raw"),
            mount="behavior_2019",
            size=42,
            files=1,
            archived=True,
        ),
        StoredAsset(
            id=FAILED,
            name="ophys_failed",
            owner=me,
            created=1_690_000_002,
            mount="ophys_failed",
            state="failed",
            failure_reason="Access denied to bucket institute-private",
        ),
        StoredAsset(
            id=DRAFT,
            name="ophys_draft",
            owner=me,
            created=1_690_000_003,
            mount="ophys_draft",
            state="draft",
        ),
        StoredAsset(
            id=COMBINED,
            name="both recordings",
            owner=me,
            created=1_690_000_004,
            mount="both",
            type="combined",
            size=1_234_569_890_123,
            files_listed=False,
            contained=(Contained(RAW, "raw", 1_234_567_890_123), Contained(DERIVED, "sorted")),
        ),
        StoredAsset(
            id=OUTSIDE,
            name="open data",
            owner=me,
            created=1_690_000_005,
            mount="open",
            source=Bucket(bucket="open-data", external=True),
            files_listed=False,
        ),
    ]


MY_CAPSULE, MY_PIPELINE, VIEWED_CAPSULE, EDITED_CAPSULE, HIDDEN_CAPSULE, RELEASED_CAPSULE = (
    *("c0ffee", "pipeline-1", "capsule-viewed", "capsule-edited"),
    *("capsule-hidden", "capsule-released"),
)
"""Ids of the capsules of `few_capsules`: mine, a colleague's that I can view or edit, one that I
can't see, and one of mine that is released."""

SESSION, FINISHED, FAILED_RUN, RUNNING, EMPTY_RUN, THEIR_RUN = (
    *("session-1", "run-finished", "run-failed", "run-running"),
    *("run-empty", "run-theirs"),
)
"""Ids of its computations; the first is my workstation, and all but the last are mine."""


def few_capsules(me: str, colleague: str) -> tuple[list[StoredCapsule], list[StoredComputation]]:
    """Return one capsule and one computation of each kind; the runs are those of `MY_CAPSULE`.

    Args:
        me: Email of the first user.
        colleague: Email of the second.
    """
    threshold = Parameter("Detection threshold", "threshold", "5.5")
    raw = (Mounted(RAW, "ecephys_655019"),)
    mine = StoredCapsule(
        id=MY_CAPSULE,
        kind="capsules",
        name="Spike sorting",
        owner=me,
        created=1_650_000_000,
        slug="1234567",
        last_accessed=1_690_000_000,
        description="Sorts the spikes of new sessions.",
        field="Neuroscience",
        tags=("ecephys",),
        favorite_of=frozenset({me}),
        attached=raw,
        parameters=(threshold,),
    )
    pipeline = replace(
        mine,
        id=MY_PIPELINE,
        kind="pipelines",
        name="Sort and curate",
        slug="2234567",
        processes=(Process("sort", MY_CAPSULE, 1, public=False),),
    )
    theirs = replace(mine, owner=colleague, attached=(), favorite_of=frozenset())
    capsules = [
        mine,
        pipeline,
        replace(theirs, id=VIEWED_CAPSULE, name="Viewed", roles={me: Role.VIEWER}, attached=raw),
        replace(theirs, id=EDITED_CAPSULE, name="Edited", roles={me: Role.EDITOR}),
        replace(theirs, id=HIDDEN_CAPSULE, name="Hidden", attached=raw),
        replace(mine, id=RELEASED_CAPSULE, name="Released", status="release", attached=()),
    ]
    ended = StoredComputation(
        id=FINISHED,
        capsule=MY_CAPSULE,
        name="Run 42",
        owner=me,
        created=1_690_000_000,
        run_time=77,
        end_status="succeeded",
        exit_code=0,
        data_assets=raw,
        parameters=(threshold,),
        commit="4f1c2d9",
        tree=make_result_tree(FINISHED),
    )
    running = replace(
        ended, id=RUNNING, name="Run 43", state="running", end_status="", exit_code=None, tree=""
    )
    computations = [
        ended,
        replace(ended, id=FAILED_RUN, name="Run 40", end_status="failed", exit_code=1, tree=""),
        running,
        replace(ended, id=EMPTY_RUN, name="Run 41", tree=""),
        replace(ended, id=THEIR_RUN, name="Run 7", capsule=VIEWED_CAPSULE, owner=colleague),
        replace(
            running,
            id=SESSION,
            name="Cloud workstation",
            cloud_workstation=True,
            tree=make_result_tree(SESSION),
        ),
    ]
    return capsules, computations


@contextmanager
def running_server(
    data: Path, dialect: str, *, version: tuple[int, ...] | None = None
) -> Iterator[DemoServer]:
    """Run a server that has `few_assets` and `few_capsules`."""
    with DemoServer(data, dialect=dialect, version=version) as server:
        me, colleague = (user.email for user in server.users[:2])
        server.store.insert(few_assets(me, colleague))
        server.store.workshop.insert(*few_capsules(me, colleague))
        yield server
