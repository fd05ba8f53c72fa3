"""Capsules, pipelines and their computations: plain, frozen data, like that of assets.

Times are seconds since the epoch (UTC). What the platform says is plain text here, so that a state
or a kind that came after this version is harmless.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

from coexplorer.models import AssetId

MOST_AT_ONCE: Final = 100
"""Assets that one request attaches or detaches at most."""


class WorkplaceKind(StrEnum):
    """What assets can be attached to; the value is its part of the address."""

    CAPSULE = "capsules"
    PIPELINE = "pipelines"
    COMPUTATION = "computations"
    """A running cloud workstation: nothing can be attached to other computations."""

    @property
    def word(self) -> str:
        """What one of them is called in a sentence."""
        return self.value.removesuffix("s")


class Workplace(msgspec.Struct, frozen=True):
    """A capsule, a pipeline or a cloud workstation session, to which assets are attached.

    Attributes:
        id: Its id; of a workstation session, that of its computation (``CO_COMPUTATION_ID``).
    """

    kind: WorkplaceKind
    id: str


class ComputationState(StrEnum):
    """States known today; `Computation.state` is plain text."""

    INITIALIZING = "initializing"
    RUNNING = "running"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"


class EndStatus(StrEnum):
    """How a computation ended, as known today; `Computation.end_status` is plain text."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


class RunParameter(msgspec.Struct, frozen=True):
    """A value that a run was given. `param_name` is what a script calls it; any may be empty."""

    name: str = ""
    param_name: str = ""
    value: str = ""


class PipelineProcess(msgspec.Struct, frozen=True):
    """A step of a pipeline's run: which capsule, in which released version (None: not said)."""

    name: str
    capsule_id: str = ""
    version: int | None = None
    public: bool | None = None
    parameters: tuple[RunParameter, ...] = ()


class AttachedAsset(msgspec.Struct, frozen=True):
    """An asset that is attached to a workplace, or was to a computation.

    Attributes:
        mount: Its folder there; empty where the platform does not say.
        name: Empty where the platform does not say, as of a computation's.
        kind: ``internal``, ``external`` or ``combined``; likewise.
        accessible: Whether this user may use it; None: not said.
    """

    id: AssetId
    mount: str = ""
    name: str = ""
    kind: str = ""
    accessible: bool | None = None


