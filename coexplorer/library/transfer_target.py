"""Where assets' files are transferred to, and whether they are there yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from coexplorer.assets import read_transfer
from coexplorer.errors import InvalidField, Refused, Rejected
from coexplorer.library.entries import Action, Entry, State
from coexplorer.models import Asset, S3Target
from coexplorer.text import clean

ID_MARK: Final = "{id}"
"""In a prefix: the asset's id."""
MOVING: Final = "the platform has begun to move its files, and was not done yet"
"""`Entry.reason` of a transfer that the platform has taken."""

_NEVER: Final = {*" :\\"}
"""What no bucket's name has."""
_TARGET, _ENDPOINT, _FORCE, _AGAIN = "storage", "endpoint", "force", "again"
_TIME, _ERROR = "last_transferred", "transfer_error"


class Transferring(msgspec.Struct, frozen=True):
    """A transfer of one or many assets.

    Attributes:
        target: Where to; `ID_MARK` in its prefix stands for the asset's id.
        force: Also if a pipeline that is released uses them.
        again: Also if an earlier transfer of them has not ended, as far as anybody knows.
    """

    target: S3Target
    force: bool = False
    again: bool = False

    @property
    def told(self) -> str:
        """What it does, for the log: ``transfer to s3://archive/2024``."""
        return f"transfer to {show_place(self.target.bucket, self.target.prefix)}"

    def roles_for(self, asset: Asset) -> dict[str, str]:
        """Return what `Entry.roles` has of it."""
        target = self.target
        roles = {_TARGET: show_place(target.bucket, target.prefix.replace(ID_MARK, asset.id))}
        if target.endpoint_name:
            roles[_ENDPOINT] = target.endpoint_name
        if self.force:
            roles[_FORCE] = "yes"
        if self.again:
            roles[_AGAIN] = "yes"
        return roles


def show_place(bucket: str, prefix: str) -> str:
    """Return ``s3://bucket/prefix``."""
    return f"s3://{bucket}/{prefix}".rstrip("/")


def parse_target(text: str, endpoint: str = "") -> S3Target:
    """Read ``s3://bucket/prefix``.

    Raises:
        InvalidField: It is not one.
    """
    scheme, _, place = text.strip().partition("://")
    bucket, _, prefix = place.rstrip("/").partition("/")
    if scheme != "s3" or not bucket or not bucket.isprintable() or _NEVER & {*bucket}:
        raise InvalidField("target", f"expected s3://BUCKET/PREFIX, not {text[:80]!r}")
    return S3Target(bucket, prefix, endpoint.strip())


def check_places(target: S3Target, count: int) -> None:
    """Check that so many assets get a place each.

    Raises:
        InvalidField: They are to go to one place.
    """
    if count > 1 and ID_MARK not in target.prefix:
        raise InvalidField(
            "target",
            f"several assets need a place each: put {ID_MARK} into the prefix, as in"
            f" s3://{target.bucket}/{ID_MARK}",
        )


def target_of(entry: Entry) -> tuple[S3Target, bool]:
    """Return where an entry transfers its asset to, and whether by force."""
    roles = entry.roles
    return parse_target(roles[_TARGET], roles.get(_ENDPOINT, "")), _FORCE in roles


def is_again(entry: Entry) -> bool:
    """Tell whether an entry is sent although an earlier transfer has not ended."""
    return _AGAIN in entry.roles


def read_before(asset: Asset) -> dict[str, str]:
    """Return what `Entry.roles_before` has of an asset: what a later look is compared with."""
    state = read_transfer(asset)
    before = {}
    if asset.source is not None and asset.source.bucket:
        before[_TARGET] = show_place(asset.source.bucket, asset.source.prefix)
    if state.last_transferred is not None:
        before[_TIME] = repr(state.last_transferred)
    if state.error:
        before[_ERROR] = state.error
    return before


def show_storage(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, str]:
    """Return the places before and after a transfer; empty where one is not known."""
    return before.get(_TARGET, ""), after.get(_TARGET, "")


def is_there(asset: Asset, roles: Mapping[str, str]) -> bool:
    """Tell whether an asset's files are where a transfer wants them, outside Code Ocean."""
    source = asset.source
    external = source is not None and source.external
    return external and read_before(asset).get(_TARGET) == roles.get(_TARGET)


def judge_transfer(entry: Entry, now: Asset, *, anew: bool = False) -> tuple[State, str] | None:
    """Say what became of a transfer, by what the platform shows now.

    Args:
        entry: With what was there right before it was sent.
        now: The asset.
        anew: An earlier error was seen to be gone, so that one that is there is of this transfer.

    Returns:
        ``applied``, or ``refused`` and why; None: nobody can tell yet. An error that was there
        before tells nothing.
    """
    before, state, seen = entry.roles_before, read_transfer(now), read_before(now)
    moved = seen.get(_TIME, "") not in {"", before.get(_TIME)}
    elsewhere = seen.get(_TARGET) not in {None, before.get(_TARGET), entry.roles.get(_TARGET)}
    if moved and not elsewhere:  # else another transfer has ended, and not this one
        return State.APPLIED, ""
    if is_there(now, entry.roles) and before.get(_TARGET) != entry.roles.get(_TARGET):
        return State.APPLIED, ""
    if state.error and (anew or state.error != before.get(_ERROR)):
        return State.REFUSED, state.error
    return None


def shows_old_error(entry: Entry, now: Asset) -> bool:
    """Tell whether the platform shows the error that it showed before a transfer was sent."""
    error = read_transfer(now).error
    return bool(error) and error == entry.roles_before.get(_ERROR)


def tell_failed(reason: str) -> Rejected:
    """Say why files could not be moved, in the platform's words."""
    return Rejected(
        f"the platform could not move its files: {clean(reason)}",
        hint="its files are where they were; fix that, then transfer it again",
    )


def tell_unfinished(entry: Entry) -> Refused:
    """Say why an asset is not transferred while nobody knows how an earlier transfer ended."""
    what = f"change {entry.batch_id}"
    told = (
        f"nobody knows whether {what}, an earlier transfer of it, has reached the platform"
        if entry.state is State.UNKNOWN
        else f"{what} has begun to move its files, and they have not moved yet"
    )
    return Refused(
        told,
        hint=f"coexplorer transfer --wait {entry.asset_id[:8]} waits for it;"
        " --again transfers it nevertheless",
    )


def is_moving(action: Action, state: State, reason: str) -> bool:
    """Tell whether an entry is a transfer that the platform has taken and not ended."""
    return action is Action.TRANSFER and state is State.APPLIED and reason == MOVING
