"""The catalog's schema, brought from any earlier version to this one.

The catalog is a cache: everything in it can be fetched again. So an older schema that can't be
migrated is thrown away, and a newer one is left alone (a newer coexplorer is using it).

It is a table of steps, so it is long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from coexplorer.catalog.letters import letters_of
from coexplorer.catalog.packing import Packer, fingerprint_of, load_sample, unpack
from coexplorer.catalog.rows import order_of, reduce_labels, storable
from coexplorer.catalog.schema import FLAGS, TABLES
from coexplorer.catalog.writing import write_labels
from coexplorer.models import is_asset_id
from coexplorer.query import SEPARATOR

_SAMPLED = 1000
_AT_ONCE = 10_000


def _create(connection: sqlite3.Connection) -> None:
    for statement in _split(TABLES):
        connection.execute(statement)


def _note_letters(connection: sqlite3.Connection) -> None:
    """Note which single characters each asset has: searches for one letter use that."""
    connection.create_function("letters_of", -1, lambda *texts: letters_of(texts))
    connection.execute("ALTER TABLE asset ADD COLUMN letters INTEGER NOT NULL DEFAULT 0")
    connection.execute(
        "UPDATE asset SET letters = coalesce((SELECT letters_of(name, description, labels)"
        " FROM folded WHERE folded.n = asset.n), 0)"
    )
    connection.execute("CREATE INDEX asset_by_letters ON asset (letters)")


def _count_places(connection: sqlite3.Connection) -> None:
    """Count changes to the list of all assets by time separately: few changes affect it."""
    connection.execute("INSERT INTO counter VALUES ('places', 0)")
    _watch_places(connection)


def _watch_places(connection: sqlite3.Connection) -> None:
    for event, test in (
        ("INSERT", ""),
        ("DELETE", ""),
        ("UPDATE OF created", "WHEN old.created IS NOT new.created"),
    ):
        connection.execute(
            f"CREATE TRIGGER place_{event.split()[0].lower()} AFTER {event} ON asset {test} BEGIN"
            " UPDATE counter SET value = value + 1 WHERE name = 'places'; END"
        )


def _tally_more(connection: sqlite3.Connection) -> None:
    """Tally types and owners too: the most common counts then need no rows."""
    for event in ("came", "went", "moved"):
        connection.execute(f"DROP TRIGGER asset_{event}")
    connection.execute("DROP TABLE tally")
    named = ", ".join(_TALLIED)
    connection.execute(
        "CREATE TABLE tally (flags INTEGER NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL,"
        f" owner_folded TEXT NOT NULL, assets INTEGER NOT NULL, PRIMARY KEY ({named}))"
        " WITHOUT ROWID"
    )
    connection.execute(f"INSERT INTO tally SELECT {named}, count(*) FROM asset GROUP BY {named}")
    _watch_tally(connection)


_TALLIED = ("flags", "state", "type", "owner_folded")


def _watch_tally(connection: sqlite3.Connection) -> None:
    new = ", ".join(f"new.{column}" for column in _TALLIED)
    more = f"INSERT INTO tally VALUES ({new}, 1) ON CONFLICT DO UPDATE SET assets = assets + 1"
    old = " AND ".join(f"{column} = old.{column}" for column in _TALLIED)
    less = f"UPDATE tally SET assets = assets - 1 WHERE {old}"
    other = " OR ".join(f"old.{column} IS NOT new.{column}" for column in _TALLIED)
    for event, when, what in (
        ("came", "INSERT ON asset", more),
        ("went", "DELETE ON asset", less),
        ("moved", f"UPDATE ON asset WHEN {other}", f"{less}; {more}"),
    ):
        connection.execute(f"CREATE TRIGGER asset_{event} AFTER {when} BEGIN {what}; END")


def _forget_bad_ids(connection: sqlite3.Connection) -> None:
    """Forget rows with invalid ids: a NUL in one kept every later page from being written."""
    connection.create_function("is_asset_id", 1, is_asset_id)
    bad = connection.execute("SELECT n FROM asset WHERE NOT is_asset_id(id)").fetchall()
    connection.executemany(
        "INSERT INTO words (words, rowid, name, description, labels)"
        " SELECT 'delete', n, name, description, labels FROM folded WHERE n = ?",
        bad,
    )
    for table in ("content", "folded", "source", "input", "metadata", "tag", "seen", "asset"):
        connection.executemany(f"DELETE FROM {table} WHERE n = ?", bad)
    for table, column in (("input", "parent"), ("removed", "id")):
        connection.execute(f"DELETE FROM {table} WHERE NOT is_asset_id({column})")


_SHARED = """
CREATE TABLE tag_word (            -- each spelling of each tag once
    k INTEGER PRIMARY KEY,
    folded TEXT NOT NULL,
    text TEXT NOT NULL,            -- as the platform spells it
    UNIQUE (folded, text)
);
CREATE TABLE tag_use (             -- which asset has it
    k INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (k, n)
) WITHOUT ROWID;
INSERT INTO tag_word (folded, text) SELECT DISTINCT folded, text FROM tag;
INSERT INTO tag_use SELECT k, n FROM tag JOIN tag_word USING (folded, text) ORDER BY k, n;
DROP TABLE tag;
CREATE VIEW tag (folded, n, text) AS SELECT folded, n, text FROM tag_word JOIN tag_use USING (k);
CREATE TRIGGER tag_comes INSTEAD OF INSERT ON tag BEGIN
    INSERT OR IGNORE INTO tag_word (folded, text) VALUES (new.folded, new.text);
    INSERT OR IGNORE INTO tag_use
    SELECT k, new.n FROM tag_word WHERE folded = new.folded AND text = new.text;
