"""What one running server consists of, and how a request finds its user and its asset."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from pathlib import Path

from starlette.requests import Request

from coexplorer.demo.asset import StoredAsset, User
from coexplorer.demo.auth import SignedIn, SignIn
from coexplorer.demo.capsule import ReleaseJob, StoredCapsule, StoredComputation
from coexplorer.demo.dialects import LATER_TYPES, VERSIONS, Dialect, build_object
from coexplorer.demo.guesses import Guesses
from coexplorer.demo.hooks import Hooks
from coexplorer.demo.metadata import FIELDS, SchemaField
from coexplorer.demo.people import ADMINS
from coexplorer.demo.replies import Refusal
from coexplorer.demo.s3.objects import ObjectIndex
from coexplorer.demo.sharing import find_role, is_owner, may_edit, may_read
from coexplorer.demo.store import Store

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


class Deployment:
    """A Code Ocean of its own.

    Args:
        data: Folder of all its files: the database, ``buckets/`` and ``contents/``.
        signing_key: Key of the URLs of files, hexadecimal.
        creation_s: Seconds that a creation takes at least.
        url_lifetime_s: Seconds for which the URL of a file is good.
        mounting_s: Seconds until the files of an asset are there that is attached to a workstation.
        version: What it says its version is; None: what its dialect does.
    """

    def __init__(
        self,
        *,
        data: Path,
        store: Store,
        dialect: Dialect,
        users: Sequence[User],
        sign_in: SignIn,
        signing_key: str,
        hooks: Hooks,
        creation_s: float,
        url_lifetime_s: float,
        mounting_s: float = 0.0,
        version: tuple[int, ...] | None = None,
    ) -> None:
        self.data = data
        self.store = store
        self.objects = ObjectIndex(data, store)
        self.dialect = dialect
        self.version = version or VERSIONS[dialect]
        self.users = tuple(users)
        self.sign_in = sign_in
        self.signing_key = signing_key
        self.hooks = hooks
        self.creation_s = creation_s
        self.url_lifetime_s = url_lifetime_s
        self.mounting_s = mounting_s
        self.admins = ADMINS
        self.guesses = Guesses()
        self.metadata_fields: Sequence[SchemaField] = FIELDS
        self.releases: dict[tuple[str, str], ReleaseJob] = {}
        """By capsule and job; they end with the server."""
        self._jobs: set[asyncio.Task[None]] = set()

    def describe(self, asset: StoredAsset, *, created: bool = False) -> dict[str, object]:
        """Return the asset object of a reply."""
        return build_object(
            asset,
            self.dialect,
            owner_id=self.find_user_id(asset.owner),
            created=created,
            version=self.version,
        )

    def find_user_id(self, email: str) -> str:
        """Return the platform's id of a user; of somebody who can't sign in, the email."""
        return next((user.id for user in self.users if user.email == email), email)

    def is_admin(self, user: User) -> bool:
        """Tell whether a user is an administrator."""
        return user.email in self.admins

    def start_job(self, job: Coroutine[object, object, None]) -> None:
        """Run something in the background until it ends or the server does."""
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def stop_jobs(self) -> None:
        """Cancel what runs in the background and wait for its end."""
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


def get_deployment(request: Request) -> Deployment:
    """Return the deployment that a request came to."""
    deployment: Deployment = request.app.state.deployment
    return deployment


def sign_in(request: Request, *, to_write: bool = False) -> SignedIn:
    """Return who sends a request.

    Args:
        request: The request.
        to_write: Whether the call changes anything.

    Raises:
        Refusal: 401 without a good token; 403 without its scope; 400 when the client wants a
            newer server.
    """
    deployment = get_deployment(request)
    _check_version(request, deployment.version)
    signed_in = deployment.sign_in.check(request.headers.get("authorization"))
    if signed_in is None:
        raise Refusal(401, "Unauthorized: the access token is missing, wrong or expired")
    if to_write and not signed_in.may_write:
        raise Refusal(
            403, "The access token doesn't have permissions to perform the request: datasets write"
        )
    return signed_in


def get_asset(request: Request, user: User) -> StoredAsset:
    """Return the asset in a request's path.

    Raises:
        Refusal: 404 when there is none, or none that the user may see.
    """
    asset_id = request.path_params["asset_id"]
    deployment = get_deployment(request)
    asset, dialect = deployment.store.find(asset_id), deployment.dialect
    if dialect is Dialect.V3_0 and asset is not None and asset.type in LATER_TYPES:
        asset = None
    if asset is None or find_role(asset, user.email) is None:
        raise Refusal(404, f"data asset {asset_id} not found")
    return asset


def get_capsule(request: Request, user: User) -> StoredCapsule:
    """Return the capsule or pipeline in a request's path.

    Raises:
        Refusal: 404 when there is none of this kind, or none that the user may see.
    """
    capsule_id, kind = request.path_params["capsule_id"], find_kind(request)
    capsule = get_deployment(request).store.workshop.find_capsule(capsule_id)
    if capsule is None or capsule.kind != kind or find_role(capsule, user.email) is None:
        raise Refusal(404, f"{kind.removesuffix('s')} {capsule_id} not found")
    return capsule


def find_kind(request: Request) -> str:
    """Return what a request's path is about: ``capsules``, ``pipelines`` or ``computations``."""
    return request.url.path.removeprefix("/api/v1/").partition("/")[0]


