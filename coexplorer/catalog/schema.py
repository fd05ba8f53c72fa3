"""The catalog's tables, with each column's meaning beside it."""

from __future__ import annotations

APPLICATION_ID = 0x636F6578
"""``coex``: marks the file as ours (PRAGMA application_id)."""

FLAG_BITS = {
    "archived": 1,
    "favorite": 2,
    "mine": 4,
    "shared": 8,
    "external": 16,
    "internal": 32,
    "unused": 64,
    "untagged": 128,
}
"""Bits of `asset.flags`, named as in the query language. Unknown counts as no."""

FLAGS = """
    (archived IS 1) * 1 + (favorite IS 1) * 2 + (mine IS 1) * 4 + (shared IS 1) * 8
    + (external IS 1) * 16 + (external IS NOT 1) * 32 + (last_used IS 0) * 64
    + (tags = '[]') * 128
"""

TABLES = f"""
CREATE TABLE asset (
    n INTEGER PRIMARY KEY,        -- stable in this file; the mount's inode numbers build on it
    id TEXT NOT NULL UNIQUE,      -- the platform's UUID
    created REAL,                 -- epoch seconds
    last_used REAL,               -- epoch seconds; 0: never; NULL: not said
    size_bytes INTEGER,           -- NULL: unknown
    files INTEGER,                -- NULL: unknown
    archived INTEGER,             -- 0, 1 or NULL: no search has said; the same for the next three
    favorite INTEGER,
    mine INTEGER,
    shared INTEGER,
    external INTEGER NOT NULL,    -- 1: the files stay in a bucket outside the platform
    type TEXT NOT NULL,           -- as the platform says it
    state TEXT NOT NULL,
    name_folded TEXT NOT NULL,    -- see query.fold; sorts and finds names ignoring case
    owner_folded TEXT NOT NULL,
    mount_folded TEXT NOT NULL,   -- empty: none
    tags TEXT NOT NULL,           -- JSON list, as the platform said it
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    mount TEXT,
    change INTEGER NOT NULL,      -- the change number (counter) of its last real change
    flags INTEGER GENERATED ALWAYS AS ({FLAGS}) STORED -- bits, see FLAG_BITS
);
CREATE INDEX asset_by_created ON asset (created, id);
CREATE INDEX asset_by_used ON asset (last_used, id);
CREATE INDEX asset_by_size ON asset (size_bytes, id);
CREATE INDEX asset_by_files ON asset (files, id);
CREATE INDEX asset_by_name ON asset (name_folded, id);
CREATE INDEX asset_by_type ON asset (type, id);
CREATE INDEX asset_by_state ON asset (state, id);
CREATE INDEX asset_by_owner ON asset (owner_folded, id);
CREATE INDEX asset_by_mount ON asset (mount_folded);
CREATE INDEX asset_by_change ON asset (change);
CREATE INDEX asset_favorite ON asset (created) WHERE favorite = 1;
CREATE INDEX asset_mine ON asset (created) WHERE mine = 1;
CREATE INDEX asset_shared ON asset (created) WHERE shared = 1;
CREATE INDEX asset_archived ON asset (created) WHERE archived = 1;

-- What is read only when an asset is opened, apart from what lists walk over.
CREATE TABLE content (
    n INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,            -- the platform's JSON object, compact
    digest BLOB NOT NULL          -- of raw: tells an unchanged asset without reading it
);

-- Touched for every asset of every sweep, so it is narrow.
CREATE TABLE seen (
    n INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,  -- the newest sweep that saw it; 0: none yet
    fetched_at REAL NOT NULL      -- epoch seconds of the reply that the row comes from
);

-- Folded text (query.fold) for the full-text index, which keeps no copy of its own. Each text ends
-- in two separators, so that a word of one or two characters begins a trigram wherever it stands.
CREATE TABLE folded (
    n INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    labels TEXT NOT NULL          -- tags and values of custom metadata, between separators
);
CREATE VIRTUAL TABLE words USING fts5 (
    name, description, labels,
    content = 'folded', content_rowid = 'n', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE trigrams USING fts5vocab (words, row);

CREATE TABLE tag (
    folded TEXT NOT NULL,
    n INTEGER NOT NULL,
    text TEXT NOT NULL,           -- as the platform spells it
    PRIMARY KEY (folded, n, text)
) WITHOUT ROWID;

CREATE TABLE metadata (           -- custom metadata; a list has a row for each item
    key TEXT NOT NULL,            -- folded
    n INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,           -- folded; how the value is written
    number REAL,                  -- NULL when the value is no number
    name TEXT NOT NULL,           -- the key as the platform spells it
    PRIMARY KEY (key, n, position, name)
) WITHOUT ROWID;
CREATE INDEX metadata_by_asset ON metadata (n);
CREATE INDEX metadata_by_number ON metadata (key, number) WHERE number IS NOT NULL;

CREATE TABLE source (             -- where an asset came from; only those that say anything
    n INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL,         -- folded
    prefix TEXT NOT NULL,         -- folded
    run_script TEXT NOT NULL,     -- folded
    commit_id TEXT NOT NULL,      -- folded
    capsule TEXT NOT NULL,        -- folded
    computation TEXT NOT NULL     -- folded
);
CREATE INDEX source_by_bucket ON source (bucket, prefix);
CREATE INDEX source_by_prefix ON source (prefix);
CREATE INDEX source_by_script ON source (run_script);
CREATE INDEX source_by_commit ON source (commit_id);
CREATE INDEX source_by_computation ON source (computation);
CREATE INDEX source_by_capsule ON source (capsule);

CREATE TABLE input (              -- lineage: an asset and what it was made from
    parent TEXT NOT NULL,         -- id of the input, known here or not
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,           -- 'made_from' (provenance) or 'contains' (combined assets)
    PRIMARY KEY (parent, n, kind)
) WITHOUT ROWID;
CREATE INDEX input_by_child ON input (n);

CREATE TABLE removed (            -- so that a change of the number `change` can be told of rows
    id TEXT PRIMARY KEY,          -- that are gone
    change INTEGER NOT NULL
);

CREATE TABLE counter (            -- 'changes': one more for each transaction that changed a row
    name TEXT PRIMARY KEY,        -- 'generation': the newest sweep
    value INTEGER NOT NULL        -- 'number': the last asset.n, so that none is given twice
                                  -- 'gap …': what the platform did not show, see sweeps.Gaps
);
INSERT INTO counter VALUES ('changes', 0), ('generation', 0), ('number', 0);

-- How many assets have which flags and state: the counts of the views without a look at the rows.
CREATE TABLE tally (
    flags INTEGER NOT NULL,
    state TEXT NOT NULL,
    assets INTEGER NOT NULL,
    PRIMARY KEY (flags, state)
) WITHOUT ROWID;
CREATE TRIGGER asset_came AFTER INSERT ON asset BEGIN
    INSERT INTO tally VALUES (new.flags, new.state, 1)
    ON CONFLICT DO UPDATE SET assets = assets + 1;
END;
CREATE TRIGGER asset_went AFTER DELETE ON asset BEGIN
    UPDATE tally SET assets = assets - 1 WHERE flags = old.flags AND state = old.state;
END;
CREATE TRIGGER asset_moved AFTER UPDATE ON asset
WHEN old.flags IS NOT new.flags OR old.state IS NOT new.state BEGIN
    UPDATE tally SET assets = assets - 1 WHERE flags = old.flags AND state = old.state;
    INSERT INTO tally VALUES (new.flags, new.state, 1)
    ON CONFLICT DO UPDATE SET assets = assets + 1;
END;

CREATE TABLE sync (               -- one row: what is known of the last sweep
    one INTEGER PRIMARY KEY CHECK (one = 1),
    synced_at REAL,               -- epoch seconds of the last complete sweep's end; NULL: never
    refreshed_at REAL,            -- epoch seconds of the last look at the newest pages
    complete INTEGER NOT NULL,    -- 1: the last sweep saw everything
    total INTEGER,                -- assets that it saw
    duration_s REAL,              -- how long it took
    dialect TEXT NOT NULL         -- how the platform was spoken to; empty: not known
);
INSERT INTO sync VALUES (1, NULL, NULL, 0, NULL, NULL, '');

CREATE TABLE sweeper (            -- one row while a process sweeps
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT NOT NULL,          -- names the process
    beat_at REAL NOT NULL         -- epoch seconds of its last sign of life
);
"""