END;
CREATE TRIGGER tag_goes INSTEAD OF DELETE ON tag BEGIN
    DELETE FROM tag_use WHERE n = old.n AND k =
    (SELECT k FROM tag_word WHERE folded = old.folded AND text = old.text);
END;

CREATE TABLE metadata_value (      -- each value of each key once
    v INTEGER PRIMARY KEY,
    key TEXT NOT NULL,             -- folded
    text TEXT NOT NULL,            -- folded; how the value is written
    number REAL,                   -- NULL when the value is no number
    name TEXT NOT NULL,            -- the key as the platform spells it
    UNIQUE (key, text, name, number)
);
CREATE INDEX metadata_by_number ON metadata_value (key, number) WHERE number IS NOT NULL;
CREATE TABLE metadata_use (        -- which asset has it
    n INTEGER NOT NULL,
    v INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (n, v, position)
) WITHOUT ROWID;
CREATE INDEX metadata_by_value ON metadata_use (v);
"""
"""Most tags and values are those of many assets: kept once, they take a tenth of the room. Views
have the names and columns of the tables from before, for those who read and write them."""

_SHARED_METADATA = """
INSERT INTO metadata_value (key, text, number, name)
SELECT DISTINCT key, text, number, name FROM metadata_before;
INSERT INTO metadata_use SELECT n, v, position FROM metadata_before AS b JOIN metadata_value AS m
ON m.key = b.key AND m.text = b.text AND m.name = b.name AND m.number IS b.number ORDER BY n, v;
DROP TABLE metadata_before;
CREATE VIEW metadata (key, n, position, text, number, name) AS
SELECT key, n, position, text, number, name FROM metadata_value JOIN metadata_use USING (v);
CREATE TRIGGER metadata_comes INSTEAD OF INSERT ON metadata BEGIN
    INSERT INTO metadata_value (key, text, number, name)
    SELECT new.key, new.text, new.number, new.name WHERE NOT EXISTS (
        SELECT 1 FROM metadata_value
        WHERE key = new.key AND text = new.text AND name = new.name AND number IS new.number
    );
    INSERT INTO metadata_use SELECT new.n, v, new.position FROM metadata_value
    WHERE key = new.key AND text = new.text AND name = new.name AND number IS new.number;
END;
CREATE TRIGGER metadata_goes INSTEAD OF DELETE ON metadata BEGIN
    DELETE FROM metadata_use WHERE n = old.n AND position = old.position AND v IN (
        SELECT v FROM metadata_value
        WHERE key = old.key AND text = old.text AND name = old.name AND number IS old.number
    );