def check_capsule_editor(capsule: StoredCapsule, user: User) -> None:
    """Let pass who may change a capsule or pipeline; what is released stays as it is (a guess).

    Raises:
        Refusal: 403.
    """
    what = capsule.kind.removesuffix("s")
    if not may_edit(capsule, user.email):
        raise Refusal(403, "Forbidden: your role is viewer")
    if capsule.status == "release":
        raise Refusal(403, f"Forbidden: a released {what} can't be changed")


def get_computation(request: Request, user: User) -> StoredComputation:
    """Return the computation in a request's path.

    Raises:
        Refusal: 404 when there is none that the user may see.
    """
    computation_id = request.path_params["computation_id"]
    deployment = get_deployment(request)
    found = deployment.store.workshop.find_computation(computation_id)
    if found is None or not may_see_computation(deployment, found, user):
        raise Refusal(404, f"computation {computation_id} not found")
    return found


def may_see_computation(deployment: Deployment, found: StoredComputation, user: User) -> bool:
    """Tell whether a computation is somebody's own, or of a capsule that they can read."""
    capsule = deployment.store.workshop.find_capsule(found.capsule)
    return found.owner == user.email or (capsule is not None and may_read(capsule, user.email))


def may_use_computation(deployment: Deployment, found: StoredComputation, user: User) -> bool:
    """Tell whether somebody may take a computation's files: its owner, its capsule's, an admin."""
    capsule = deployment.store.workshop.find_capsule(found.capsule)
    owns = capsule is not None and is_owner(capsule, user.email)
    return found.owner == user.email or owns or deployment.is_admin(user)


def check_reader(asset: StoredAsset, user: User) -> None:
    """Let pass who may see an asset's files, and who else can.

    Raises:
        Refusal: 403.
    """
    if not may_read(asset, user.email):
        raise Refusal(403, "Forbidden: you can find this data asset but not see its files")


def check_editor(asset: StoredAsset, user: User) -> None:
    """Let pass who may change an asset: its owners and its editors.

    Raises:
        Refusal: 403.
    """
    if not may_edit(asset, user.email):
        raise Refusal(403, "Forbidden: your role is viewer")


def check_owner(asset: StoredAsset, user: User) -> None:
    """Let pass the owners of an asset.

    Raises:
        Refusal: 403.
    """
    if not is_owner(asset, user.email):
        raise Refusal(403, "Forbidden: only an owner of this data asset can do that")


def _check_version(request: Request, version: tuple[int, ...]) -> None:
    """Check ``Min-Server-Version``.

    Raises:
        Refusal: 400: no version, or a later one than this server's.
    """
    wanted = request.headers.get("min-server-version")
    if wanted is None:
        return
    if not _VERSION.fullmatch(wanted.strip()):
        raise Refusal(400, f"bad request: Min-Server-Version {wanted[:80]!r} is not a version")
    parts = [int(part) for part in wanted.strip().split(".")]
    while parts and parts[-1] == 0:  # 4.3.0 is 4.3
        parts.pop()
    if tuple(parts) > version:
        mine = ".".join(map(str, version))
        raise Refusal(400, f"this server's version is {mine}, the client needs {wanted.strip()}")