class Computation(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a capsule or pipeline, or a cloud workstation session.

    Attributes:
        state: See `ComputationState`; empty where the platform does not say.
        end_status: See `EndStatus`; empty before the end.
        exit_code: Of its script; None: not said.
        created: Epoch seconds; None: not said.
        run_time_s: How long it has run.
        has_results: None: not said.
        owner: The platform's id of who started it; ``release`` of a release's own run.
        workplace: Whose run it is, if it came from a list of theirs: no reply says that.
        data_assets: What was attached to it, or is.
    """

    id: str
    name: str = ""
    state: str = ""
    end_status: str = ""
    exit_code: int | None = None
    created: float | None = None
    run_time_s: float | None = None
    has_results: bool | None = None
    cloud_workstation: bool = False
    owner: str = ""
    owner_email: str = ""
    workplace: Workplace | None = None
    data_assets: tuple[AttachedAsset, ...] = ()
    parameters: tuple[RunParameter, ...] = ()
    nextflow_profile: str = ""
    processes: tuple[PipelineProcess, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        ended = (ComputationState.COMPLETED, ComputationState.FAILED)
        return self.state in ended or bool(self.end_status)

    @property
    def standing(self) -> str:
        """How it stands, in a word: how it ended, if it has."""
        return (self.end_status if self.is_over else "") or self.state or "unknown"

    @property
    def succeeded(self) -> bool:
        """Whether it ended well, as far as the platform says."""
        well = self.end_status in ("", EndStatus.SUCCEEDED)
        return self.state == ComputationState.COMPLETED and well and not self.exit_code


class Capsule(msgspec.Struct, frozen=True, kw_only=True):
    """A capsule or a pipeline.

    Attributes:
        kind: Which of the two.
        status: ``release`` or ``non_release``, before 3.1 ``published``, ``non-published`` and
            others; empty where the platform does not say.
        created: Epoch seconds; None: not said.
        last_accessed: Likewise.
        owner: The platform's id of its owner.
        slug: A short id for people, such as ``4471``.
        archived: None: not said; no reply has it but a search for archived ones.
    """

    id: str
    kind: WorkplaceKind
    name: str = ""
    status: str = ""
    created: float | None = None
    last_accessed: float | None = None
    owner: str = ""
    owner_email: str = ""
    slug: str = ""
    description: str = ""
    field: str = ""
    tags: tuple[str, ...] = ()
    archived: bool | None = None

    @property
    def workplace(self) -> Workplace:
        """Where assets are attached to it."""
        return Workplace(self.kind, self.id)


class CapsuleSearch(msgspec.Struct, frozen=True):
    """One search of the platform's capsules or pipelines.

    Attributes:
        query: Words, ``name:…``, ``tag:…``, ``id:…``; or an asset's id: finds what it is attached
            to.
        ownership: ``created``, ``shared`` or ``private``; None: all that this user may see.
        status: ``release`` or ``non_release``; None: both.
        archived: None: whatever the platform does where it is not said.
    """

    query: str = ""
    ownership: Literal["created", "shared", "private"] | None = None
    status: Literal["release", "non_release"] | None = None
    favorite: bool = False
    archived: bool | None = None
    sort_field: Literal["created", "name", "last_accessed"] | None = None
    descending: bool = False


class CapsulePage(msgspec.Struct, frozen=True):
    """One reply to such a search.

    Attributes:
        left_out: How many rows name no capsule.
        next_token: Where the next page starts; None where the platform gives none.
    """

    results: tuple[Capsule, ...]
    has_more: bool
    left_out: int = 0
    next_token: str | None = None


class Attachment(msgspec.Struct, frozen=True):
    """An asset to attach, and its folder there; None: the asset's own."""

    id: AssetId
    mount: str | None = None


class MountState(StrEnum):
    """What is known of `AttachOutcome.mount_state`, which is plain text."""

    MOUNTED = "mounted"
    UNCHANGED = "unchanged"
    ERROR = "error"


class AttachOutcome(msgspec.Struct, frozen=True):
    """What the platform says of one asset that was to be attached; all but the id may be missing.

    Attributes:
        ready: What the platform says; it also comes with an error. None: not said.
        external: Whether its files stay outside.
        mount: Its folder there; empty: not said.
        mount_state: See `MountState`; the platform has others, which are not documented.
        job_id: Of the work in the background; empty: there is none.
    """

    id: AssetId
    ready: bool | None = None
    external: bool | None = None
    mount: str = ""
    mount_state: str = ""
    job_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether it could not be attached, whatever `ready` says."""
        return self.mount_state == MountState.ERROR

    @property
    def unchanged(self) -> bool:
        """Whether it was attached already."""
        return self.mount_state == MountState.UNCHANGED

    @property
    def done(self) -> bool:
        """Whether it is attached, and its files are there.

        Where the platform has no state that is known here, `ready` tells; without either nobody
        knows, and what is attached has to be looked at.
        """
        if self.mount_state in (MountState.MOUNTED, MountState.UNCHANGED):
            return True
        return not self.failed and self.ready is True

    @property
    def pending(self) -> bool:
        """Whether it is on its way, as far as the platform says."""
        return not self.failed and not self.done


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run.

    Attributes:
        workplace: A capsule or a pipeline.
        version: Of a release; None: as it is now.
        data_assets: Attached to this run alone.
        parameters: In the order of the app panel.
        named_parameters: By the names that its script has for them.
        nextflow_profile: Of a pipeline; empty: the default.
    """

    workplace: Workplace
    version: int | None = None
    data_assets: tuple[Attachment, ...] = ()
    parameters: tuple[str, ...] = ()
    named_parameters: tuple[RunParameter, ...] = ()
    nextflow_profile: str = ""