END;
"""

_ORDERED = {
    "created": "created", "used": "last_used", "size": "size_bytes", "files": "files",
    "name": "name_folded", "type": "type", "state": "state", "owner": "owner_folded",
}  # fmt: skip


def _keep_once(connection: sqlite3.Connection) -> None:
    """Keep what many assets share once, and their objects compressed.

    Indexes end in the number, which SQLite adds by itself, instead of the id.
    """
    connection.execute("DROP INDEX metadata_by_asset")
    connection.execute("DROP INDEX metadata_by_number")
    connection.execute("ALTER TABLE metadata RENAME TO metadata_before")
    for statement in _split(_SHARED + _SHARED_METADATA):
        connection.execute(statement)
    for name, column in _ORDERED.items():
        connection.execute(f"DROP INDEX asset_by_{name}")
        connection.execute(f"CREATE INDEX asset_by_{name} ON asset ({column})")
    _pack_all(connection)


def _pack_all(connection: sqlite3.Connection) -> None:
    numbers = [n for (n,) in connection.execute("SELECT n FROM content ORDER BY n")]
    step = max(1, len(numbers) // _SAMPLED)
    few = [
        bytes(connection.execute("SELECT raw FROM content WHERE n = ?", (n,)).fetchone()[0])
        for n in numbers[::step]
    ]
    packer = Packer(connection, few)
    connection.create_function("pack", 1, packer.pack)
    connection.execute("UPDATE content SET raw = pack(raw) WHERE n > 0")


_LEAN = f"""
CREATE TABLE asset_lean (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    archived INTEGER,             -- it and the name come early: each look at a row reads them
    name_folded TEXT NOT NULL,
    id_order INTEGER NOT NULL,    -- where the id sorts (`rows.order_of`): the last key of each list
    created REAL,
    last_used REAL,
    size_bytes INTEGER,
    files INTEGER,
    favorite INTEGER,
    mine INTEGER,
    shared INTEGER,
    external INTEGER NOT NULL,
    has_mount INTEGER NOT NULL,
    change INTEGER NOT NULL,
    letters INTEGER NOT NULL,     -- which characters its texts have (`letters`)
    flags INTEGER GENERATED ALWAYS AS ({FLAGS}) STORED,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    owner_folded TEXT NOT NULL,
    mount_folded TEXT NOT NULL,
    tags TEXT NOT NULL,
    name_spelled TEXT,            -- NULL: as it is folded
    owner_spelled TEXT,           -- NULL: as it is folded
    mount_spelled TEXT,           -- NULL: as the name, where both fold to the same, or folded
    name TEXT GENERATED ALWAYS AS (ifnull(name_spelled, name_folded)) VIRTUAL,
    owner TEXT GENERATED ALWAYS AS (ifnull(owner_spelled, owner_folded)) VIRTUAL,
    mount TEXT GENERATED ALWAYS AS (
        CASE WHEN NOT has_mount THEN NULL WHEN mount_spelled IS NOT NULL THEN mount_spelled
        WHEN mount_folded = name_folded THEN ifnull(name_spelled, name_folded)
        ELSE mount_folded END
    ) VIRTUAL
);
INSERT INTO asset_lean
SELECT n, id, archived, name_folded, order_of(id), created, last_used, size_bytes, files, favorite,
mine, shared, external, mount IS NOT NULL, change, letters, type, state, owner_folded, mount_folded,
tags, nullif(name, name_folded), nullif(owner, owner_folded),
nullif(mount, CASE WHEN mount_folded = name_folded THEN name ELSE mount_folded END)
FROM asset ORDER BY n;

CREATE TABLE folded_lean (        -- folded texts, apart from the name: `asset` has it
    n INTEGER PRIMARY KEY,
    description TEXT NOT NULL,
    labels TEXT NOT NULL          -- `rows.reduce_labels`, between separators
);
INSERT INTO folded_lean
SELECT n, rtrim(description, char(31)), reduce_labels(name, description, labels) FROM folded
ORDER BY n;
DROP TABLE trigrams;
DROP TABLE words;
DROP TABLE folded;
DROP TABLE asset;
ALTER TABLE asset_lean RENAME TO asset;
ALTER TABLE folded_lean RENAME TO folded;

CREATE INDEX asset_by_created ON asset (created, id_order);
CREATE INDEX asset_by_used ON asset (last_used, id_order);
CREATE INDEX asset_by_size ON asset (size_bytes, id_order);
CREATE INDEX asset_by_files ON asset (files, id_order);
CREATE INDEX asset_by_name ON asset (name_folded, id_order);
CREATE INDEX asset_by_type ON asset (type, id_order);
CREATE INDEX asset_by_state ON asset (state, id_order);
CREATE INDEX asset_by_owner ON asset (owner_folded, id_order);
CREATE INDEX asset_by_mount ON asset (mount_folded);
CREATE INDEX asset_by_change ON asset (change);
CREATE INDEX asset_by_letters ON asset (letters);
CREATE INDEX asset_favorite ON asset (created) WHERE favorite = 1;
CREATE INDEX asset_mine ON asset (created) WHERE mine = 1;
CREATE INDEX asset_shared ON asset (created) WHERE shared = 1;
CREATE INDEX asset_archived ON asset (created) WHERE archived = 1;

