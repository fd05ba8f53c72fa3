"""What the embedded Code Ocean holds of a capsule or pipeline, and of a computation.

The server's own record, not the wire. Times are epoch seconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from coexplorer.demo.asset import Role

Kind = Literal["capsules", "pipelines"]
"""As in the address."""


class Mounted(msgspec.Struct, frozen=True):
    """An asset that is attached.

    Attributes:
        mount: Its folder there.
        ready: False while its files are still on their way.
    """

    id: str
    mount: str = ""
    ready: bool = True


class Parameter(msgspec.Struct, frozen=True):
    """A value of the app panel: what people call it, what scripts call it, and the value."""

    name: str = ""
    param_name: str = ""
    value: str = ""


class Process(msgspec.Struct, frozen=True):
    """A step of a pipeline, and the capsule that it runs."""

    name: str
    capsule_id: str
    version: int | None = None
    public: bool | None = None
    parameters: tuple[Parameter, ...] = ()


class StoredCapsule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A capsule or pipeline; change it with `msgspec.structs.replace`.

    Attributes:
        owner: Email of who made it.
        status: ``release`` or ``non_release``: what is released can't be changed.
        roles: See `StoredAsset`, as for the next two.
        attached: What is attached to it.
        parameters: Of its app panel, with the default values.
        released_again: When each release after the first one was made.
    """

    id: str
    kind: Kind
    name: str
    owner: str
    created: int
    slug: str = ""
    status: str = "non_release"
    last_accessed: int | None = None
    description: str = ""
    field: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False
    favorite_of: frozenset[str] = frozenset()
    roles: dict[str, Role] = {}
    groups: dict[str, Role] = {}
    everyone: str = "none"
    attached: tuple[Mounted, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    processes: tuple[Process, ...] = ()
    released_again: tuple[int, ...] = ()


class ReleaseJob(msgspec.Struct, omit_defaults=True):
    """A release on its way, as a reply has it."""

    job_id: str
    status: str
    started: int
    duration: int | None = None
    release_capsule: str | None = None
    release_version: dict[str, int] | None = None
    error: str | None = None


class StoredComputation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run of a capsule or pipeline, or a cloud workstation session.

    Attributes:
        capsule: Whose run it is.
        owner: Email of who started it.
        run_time: Seconds.
        end_status: ``succeeded``, ``failed`` or ``stopped``; empty before the end.
        exit_code: None before the end.
        data_assets: What was attached at its start; of a session, what is attached now.
        tree: Its results are the made-up files of this id (`samples.files`); of a session, what is
            in its folder. Empty: there are none.
        folder: Folder of real files instead, relative to the server's data folder.
        running_here: It was started by a request, and ends by itself.
    """

    id: str
    capsule: str
    name: str
    owner: str
    created: int
    state: str = "completed"
    run_time: int = 0
    end_status: str = ""
    exit_code: int | None = None
    cloud_workstation: bool = False
    data_assets: tuple[Mounted, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    nextflow_profile: str = ""
    processes: tuple[Process, ...] = ()
    commit: str = ""
    run_script: str = "code/run"
    docker_image: str = ""
    tree: str = ""
    folder: str | None = None
    running_here: bool = False

    @property
    def has_results(self) -> bool:
        """Whether it has left any files; a session has none of its own."""
        return not self.cloud_workstation and self.state == "completed" and self.has_files

    @property
    def has_files(self) -> bool:
        """Whether there are any files in it."""
        return self.folder is not None or bool(self.tree)

    @property
    def takes_assets(self) -> bool:
        """Whether assets can be attached to it: a cloud workstation that runs."""
        return self.cloud_workstation and self.state == "running"
