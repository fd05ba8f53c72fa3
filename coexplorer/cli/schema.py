"""The keys that every command prints for programs: one table, which the documentation is made from.

`VERSION` is raised when a key is renamed, removed or given another meaning; a new key may come at
any time. A test compares the table with the one of this version.

The functions below the table give the values, as JSON has them: sizes are whole numbers of bytes,
times are RFC 3339 in UTC, and what is not known, or has never been, is None. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from coexplorer.sharing import kind_of, list_members, title_of

if TYPE_CHECKING:
    from coexplorer.fields import Fields
    from coexplorer.library.entries import Entry
    from coexplorer.library.plans import PlanItem
    from coexplorer.library.results import EditResult, SyncReport
    from coexplorer.metadata import MetadataSchema
    from coexplorer.models import (
        Asset,
        AssetId,
        Duplicates,
        FileEntry,
        Membership,
        MetadataField,
        Record,
        Relative,
        Row,
        Share,
        Stats,
    )
    from coexplorer.sharing import Sharing

VERSION = 1

Values = dict[str, object]
"""One row: key → value."""


class Holds(StrEnum):
    """What a key holds."""

    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"
    TIME = "time"
    FLAG = "true or false"
    TEXTS = "list of texts"
    OBJECT = "object"
    OBJECTS = "list of objects"


class Key(msgspec.Struct, frozen=True):
    """One key of a row.

    Attributes:
        name: As JSON, the titles of CSV and TSV, and ``--columns`` have it.
        help: What it means.
        nullable: It may be null: not known, or none.
        detail: It is left out of a line of CSV or TSV, unless ``--columns`` asks for it.
        title: In tables for people; empty: the name.
    """

    name: str
    holds: Holds
    help: str
    nullable: bool = False
    detail: bool = False
    title: str = ""


class RowKind(msgspec.Struct, frozen=True):
    """A kind of row.

    Attributes:
        name: What it is called in the documentation.
        commands: Which commands print it.
        id_key: Which key ``-o ids`` prints; empty: such rows have none.
    """

    name: str
    commands: tuple[str, ...]
    keys: tuple[Key, ...]
    id_key: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)

    @property
    def flat_names(self) -> tuple[str, ...]:
        """The keys that a line of CSV or TSV has."""
        return tuple(key.name for key in self.keys if not key.detail)

    def find_key(self, name: str) -> Key | None:
        """Return the key of that name, if there is one."""
        return next((key for key in self.keys if key.name == name), None)


_ID = Key("id", Holds.TEXT, "The asset's id.")
_NAME = Key("name", Holds.TEXT, "The asset's name.")
_SIZE = Key("size", Holds.BYTES, "Size of all its files.", nullable=True)
_CREATED = Key("created", Holds.TIME, "When it was created.", nullable=True)
_CHANGE = Key("change", Holds.NUMBER, "The number that `undo` and `log` take.")
_ENTRY = Key("entry", Holds.NUMBER, "The number that `retry` and `discard` take.")
_HINT = Key("hint", Holds.TEXT, "What you can do about it.", nullable=True)
_DOMAIN = Key("domain", Holds.TEXT, "The platform.")
_TOKEN = Key("token", Holds.TEXT, "Where the token comes from.")
_ACTION = Key(
    "action", Holds.TEXT, "`edit`, `archive`, `unarchive`, `delete`, `create` or `share`."
)
_ERROR = Key("error", Holds.TEXT, "Why it failed or was left out.", nullable=True)

ASSET = RowKind(
    "asset",
    ("ls", "show", "create", "wait"),
    (
        _ID,
        _NAME,
        Key("type", Holds.TEXT, "`dataset`, `result`, `combined` or `model`."),
        Key("state", Holds.TEXT, "`draft`, `ready` or `failed`."),
        _SIZE,
        Key("files", Holds.NUMBER, "Number of its files.", nullable=True),
        _CREATED,
        Key(
            "last_used",
            Holds.TIME,
            "When it was last used; null: never.",
            nullable=True,
            title="USED",
        ),
        Key("owner", Holds.TEXT, "Its owner."),
        Key("mount", Holds.TEXT, "Its folder inside a capsule.", nullable=True),
        Key("tags", Holds.TEXTS, "Its tags."),
        Key("archived", Holds.FLAG, "Whether it is archived.", nullable=True),
        Key("favorite", Holds.FLAG, "Whether it is one of your favorites.", nullable=True),
        Key("mine", Holds.FLAG, "Whether you made it.", nullable=True),
        Key("shared", Holds.FLAG, "Whether it is shared with you.", nullable=True),
        Key("external", Holds.FLAG, "Whether its files stay in your bucket.", detail=True),
        Key("description", Holds.TEXT, "Its description (Markdown).", detail=True),
        Key("failure", Holds.TEXT, "Why its creation failed.", nullable=True, detail=True),
        Key("bucket", Holds.TEXT, "The bucket its files came from.", nullable=True, detail=True),
        Key("prefix", Holds.TEXT, "The folder in that bucket.", nullable=True, detail=True),
        Key("capsule", Holds.TEXT, "The capsule that made it.", nullable=True, detail=True),
        Key("computation", Holds.TEXT, "The run that made it.", nullable=True, detail=True),
        Key("commit", Holds.TEXT, "The commit of that capsule.", nullable=True, detail=True),
        Key("run_script", Holds.TEXT, "The script that made it.", nullable=True, detail=True),
        Key("made_from", Holds.TEXTS, "Ids of the assets it was made from.", detail=True),
        Key("contains", Holds.TEXTS, "Ids of the assets that it combines.", detail=True),
        Key("metadata", Holds.OBJECT, "Custom metadata, as the platform has it.", detail=True),
    ),
    id_key="id",
)

METADATA_FIELD = RowKind(
    "metadata key",
    ("metadata",),
    (
        Key("key", Holds.TEXT, "Its name."),
        Key("type", Holds.TEXT, "`string`, `number` or `date`."),
        Key("takes", Holds.TEXT, "What it takes, in words."),
        Key("allowed", Holds.TEXTS, "The only values that it takes; none: any."),
        Key("minimum", Holds.TEXT, "The lowest value.", nullable=True),
        Key("maximum", Holds.TEXT, "The highest value.", nullable=True),
        Key("units", Holds.TEXT, "What its numbers count.", nullable=True),
        Key("category", Holds.TEXT, "Its heading on the platform's page.", nullable=True),
        Key("multiple", Holds.FLAG, "Whether it takes several values."),
        Key("required", Holds.FLAG, "Whether assets must have it."),
    ),
)

FILE = RowKind(
    "file",
    ("files",),
    (
        Key("path", Holds.TEXT, "Its path in the asset."),
        Key("is_folder", Holds.FLAG, "Whether it is a folder."),
        Key("size", Holds.BYTES, "Its size; null for a folder.", nullable=True),
        Key("asset_id", Holds.TEXT, "The asset that it is in."),
    ),
)

TAG = RowKind(
    "tag",
    ("tags",),
    (
        Key("tag", Holds.TEXT, "The tag."),
        Key("assets", Holds.NUMBER, "How many assets have it."),
    ),
)

PLAN = RowKind(
    "plan",
    (
        "edit --dry-run",
        "archive --dry-run",
        "unarchive --dry-run",
        "rm --dry-run",
        "share --dry-run",
        "tags rename --dry-run",
        "tags merge --dry-run",
        "undo --dry-run",
        "redo --dry-run",
    ),
    (
        _ID,
        _NAME,
        Key("action", Holds.TEXT, "`edit`, `archive`, `unarchive`, `delete` or `share`."),
        Key(
            "changes",
            Holds.OBJECTS,
            "For each field that changes: `field`, `before`, `after`, `added`, `removed`; fields of"
            " sharing are `everyone`, `user A`, `group G`, their values roles.",
        ),
        Key("files", Holds.TEXT, "What happens to the files, if it is deleted.", nullable=True),
        Key("left_out", Holds.TEXT, "Why it is left out; null if it is not.", nullable=True),
        Key("gives_up", Holds.FLAG, "Nothing is sent: a change that waits is given up."),
        Key("sent", Holds.FLAG, "It is sent; else `left_out`, `gives_up` or `note` says why not."),
        Key(
            "note",
            Holds.TEXT,
            "What of it an undo leaves alone, why it is not sent, or what you would lose; also that"
            " it seems to be so already.",
            nullable=True,
        ),
    ),
    id_key="id",
)

OUTCOME = RowKind(
    "outcome",
    (
        *("edit", "archive", "unarchive", "rm", "share", "tags rename", "tags merge"),
        *("undo", "redo", "log N"),
    ),
    (
        _ID,
        _NAME,
        _ACTION,
        Key("state", Holds.TEXT, "How it ended: `applied`, `unchanged`, `given_up`, `refused`, …"),
        Key("changed", Holds.TEXTS, "The fields that were changed."),
        Key("skipped_fields", Holds.TEXTS, "The fields that an undo left alone."),
        Key("lacking", Holds.TEXT, "What of the sharing the platform did not do.", nullable=True),
        _ERROR,
        _CHANGE,
        _ENTRY,
    ),
    id_key="id",
)

ENTRY = RowKind(
    "entry",
    ("log",),
    (
        _ENTRY,
        _CHANGE,
        Key("time", Holds.TIME, "When it was written down."),
        Key("by", Holds.TEXT, "`cli`, `tui` or `mount`."),
        _ACTION,
        Key("state", Holds.TEXT, "`applied`, `given_up`, `unsent`, `conflict`, `refused`, …"),
        Key("asset_id", Holds.TEXT, "The asset; null: it has no id yet.", nullable=True),
        Key("name", Holds.TEXT, "The asset's name at that time."),
        Key("reason", Holds.TEXT, "Why it failed or was left out.", nullable=True),
        _HINT,
        Key("settled", Holds.TIME, "When its state became final.", nullable=True),
        Key("undone_by", Holds.NUMBER, "The change that undid it.", nullable=True),
        Key("reverses", Holds.NUMBER, "The entry that it takes back.", nullable=True),
        Key("seen", Holds.OBJECT, "The fields as you saw them.", nullable=True, detail=True),
        Key("wanted", Holds.OBJECT, "The fields as you wanted them.", nullable=True, detail=True),
        Key("before", Holds.OBJECT, "The fields before it was sent.", nullable=True, detail=True),
        Key("sent", Holds.OBJECT, "The fields as they were sent.", nullable=True, detail=True),
        Key(
            "metadata_seen",
            Holds.OBJECT,
            "Custom metadata as you saw it, if it was edited.",
            nullable=True,
            detail=True,
        ),
        Key(
            "metadata_sent",
            Holds.OBJECT,
            "Custom metadata as it was sent, if it was edited.",
            nullable=True,
            detail=True,
        ),
        Key("roles_seen", Holds.OBJECT, "Roles before, if shared.", nullable=True, detail=True),
        Key("roles_sent", Holds.OBJECT, "Roles as sent, if shared.", nullable=True, detail=True),
    ),
    id_key="asset_id",
)

ACCESS = RowKind(
    "access",
    ("share",),
    (
        _ID,
        _NAME,
        Key("kind", Holds.TEXT, "`everyone`, `group` or `user`."),
        Key("who", Holds.TEXT, "The address or the group's name; null: everyone.", nullable=True),
        Key("role", Holds.TEXT, "`owner`, `editor`, `viewer` or `discoverable`."),
    ),
    id_key="id",
)

SHARE = RowKind(
    "share",
    ("stats",),
    (
        Key(
            "by",
            Holds.TEXT,
            "`total`, `archived`, `never_used`, `state`, `type`, `owner`, `age`, `month`,"
            " `place` or `tag`.",
        ),
        Key("value", Holds.TEXT, "Which one; null for totals.", nullable=True),
        Key("assets", Holds.NUMBER, "How many assets."),
        Key("size", Holds.BYTES, "Their size together; unknown sizes count as 0."),
    ),
)

DUPLICATE = RowKind(
    "duplicate",
    ("duplicates",),
    (
        Key("group", Holds.NUMBER, "Rows of one group look alike; counted from 1."),
        Key("why", Holds.TEXT, "What they share: `name`, `location` or `inputs`."),
        Key("shared", Holds.TEXT, "That name, location or capsule."),
        _ID,
        _NAME,
        _SIZE,
        _CREATED,
        Key("oldest", Holds.TEXT, "The id of the oldest of the group, which has no row."),
    ),
    id_key="id",
)

RELATIVE = RowKind(
    "relative",
    ("lineage",),
    (
        Key("depth", Holds.NUMBER, "Steps away: below 0 what it was made from, above 0 results."),
        Key("of", Holds.TEXT, "The id that it is one step away from."),
        Key("relation", Holds.TEXT, "`made_from` or `contains`."),
        _ID,
        Key("name", Holds.TEXT, "The asset's name; null: not known here.", nullable=True),
        Key("type", Holds.TEXT, "Its type.", nullable=True),
        _SIZE,
        _CREATED,
    ),
    id_key="id",
)

SYNC = RowKind(
    "sync",
    ("sync",),
    (
        Key("complete", Holds.FLAG, "Whether all assets were seen."),
        Key("assets", Holds.NUMBER, "Assets in the catalog now."),
        Key("read", Holds.NUMBER, "Assets that were read."),
        Key("removed", Holds.NUMBER, "Assets that are gone."),
        Key("left_out", Holds.NUMBER, "Rows without a usable id."),
        Key("seconds", Holds.NUMBER, "How long it took."),
        Key("by_other", Holds.FLAG, "Whether another process did it."),
    ),
)

PROFILE = RowKind(
    "profile",
    ("profiles",),
    (
        Key("profile", Holds.TEXT, "Its name."),
        _DOMAIN,
        _TOKEN,
        Key("default", Holds.FLAG, "Whether it is used without `--profile`."),
        Key("works", Holds.FLAG, "Whether its token works, if `--check` asked.", nullable=True),
        Key("user", Holds.TEXT, "Whose token it is, if `--check` asked.", nullable=True),
    ),
)

USER = RowKind(
    "user",
    ("whoami",),
    (
        Key("profile", Holds.TEXT, "The profile in use."),
        _DOMAIN,
        Key("url", Holds.TEXT, "Its address."),
        Key("user", Holds.TEXT, "You; null: the platform does not tell.", nullable=True),
        _TOKEN,
        Key("works", Holds.FLAG, "Whether it works; null: it could not be asked.", nullable=True),
        Key("error", Holds.TEXT, "Why it does not work.", nullable=True),
    ),
)

SETTING = RowKind(
    "setting",
    ("config list",),
    (
        Key("key", Holds.TEXT, "Its path."),
        Key("value", Holds.TEXTS, "Its value; a list of one for most."),
    ),
)

MOUNT = RowKind(
    "mount",
    ("status",),
    (
        Key("folder", Holds.TEXT, "Where it is."),
        Key("state", Holds.TEXT, "`mounted`, `dead`, `hangs` or `unknown`."),
        Key("profile", Holds.TEXT, "Its profile.", nullable=True),
        Key("url", Holds.TEXT, "The platform.", nullable=True),
        Key("read_only", Holds.FLAG, "Whether it refuses changes."),
        Key("since", Holds.TIME, "When it was mounted.", nullable=True),
        Key("pid", Holds.NUMBER, "Its process.", nullable=True),
        Key("unsent", Holds.NUMBER, "Edits that could not be sent.", nullable=True),
        Key(
            "only_in_memory",
            Holds.TEXTS,
            "Texts and files that a full disk has no room for, by their path in the mount.",
            nullable=True,
        ),
    ),
)

FINDING = RowKind(
    "finding",
    ("doctor",),
    (
        Key("check", Holds.TEXT, "What was looked at; docs/troubleshooting.md lists all."),
        Key("state", Holds.TEXT, "`ok`, `warning`, `fault` or `skipped`."),
        Key("message", Holds.TEXT, "What was found."),
        _HINT,
    ),
)

KINDS = (
    ASSET,
    METADATA_FIELD,
    FILE,
    TAG,
    PLAN,
    OUTCOME,
    ENTRY,
    ACCESS,
    SHARE,
    DUPLICATE,
    RELATIVE,
    SYNC,
    PROFILE,
    USER,
    SETTING,
    MOUNT,
    FINDING,
)


def time_text(epoch_s: float | None) -> str | None:
    """Return ``2024-01-31T10:00:00Z``; None for what is not known or can't be a time."""
    if epoch_s is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(epoch_s // 1), UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat().replace("+00:00", "Z")


def used_time(epoch_s: float | None) -> str | None:
    """Return when something was last used; None for never, which is 0 on the platform."""
    return time_text(epoch_s or None)


def row_values(row: Row) -> Values:
    """Return the keys of an asset that a light row holds."""
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "state": row.state,
        "size": row.size_bytes,
        "files": row.files,
        "created": time_text(row.created),
        "last_used": used_time(row.last_used),
        "owner": row.owner,
        "mount": row.mount,
        "tags": row.tags,
        "archived": row.archived,
        "favorite": row.favorite,
        "mine": row.mine,
        "shared": row.shared,
        "external": row.external,
    }


