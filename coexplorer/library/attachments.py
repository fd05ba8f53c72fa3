"""What attaching assets to a workplace, and detaching them, is meant to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from coexplorer.computations import MOST_AT_ONCE, AttachedAsset, Capsule, Workplace, WorkplaceKind
from coexplorer.library.entries import Action, Entry
from coexplorer.library.named_assets import Named
from coexplorer.models import AssetId, AssetState, Record
from coexplorer.query.ids import SHORTEST

_ALONE: Final = "attach it alone, with --mount FOLDER"
NO_MOUNT: Final = f"it has no mount folder: {_ALONE}"
"""Why an asset can't be attached: there is no folder for its files."""


class Attaching(msgspec.Struct, frozen=True):
    """Assets are attached to a workplace, or detached.

    Attributes:
        title: What the workplace is called in a sentence.
        detach: Detach them.
        mount: The folder there of the one asset that is attached; empty: each asset's own.
        capsule: The workplace as it was found, if it is a capsule or pipeline; None: not known.
    """

    workplace: Workplace
    title: str
    detach: bool = False
    mount: str = ""
    capsule: Capsule | None = None

    @property
    def action(self) -> Action:
        """What is done to each."""
        return Action.DETACH if self.detach else Action.ATTACH

    @property
    def told(self) -> str:
        """One line for the log, which is read elsewhere, too."""
        title = self.title.removeprefix("this ")
        return f"{'detach from' if self.detach else 'attach to'} {title}"


class _WithRoles(Protocol):
    @property
    def roles_before(self) -> dict[str, str]: ...
    @property
    def roles(self) -> dict[str, str]: ...


def key_of(workplace: Workplace) -> str:
    """Return what a workplace is called in the journal: ``capsules/ID``."""
    return f"{workplace.kind}/{workplace.id}"


def describe_workplace(workplace: Workplace) -> str:
    """Return what a workplace is called where only its id is known: ``workstation 4e8b4eee``."""
    is_session = workplace.kind is WorkplaceKind.COMPUTATION
    return f"{'workstation' if is_session else workplace.kind.word} {workplace.id[:8]}"


def describe_attaching(entry: Entry) -> str:
    """Return what an entry does in a few words: ``attach to capsule 03af3513``."""
    try:
        where = describe_workplace(workplace_of(entry))
    except ValueError:
        return str(entry.action)
    return f"{entry.action} {'to' if entry.action is Action.ATTACH else 'from'} {where}"


def workplace_of(entry: _WithRoles) -> Workplace:
    """Return the workplace of an entry that attaches or detaches.

    Raises:
        ValueError: It names none.
    """
    keys = {**entry.roles_before, **entry.roles}
    if len(keys) != 1:
        raise ValueError("an entry that attaches names one workplace")
    kind, _, workplace_id = next(iter(keys)).partition("/")
    return Workplace(WorkplaceKind(kind), workplace_id)


def split_loads(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return entries as they are sent together: of one workplace and action, and not too many."""
    by_place: dict[tuple[str, Action], list[Entry]] = {}
    for entry in entries:
        by_place.setdefault((key_of(workplace_of(entry)), entry.action), []).append(entry)
    return [
        group[start : start + MOST_AT_ONCE]
        for group in by_place.values()
        for start in range(0, len(group), MOST_AT_ONCE)
    ]


def find_obstacle(record: Record, mount: str, taken: dict[str, str], wanted: dict[str, str]) -> str:
    """Say why an asset can't be attached; empty: it can.

    Args:
        record: The asset.
        mount: Its folder there.
        taken: By folder, the asset that has it.
        wanted: By folder, the asset that is to be attached there with this one.
    """
    asset = record.asset
    if asset.state == AssetState.DRAFT:
        return "it is not ready yet: coexplorer wait waits for it"
    if asset.state == AssetState.FAILED:
        return "it could not be created, so it has no files"
    if record.membership.archived:
        return "it is archived: unarchive it first"
    if not mount:
        return NO_MOUNT
    other = f"taken there by {taken[mount]}" if mount in taken else ""
    if not other and mount in wanted:
        other = f"also wanted by {wanted[mount]}"
    return f"its folder {mount!r} is {other}: {_ALONE}" if other else ""


def find_attached(attached: Sequence[AttachedAsset], asset_id: AssetId) -> AttachedAsset | None:
    """Return what is said of an asset among what is attached; None: it is not."""
    return next((each for each in attached if each.id == asset_id), None)


def pick_attached(
    named: Iterable[Named], attached: Sequence[AttachedAsset]
) -> tuple[list[AssetId], list[Named]]:
    """Return the assets that are meant among what is attached, and what names none of these.

    A workplace knows the ids of what is attached to it, also of assets that this user can't see any
    more. One is meant by its id or the start of it, if that fits no other one there.

    Args:
        named: What was given.
        attached: What is attached.
    """
    picked: dict[AssetId, None] = {}
    rest = []
    for each in named:
        texts = [text.lower() for text in each.spellings if len(text) >= SHORTEST]
        fitting = {
            there.id for there in attached if any(there.id.startswith(text) for text in texts)
        }
        if len(fitting) == 1:
            picked |= dict.fromkeys(fitting)
        else:
            rest.append(each)
    return list(picked), rest
