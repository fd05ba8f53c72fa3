"""The values of the rows that commands print for programs, by the kinds of `coexplorer.cli.schema`.

Those of an asset are with its keys: `coexplorer.cli.asset_keys`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from coexplorer.cli.row_kinds import Values, time_text
from coexplorer.sharing.roles import kind_of, list_members, title_of

if TYPE_CHECKING:
    from coexplorer.computations import AttachedAsset, Capsule, Computation
    from coexplorer.fields import Fields
    from coexplorer.library.entries import Entry
    from coexplorer.library.folder_sizes import FolderSize
    from coexplorer.library.plans import PlanItem
    from coexplorer.library.results import EditResult, SyncReport
    from coexplorer.library.runs import ResultsSize
    from coexplorer.library.used_by import Uses
    from coexplorer.models import (
        Asset,
        AssetId,
        Duplicates,
        FileEntry,
        MetadataField,
        Relative,
        Share,
        Stats,
    )
    from coexplorer.remote_files import CacheUse
    from coexplorer.sharing.roles import Sharing


def metadata_field_values(field: MetadataField) -> Values:
    """Return a key of the deployment's custom metadata."""
    from coexplorer.metadata.rules import describe_field
    from coexplorer.metadata.showing import allowed_texts, show_value

    low, high = (
        None if limit is None else show_value(field, limit)
        for limit in (field.minimum, field.maximum)
    )
    return {
        "key": field.name,
        "type": field.type,
        "takes": describe_field(field),
        "allowed": allowed_texts(field),
        "minimum": low,
        "maximum": high,
        "units": field.units or None,
        "category": field.category or None,
        "multiple": field.multiple,
        "required": field.required,
    }


def run_values(run: Computation, size: ResultsSize | None) -> Values:
    """Return a run; its size, if that was found out whole."""
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "end_status": run.end_status or None,
        "exit_code": run.exit_code,
        "created": time_text(run.created),
        "run_time": run.run_time_s,
        "has_results": run.has_results,
        "size": size.size_bytes if size is not None and size.complete else None,
        "owner": run.owner_email or run.owner or None,
        "capsule": run.workplace.id if run.workplace is not None else None,
    }


def file_values(asset_id: AssetId, entry: FileEntry) -> Values:
    """Return a file or folder of an asset."""
    return {
        "path": entry.path,
        "is_folder": entry.is_folder,
        "size": None if entry.is_folder else entry.size_bytes,
        "asset_id": asset_id,
    }


def folder_values(asset_id: AssetId, folder: FolderSize) -> Values:
    """Return a folder of an asset, with what is below it."""
    return {
        "path": folder.path,
        "size": folder.size_bytes,
        "files": folder.files,
        "unknown": folder.unknown,
        "asset_id": asset_id,
    }


def cache_values(folder: str, use: CacheUse, kept: Sequence[tuple[AssetId, str, int]]) -> Values:
    """Return what is kept of files: all of it, and id, name and size of each asset."""
    return {
        "folder": folder,
        "used": use.used_bytes,
        "most": use.most_bytes,
        "assets": [{"id": each, "name": name, "size": size} for each, name, size in kept],
    }


def access_values(asset: Asset, sharing: Sharing) -> Iterator[Values]:
    """Yield a row for each who can see an asset."""
    for member, role in list_members(sharing):
        kind = kind_of(member)
        yield {
            "id": asset.id,
            "name": asset.name,
            "kind": kind,
            "who": None if kind == "everyone" else title_of(member),
            "role": role,
        }


_ATTACHING = ("attach", "detach")


def attached_values(attached: AttachedAsset, name: str, workplace: str) -> Values:
    """Return what is attached to a workplace, called `name` where the platform does not say."""
    return {
        "id": attached.id,
        "name": attached.name or name or None,
        "folder": attached.mount or None,
        "kind": attached.kind or None,
        "accessible": attached.accessible,
        "workplace": workplace,
    }


def use_values(asset_id: AssetId, name: str, capsule: Capsule) -> Values:
    """Return that a capsule or pipeline uses an asset."""
    return {
        "id": asset_id,
        "name": name or None,
        "workplace": f"{capsule.kind}/{capsule.id}",
        "workplace_name": capsule.name or None,
        "owner": capsule.owner_email or capsule.owner or None,
        "last_accessed": time_text(capsule.last_accessed),
    }


def _place_values(folders: Mapping[str, str]) -> Values:
    """Return to what an asset was attached or detached from, and its folder there."""
    workplace = next(iter(folders), None)
    return {
        "workplace": workplace,
        "folder": None if workplace is None else folders[workplace] or None,
    }