LIGHT = frozenset(
    {
        *("id", "name", "type", "state", "size", "files", "created", "last_used", "owner"),
        *("mount", "tags", "archived", "favorite", "mine", "shared", "external"),
    }
)
"""The keys of `row_values`."""


def asset_values(asset: Asset, membership: Membership | None = None) -> Values:
    """Return all keys of an asset; without a membership what only a search says is not known."""
    source, made = asset.source, asset.provenance
    return {
        "id": asset.id,
        "name": asset.name,
        "type": asset.type,
        "state": asset.state,
        "size": asset.size_bytes,
        "files": asset.files,
        "created": time_text(asset.created),
        "last_used": used_time(asset.last_used),
        "owner": asset.owner,
        "mount": asset.mount,
        "tags": asset.tags,
        "archived": membership and membership.archived,
        "favorite": membership and membership.favorite,
        "mine": membership and membership.mine,
        "shared": membership and membership.shared,
        "external": source is not None and source.external,
        "description": asset.description,
        "failure": asset.failure_reason or None,
        "bucket": (source and source.bucket) or None,
        "prefix": (source and source.prefix) or None,
        "capsule": (made and made.capsule) or None,
        "computation": (made and made.computation) or None,
        "commit": (made and made.commit) or None,
        "run_script": (made and made.run_script) or None,
        "made_from": made.data_assets if made else (),
        "contains": asset.contained,
        "metadata": asset.custom_metadata,
    }


