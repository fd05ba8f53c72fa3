"""What few assets have, and only the details show: settings of their run, and transfers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from coexplorer.assets import read_text, read_time, unknown_fields
from coexplorer.models import Asset

_PARAMETERS, _PROFILE = "app_parameters", "nextflow_profile"
_TRANSFERRED, _NOT_MOVED = "last_transferred", "transfer_error"


class Extras(msgspec.Struct, frozen=True):
    """What the platform says of an asset beside what `Asset` holds.

    Attributes:
        parameters: Of the run that made it, as ``Probe = A, Comment = second try``.
        profile: The Nextflow profile of that run.
        transferred: When its files were last transferred, in epoch seconds; None: never.
        not_moved: Why the last transfer failed; empty: it did not.
        others: All else, as it came: unknown, or not to be read as one of those above.
    """

    parameters: str
    profile: str
    transferred: float | None
    not_moved: str
    others: dict[str, object]


def read_extras(asset: Asset) -> Extras:
    """Read them.

    Raises:
        ValueError: `asset.raw` is not a JSON object.
    """
    others = unknown_fields(asset)
    found = {
        _PARAMETERS: _read_parameters(others.get(_PARAMETERS)),
        _PROFILE: read_text(others.get(_PROFILE)),
        _NOT_MOVED: read_text(others.get(_NOT_MOVED)),
    }
    transferred = read_time(others.get(_TRANSFERRED))
    for key in (*found, _TRANSFERRED):
        is_read = transferred is not None if key == _TRANSFERRED else found[key] is not None
        if key in others and (is_read or others[key] is None):
            del others[key]
    if "owner" in others:  # the address stands in its place
        others = {"owner id" if key == "owner" else key: each for key, each in others.items()}
    return Extras(
        parameters=found[_PARAMETERS] or "",
        profile=found[_PROFILE] or "",
        transferred=transferred,
        not_moved=found[_NOT_MOVED] or "",
        others=others,
    )


def _read_parameters(value: object) -> str | None:
    """Return a run's parameters as one text; None: they are not a list of names and values."""
    if not isinstance(value, list):
        return None
    told = []
    for each in value:
        if not isinstance(each, Mapping) or each.keys() != {"name", "value"}:
            return None
        name, text = read_text(each["name"]), read_text(each["value"])
        if name is None or text is None:
            return None
        told.append(f"{name} = {text}" if text else f"{name} is empty")
    return ", ".join(told)
