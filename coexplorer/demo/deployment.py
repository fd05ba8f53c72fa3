"""What one running server consists of, and how a request finds its user and its asset."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path

from starlette.requests import Request

from coexplorer.demo.asset import Role, StoredAsset, User
from coexplorer.demo.auth import SignedIn, SignIn
from coexplorer.demo.dialects import VERSIONS, Dialect, build_object
from coexplorer.demo.hooks import Hooks
from coexplorer.demo.replies import Refusal
from coexplorer.demo.store import Store


class Deployment:
    """A Code Ocean of its own.

    Args:
        data: Folder of all its files: the database, ``buckets/`` and ``contents/``.
        signing_key: Key of the URLs of files, hexadecimal.
        creation_s: Seconds that a creation takes at least.
        url_lifetime_s: Seconds for which the URL of a file is good.
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
    ) -> None:
        self.data = data
        self.store = store
        self.dialect = dialect
        self.users = tuple(users)
        self.sign_in = sign_in
        self.signing_key = signing_key
        self.hooks = hooks
        self.creation_s = creation_s
        self.url_lifetime_s = url_lifetime_s
        self._jobs: set[asyncio.Task[None]] = set()

    def describe(self, asset: StoredAsset, *, created: bool = False) -> dict[str, object]:
        """Return the asset object of a reply."""
        owner = next((user.id for user in self.users if user.email == asset.owner), asset.owner)
        return build_object(asset, self.dialect, owner_id=owner, created=created)

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
        Refusal: 401 without a good token, or without its scope; 400 when the client wants a newer
            server.
    """
    deployment = get_deployment(request)
    _check_version(request, deployment.dialect)
    signed_in = deployment.sign_in.check(request.headers.get("authorization"))
    if signed_in is None:
        raise Refusal(401, "Unauthorized: the access token is missing, wrong or expired")
    if to_write and not signed_in.may_write:
        raise Refusal(401, "Unauthorized: the access token lacks the datasets write scope")
    return signed_in


def get_asset(request: Request, user: User) -> StoredAsset:
    """Return the asset in a request's path.

    Raises:
        Refusal: 404 when there is none, or none that the user may see.
    """
    asset_id = request.path_params["asset_id"]
    asset = get_deployment(request).store.find(asset_id)
    if asset is None or not may_read(asset, user):
        raise Refusal(404, f"data asset {asset_id} not found")
    return asset


def may_read(asset: StoredAsset, user: User) -> bool:
    """Tell whether a user can see an asset at all."""
    return user.email in (asset.owner, *asset.roles) or asset.everyone == "viewer"


def check_editor(asset: StoredAsset, user: User) -> None:
    """Let pass who may change an asset: its owner and its editors.

    Raises:
        Refusal: 403.
    """
    if user.email != asset.owner and asset.roles.get(user.email) != Role.EDITOR:
        raise Refusal(403, "Forbidden: you can view this data asset but not change it")


def check_owner(asset: StoredAsset, user: User) -> None:
    """Let pass the owner of an asset.

    Raises:
        Refusal: 403.
    """
    if user.email != asset.owner:
        raise Refusal(403, "Forbidden: only the owner of this data asset can do that")


def _check_version(request: Request, dialect: Dialect) -> None:
    wanted = request.headers.get("min-server-version")
    if wanted is None:
        return
    version = VERSIONS[dialect]
    parts = tuple(int(part) for part in wanted.split(".") if part.isdecimal())
    if parts > version:
        mine = ".".join(map(str, version))
        raise Refusal(400, f"this server's version is {mine}, the client needs {wanted}")