def metadata_field_values(field: MetadataField) -> Values:
    """Return a key of the deployment's custom metadata."""
    from coexplorer.metadata import allowed_texts, describe_field, show_value

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


def metadata_values(
    record: Record, names: Sequence[str], schema: MetadataSchema, *, whole: bool
) -> Values:
    """Return the columns ``metadata.KEY`` of an asset.

    Args:
        record: The asset.
        names: Columns; others are left out.
        schema: Says how values are shown.
        whole: Values as the platform has them; otherwise as people read them.
    """
    from coexplorer.metadata import show_value

    held = record.asset.metadata or {}
    found = {name: name.removeprefix(OF_METADATA) for name in names if name.startswith(OF_METADATA)}
    return {
        name: held.get(key) if whole or key not in held else show_value(schema.find(key), held[key])
        for name, key in found.items()
    }


OF_METADATA = "metadata."
"""A column whose name begins so shows one key of the custom metadata."""


def record_values(record: Record) -> Values:
    """Return all keys of an asset that is known here."""
    return asset_values(record.asset, record.membership)


def file_values(asset_id: AssetId, entry: FileEntry) -> Values:
    """Return a file or folder of an asset."""
    return {
        "path": entry.path,
        "is_folder": entry.is_folder,
        "size": None if entry.is_folder else entry.size_bytes,
        "asset_id": asset_id,
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


def encode(values: Values, names: Sequence[str]) -> bytes:
    """Return a row as a JSON object with these keys."""
    return _encode({name: values[name] for name in names})


_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
