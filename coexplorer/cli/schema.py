"""The keys that every command prints for programs: one table, which the documentation is made from.

`VERSION` is raised when a key is renamed, removed or given another meaning; a new key may come at
any time. A test compares the table with the one of this version.

The values are in `coexplorer.cli.row_values`; an asset's keys and values in
`coexplorer.cli.asset_keys`.
"""

from __future__ import annotations

from coexplorer.cli.asset_keys import ASSET
from coexplorer.cli.row_kinds import Holds, Key, RowKind

VERSION = 1


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
    "action",
    Holds.TEXT,
    "`edit`, `archive`, `unarchive`, `delete`, `create`, `share`, `attach`, `detach`"
    " or `transfer`.",
)


_FOLDER = Key("folder", Holds.TEXT, "Its folder where it is attached.", nullable=True)


_WORKPLACE = Key(
    "workplace", Holds.TEXT, "`capsules/ID`, `pipelines/ID` or `computations/ID`.", nullable=True
)


_ERROR = Key("error", Holds.TEXT, "Why it failed or was left out.", nullable=True)


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


FOLDER = RowKind(
    "folder",
    ("du",),
    (
        Key("path", Holds.TEXT, "The folder in the asset; empty: all of the asset."),
        Key("size", Holds.BYTES, "Of all files in it and below it."),
        Key("files", Holds.NUMBER, "How many these are."),
        Key("unknown", Holds.NUMBER, "How many of them don't say their size, and count as 0."),
        Key("asset_id", Holds.TEXT, "The asset that it is in."),
    ),
)


CACHE = RowKind(
    "cache",
    ("cache",),
    (
        Key("folder", Holds.TEXT, "Where it is."),
        Key("used", Holds.BYTES, "What it takes on the disk."),
        Key("most", Holds.BYTES, "What it may take."),
        Key("assets", Holds.OBJECTS, "What is kept of each asset: id, name, size.", detail=True),
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
        "attach --dry-run",
        "detach --dry-run",
        "transfer --dry-run",
        "tags rename --dry-run",
        "tags merge --dry-run",
        "undo --dry-run",
        "redo --dry-run",
    ),
    (
        _ID,
        _NAME,
        Key("action", Holds.TEXT, "As in an outcome, but never `create`."),
        Key(
            "changes",
            Holds.OBJECTS,
            "For each field that changes: `field`, `before`, `after`, `added`, `removed`; fields of"
            " sharing are `everyone`, `user A`, `group G`, their values roles; attaching has one,"
            " `folder`, and transferring `storage`.",
        ),
        Key("files", Holds.TEXT, "What happens to the files, if it is deleted.", nullable=True),
        Key("left_out", Holds.TEXT, "Why it is left out; null if it is not.", nullable=True),
        Key("gives_up", Holds.FLAG, "Nothing is sent: a change that waits is given up."),
        Key("sent", Holds.FLAG, "It is sent; else `left_out`, `gives_up` or `note` says why not."),
        Key(
            "note",
            Holds.TEXT,
            "What of it an undo leaves alone, why it is not sent, or what you would lose; also that"
            " it seems to be that way already.",
            nullable=True,
        ),
        Key(
            "used_by",
            Holds.OBJECTS,
            "The capsules and pipelines that use it, of what you can see: `workplace`,"
            " `workplace_name`; null: nobody asked (of archive and rm, up to 20 assets or"
            " `--uses`), or it is not known.",
            nullable=True,
        ),
        Key("use_not_known", Holds.TEXT, "Why `used_by` is not, or not all, known.", nullable=True),
    ),
    id_key="id",
)


OUTCOME = RowKind(
    "outcome",
    (
        *("edit", "archive", "unarchive", "rm", "share", "tags rename", "tags merge"),
        *("attach", "detach", "transfer"),
        *("undo", "redo", "retry", "log N"),
    ),
    (
        _ID,
        _NAME,
        _ACTION,
        Key("state", Holds.TEXT, "How it ended: `applied`, `unchanged`, `given_up`, `refused`, …"),
        Key("changed", Holds.TEXTS, "The fields that were changed."),
        Key("skipped_fields", Holds.TEXTS, "The fields that an undo left alone."),
        Key("lacking", Holds.TEXT, "What of the sharing the platform did not do.", nullable=True),
        _WORKPLACE,
        _FOLDER,
        Key("mounting", Holds.FLAG, "It is attached, but its files can't be read yet."),
        Key("moving", Holds.FLAG, "It is being transferred: the platform has begun, no more."),
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
        _WORKPLACE,
        _FOLDER,
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


ATTACHED = RowKind(
    "attached asset",
    ("attached",),
    (
        _ID,
        Key("name", Holds.TEXT, "The asset's name; null: not known here.", nullable=True),
        _FOLDER,
        Key(
            "kind",
            Holds.TEXT,
            "`internal`, `external` or `combined`; null: the platform does not say.",
            nullable=True,
        ),
        Key("accessible", Holds.FLAG, "Whether you may use it; null: not said.", nullable=True),
        _WORKPLACE,
    ),
    id_key="id",
)


USE = RowKind(
    "use",
    ("uses",),
    (
        _ID,
        Key("name", Holds.TEXT, "The asset's name; null: not known here.", nullable=True),
        _WORKPLACE,
        Key("workplace_name", Holds.TEXT, "What uses it, by name.", nullable=True),
        Key("owner", Holds.TEXT, "Who owns that.", nullable=True),
        Key("last_accessed", Holds.TIME, "When that was last opened.", nullable=True),
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


RUN = RowKind(
    "run",
    ("runs", "run"),
    (
        Key("id", Holds.TEXT, "The id of the run, its computation."),
        Key("name", Holds.TEXT, "Its name."),
        Key("state", Holds.TEXT, "`initializing`, `running`, `finalizing`, `completed`, `failed`."),
        Key(
            "end_status",
            Holds.TEXT,
            "`succeeded`, `failed` or `stopped`; null: not yet.",
            nullable=True,
        ),
        Key("exit_code", Holds.NUMBER, "Of its script.", nullable=True),
        Key("created", Holds.TIME, "When it was started.", nullable=True),
        Key("run_time", Holds.NUMBER, "Seconds that it took, or takes.", nullable=True),
        Key("has_results", Holds.FLAG, "Whether it has any; null: not said.", nullable=True),
        Key("size", Holds.BYTES, "Of its results, if `--sizes` asked.", nullable=True),
        Key("owner", Holds.TEXT, "Who started it.", nullable=True),
        Key("capsule", Holds.TEXT, "The id of its capsule or pipeline.", nullable=True),
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
        Key("left_out", Holds.NUMBER, "Rows that could not be used."),
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
    FOLDER,
    CACHE,
    TAG,
    PLAN,
    OUTCOME,
    ENTRY,
    ACCESS,
    ATTACHED,
    USE,
    SHARE,
    DUPLICATE,
    RELATIVE,
    RUN,
    SYNC,
    PROFILE,
    USER,
    SETTING,
    MOUNT,
    FINDING,
)