def plan_values(item: PlanItem, files: str) -> Values:
    """Return what a plan does to one asset, and to its `files`."""
    return {
        "id": item.asset_id,
        "name": item.name,
        "action": item.action,
        "changes": item.diff,
        "files": files or None,
        "left_out": item.reason or None,
        "gives_up": item.withdraws,
        "sent": item.is_sent,
        "note": item.remark or None,
        **_plan_uses(item.uses),
    }


def _plan_uses(uses: Uses | None) -> Values:
    """Return what uses an asset of a plan: nothing is only said where that is known."""
    if uses is None:
        return {"used_by": None, "use_not_known": None}
    from coexplorer.library.used_by import describe_gap

    found = [
        {"workplace": f"{each.kind}/{each.id}", "workplace_name": each.name or None}
        for each in uses.found
    ]
    return {
        "used_by": None if uses.is_unknown else found,
        "use_not_known": describe_gap(uses) or None,
    }


def outcome_values(result: EditResult) -> Values:
    """Return what became of one change."""
    return {
        "id": result.asset_id,
        "name": result.asset_name,
        "action": result.action,
        "state": result.outcome,
        "changed": result.changed,
        "skipped_fields": result.skipped_fields,
        "lacking": result.lacking or None,
        **_place_values(result.roles or {} if result.action in _ATTACHING else {}),
        "mounting": result.is_mounting,
        "moving": result.moving,
        "error": None if result.error is None else result.error.message,
        "change": result.batch_id,
        "entry": result.entry_id,
    }


def entry_values(entry: Entry) -> Values:
    """Return an entry of the log."""

    def show(fields: Fields | None) -> Values | None:
        return None if fields is None else msgspec.structs.asdict(fields)

    shares = entry.action == "share"
    seen, wanted, sent = entry.base, entry.mine, entry.after
    of_metadata = seen and wanted and seen.metadata != wanted.metadata
    return {
        "entry": entry.id,
        "change": entry.batch_id,
        "time": time_text(entry.at),
        "by": entry.origin,
        "action": entry.action,
        "state": entry.outcome,
        "asset_id": entry.asset_id or None,
        "name": entry.asset_name,
        "reason": entry.reason or None,
        "hint": entry.hint or None,
        "settled": time_text(entry.settled_at),
        "undone_by": entry.undone_by,
        "reverses": entry.reverses,
        "seen": show(entry.base),
        "wanted": show(entry.mine),
        "before": show(entry.before),
        "sent": show(entry.after),
        "metadata_seen": seen.metadata if seen and of_metadata else None,
        "metadata_sent": sent.metadata if sent and of_metadata else None,
        "roles_seen": entry.roles_before if shares else None,
        "roles_sent": entry.roles if shares else None,
        **_place_values(
            {**entry.roles_before, **entry.roles} if entry.action in _ATTACHING else {}
        ),
    }


def iter_stats(stats: Stats) -> Iterator[Values]:
    """Yield all shares of some statistics, totals first."""

    def show(by: str, value: str | None, share: Share) -> Values:
        return {"by": by, "value": value, "assets": share.assets, "size": share.size_bytes}

    for name in ("total", "archived", "never_used"):
        yield show(name, None, getattr(stats, name))
    groups: Sequence[tuple[str, tuple[Share, ...]]] = (
        ("state", stats.by_state),
        ("type", stats.by_type),
        ("owner", stats.by_owner),
        ("age", stats.by_age),
        ("month", stats.by_month),
        ("place", stats.by_place),
        ("tag", stats.by_tag),
    )
    for by, shares in groups:
        yield from (show(by, share.label, share) for share in shares)


def iter_duplicates(groups: Sequence[Duplicates]) -> Iterator[Values]:
    """Yield all assets but the oldest of each group: a list that can be archived as it is."""
    for number, group in enumerate(groups, start=1):
        oldest, *others = group.rows
        for row in others:
            yield {
                "group": number,
                "why": group.why,
                "shared": group.shared,
                "id": row.id,
                "name": row.name,
                "size": row.size_bytes,
                "created": time_text(row.created),
                "oldest": oldest.id,
            }


def relative_values(relative: Relative, of: AssetId, depth: int) -> Values:
    """Return an asset that `of` was made from (below 0), or that was made from it."""
    row = relative.row
    return {
        "depth": depth,
        "of": of,
        "relation": relative.kind,
        "id": relative.id,
        "name": row and row.name,
        "type": row and row.type,
        "size": row and row.size_bytes,
        "created": row and time_text(row.created),
    }


def sync_values(report: SyncReport) -> Values:
    """Return what a sweep came to."""
    return {
        "complete": report.complete,
        "assets": report.total,
        "read": report.seen,
        "removed": report.removed,
        "left_out": report.left_out,
        "seconds": round(report.duration_s, 3),
        "by_other": report.by_other,
    }