CREATE VIEW texts AS              -- what `words` is made from
SELECT n, name_folded || char(31, 31) AS name,
CASE description WHEN '' THEN '' ELSE description || char(31, 31) END AS description
FROM folded JOIN asset USING (n);
CREATE VIRTUAL TABLE words USING fts5 (
    name, description, content = 'texts', content_rowid = 'n', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
INSERT INTO words (words) VALUES ('rebuild');
CREATE VIRTUAL TABLE trigrams USING fts5vocab (words, row);

CREATE TABLE label (              -- each text that is a label of any asset, once
    k INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE     -- folded
);
CREATE TABLE label_use (          -- which asset has it, as far as its labels are kept in `folded`
    k INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (k, n)
) WITHOUT ROWID;
CREATE VIEW label_texts AS SELECT k, text || char(31, 31) AS text FROM label;
CREATE VIRTUAL TABLE label_words USING fts5 (
    text, content = 'label_texts', content_rowid = 'k', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE label_trigrams USING fts5vocab (label_words, row);
"""
"""Full text of each label once instead of in each asset, no text twice, and ids in the indexes
again: as numbers, of which the first characters of an id are enough."""


def _make_lean(connection: sqlite3.Connection) -> None:
    """Keep no text of an asset twice, and have equals stand by their ids."""

    def reduce(*texts: str) -> str:
        name, description, labels = (text.rstrip(SEPARATOR) for text in texts)
        return SEPARATOR.join(reduce_labels(name, description, labels.split(SEPARATOR)))

    connection.create_function("reduce_labels", 3, reduce)
    connection.create_function("order_of", 1, order_of)
    for statement in _split(_LEAN):
        connection.execute(statement)
    _watch_places(connection)
    _watch_tally(connection)
    last = -1
    while True:
        rows = connection.execute(
            "SELECT n, labels FROM folded WHERE n > ? ORDER BY n LIMIT ?", (last, _AT_ONCE)
        ).fetchall()
        if not rows:
            return
        write_labels(connection, [(n, text.split(SEPARATOR)) for n, text in rows if text])
        last = rows[-1][0]


def _split(script: str) -> list[str]:
    """Return the statements of a script; `executescript` would commit the transaction."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def _keep_schema(connection: sqlite3.Connection) -> None:
    """Keep the deployment's schema of custom metadata: one row, once it is known."""
    connection.execute(
        "CREATE TABLE metadata_schema (one INTEGER PRIMARY KEY CHECK (one = 1),"
        " schema TEXT NOT NULL,"  # JSON of `metadata.MetadataSchema`
        " read_at REAL NOT NULL)"  # epoch seconds
    )


def _keep_owner_ids(connection: sqlite3.Connection) -> None:
    """Keep the ids of owners, of which only the address could be searched for."""
    connection.execute("CREATE TABLE person (p INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)")
    connection.execute("ALTER TABLE asset ADD COLUMN person INTEGER")  # NULL: it is not said
    sample = load_sample(connection)
    fingerprint = fingerprint_of(sample)
    last = 0
    while rows := connection.execute(
        "SELECT n, raw FROM content WHERE n > ? ORDER BY n LIMIT ?", (last, _AT_ONCE)
    ).fetchall():
        owners = [(n, _read_owner(bytes(raw), sample, fingerprint)) for n, raw in rows]
        named = [(n, owner) for n, owner in owners if owner]
        connection.executemany(
            "INSERT OR IGNORE INTO person (id) VALUES (?)", {(owner,) for _, owner in named}
        )
        connection.executemany(
            "UPDATE asset SET person = (SELECT p FROM person WHERE id = ?2) WHERE n = ?1", named
        )
        last = rows[-1][0]
    connection.execute("CREATE INDEX asset_by_person ON asset (person)")


class _Owned(msgspec.Struct):
    owner: object = None


_decode_owned = msgspec.json.Decoder(_Owned).decode


def _read_owner(kept: bytes, sample: bytes, fingerprint: bytes) -> str:
    """Return the owner's id in a platform's object; a sweep reads again what can't be read."""
    try:
        owner = _decode_owned(unpack(kept, sample, fingerprint)).owner
    except (ValueError, msgspec.DecodeError):
        return ""
    return storable(owner).lower() if isinstance(owner, str) else ""


MIGRATIONS: tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...] = (
    ("create the catalog", _create),
    ("note the letters of each asset", _note_letters),
    ("count what changes the order of all assets", _count_places),
    ("tally types and owners", _tally_more),
    ("forget what has no usable id", _forget_bad_ids),
    ("keep once what many assets share", _keep_once),
    ("keep no text twice", _make_lean),
    ("keep the schema of custom metadata", _keep_schema),
    ("keep the ids of owners", _keep_owner_ids),
)
"""Each takes the file from the version of its index to the next, inside one transaction."""

VERSION = len(MIGRATIONS)
"""The schema's version (PRAGMA user_version)."""
