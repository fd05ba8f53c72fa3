"""Who can see assets, read from the platform: of one, or of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from coexplorer.errors import ApiError, NotFound, Refused
from coexplorer.library.context import Context
from coexplorer.library.reading_each import read_each
from coexplorer.models import AssetId, Ownership, SearchRequest
from coexplorer.sharing.roles import Sharing

Seen = Sharing | ApiError | None
"""Who can see an asset; why nobody can tell now; None: this platform never tells (before v4.3)."""

_NOT_HERE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)

UNSEEN = (
    "this platform (before 4.3) does not tell who can see an asset: what you grant can't be read"
    " back or undone, and whoever was named before may lose access"
)
"""What is to be known before anything is granted there."""


def refuse_unseen() -> Refused:
    """Return the refusal to take access away where nobody can tell who has it."""
    return Refused(
        "this platform (before 4.3) does not tell who can see an asset, so no access can be taken"
        " away from here",
        hint="do it on the platform's web page; granting access works",
    )


def say_unseen() -> Refused:
    """Return the answer to who can see an asset where the platform does not tell."""
    return Refused(
        "this platform (before 4.3) does not tell who can see an asset",
        hint="look at the asset's web page: coexplorer open",
    )


async def read_sharing(context: Context, asset_id: AssetId) -> Sharing | None:
    """Ask who can see an asset; None where the platform never tells.

    Raises:
        NotFound: The asset is gone, or not shared with this user.
        ApiError: The platform can't be asked, or does not want to tell.
    """
    client = await context.client()
    try:
        return await client.sharing(asset_id)
    except ApiError as error:
        if error.status not in _NOT_HERE or error.by_page:
            raise
    await context.look(asset_id)  # which says so if the asset is gone
    try:
        return await client.sharing(asset_id)  # a balancer in between answers 404, too
    except ApiError as error:
        if error.status not in _NOT_HERE or error.by_page:
            raise
    return None


async def find_user(context: Context) -> str:
    """Return this user's address, as the platform shows who made what; empty: it does not."""
    client = await context.client()
    page = await client.search(SearchRequest(ownership=Ownership.OWNED), limit=1)
    owner = page.results[0].owner if page.results else ""
    return owner.casefold() if "@" in owner else ""


async def read_all_sharing(
    context: Context, ids: Sequence[AssetId], heard: Callable[[int], None] | None = None
) -> Mapping[AssetId, Seen]:
    """Ask who can see each of several assets, a few at a time.

    Where the platform has said of one that it never tells, it is not asked about the others.

    Args:
        context: What the session's modules share.
        ids: The assets.
        heard: Told how many are read, after each.
    """
    is_told = True

    async def ask(asset_id: AssetId) -> Sharing | None:
        nonlocal is_told
        found = await read_sharing(context, asset_id) if is_told else None
        is_told = found is not None
        return found

    return await read_each(ids, ask, heard)


def ensure_understood(sharing: Sharing) -> None:
    """Check that all of it is understood, as a change sends all of it back.

    Raises:
        Refused: It is not: what is not sent back would lose its access.
    """
    if sharing.odd:
        entries = "entry" if sharing.odd == 1 else "entries"
        raise Refused(
            f"who can see this asset has {sharing.odd} {entries} that coexplorer does not know,"
            " which would be lost",
            hint="share it on the platform's web page",
        )


def is_gone(seen: Seen) -> bool:
    """Tell whether the platform says that there is no such asset."""
    return isinstance(seen, NotFound)
