-- The first schema. A mapping's number stands for (tenant, mapping), so that every key begins
-- with the tenant and rows stay small. Wide rows are in rowid tables: in a table without rowids
-- a row of more than a quarter page would spill. Times are microseconds since 1970, sides are
-- 0 for the source and 1 for the target, blobs begin with their format byte.

CREATE TABLE mappings (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The latest lease: its fencing number, and its end while somebody may hold it.
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    -- The last sequence number that an inbox entry got.
    sequence INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE revisions (
    mapping INTEGER NOT NULL,
    number INTEGER NOT NULL,
    revision BLOB NOT NULL,
    PRIMARY KEY (mapping, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    mapping INTEGER NOT NULL,
    number INTEGER NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (mapping, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE feeds (
    mapping INTEGER NOT NULL,
    connection TEXT NOT NULL,
    object TEXT NOT NULL,
    -- The sides that the feed is read for: 1 the source, 2 the target, 3 both.
    sides INTEGER NOT NULL,
    cursor TEXT,
    sweeping INTEGER NOT NULL,
    swept INTEGER,
    sweep_began INTEGER,
    account TEXT,
    PRIMARY KEY (mapping, connection, object)
) STRICT, WITHOUT ROWID;

-- Links, and which link a record has (tombstones have none of their records).
CREATE TABLE links (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    id BLOB NOT NULL,
    -- 0 active, 1 suspended, 2 tombstone.
    status INTEGER NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    -- Of the bases, for the intake to compare without reading them.
    source_revision INTEGER NOT NULL,
    target_revision INTEGER NOT NULL,
    source_fingerprint BLOB,
    target_fingerprint BLOB,
    source_base BLOB NOT NULL,
    target_base BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX links_by_id ON links (mapping, id);
CREATE INDEX links_by_status ON links (mapping, status);

CREATE TABLE linked (
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    link BLOB NOT NULL,
    PRIMARY KEY (mapping, side, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE match_keys (
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    rule INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (mapping, side, record, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX match_keys_by_key ON match_keys (mapping, rule, fingerprint, side, record);

-- Dirty records. `link` is the record's link as `linked` has it, kept here so that work comes in
-- link order without sorting all of the inbox.
CREATE TABLE inbox (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    not_before INTEGER,
    attempts INTEGER NOT NULL,
    link BLOB,
    observation BLOB
) STRICT;
CREATE UNIQUE INDEX inbox_by_record ON inbox (mapping, side, record);
CREATE INDEX inbox_by_link ON inbox (mapping, link, side, record, not_before);

-- Operations whose outcome is not known, the records that they name, and the keys that creates claim.
CREATE TABLE operations (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    id BLOB NOT NULL,
    link BLOB NOT NULL,
    side INTEGER NOT NULL,
    origin TEXT NOT NULL,
    operation BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX operations_by_id ON operations (mapping, id);
CREATE INDEX operations_by_link ON operations (mapping, link);

CREATE TABLE operation_records (
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    operation BLOB NOT NULL,
    PRIMARY KEY (mapping, side, record, operation)
) STRICT, WITHOUT ROWID;

CREATE TABLE operation_keys (
    mapping INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    operation BLOB NOT NULL,
    PRIMARY KEY (mapping, rule, fingerprint, operation)
) STRICT, WITHOUT ROWID;

-- Holds. The key is (kind, on_link, side, name): 0 a pair (link, -, pair), 1 a link (link, -, -),
-- 2 a record (-, side, record). `link` is the link whose work the hold belongs to, if any.
CREATE TABLE holds (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    on_link BLOB NOT NULL,
    side INTEGER NOT NULL,
    name TEXT NOT NULL,
    link BLOB,
    not_before INTEGER,
    reason TEXT NOT NULL,
    hold BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX holds_by_key ON holds (mapping, kind, on_link, side, name);
CREATE INDEX holds_by_link ON holds (mapping, link);
CREATE INDEX holds_due ON holds (mapping, link, side, name, not_before)
    WHERE not_before IS NOT NULL;

CREATE TABLE conflicts (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    id BLOB NOT NULL,
    run INTEGER NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    -- Whether it waits for a person.
    open INTEGER NOT NULL,
    conflict BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX conflicts_by_id ON conflicts (mapping, id);
CREATE INDEX conflicts_by_run ON conflicts (mapping, run);
CREATE INDEX conflicts_by_source ON conflicts (mapping, source);
CREATE INDEX conflicts_by_target ON conflicts (mapping, target);
CREATE INDEX conflicts_open ON conflicts (mapping) WHERE open;

CREATE TABLE log (
    place INTEGER PRIMARY KEY,
    mapping INTEGER NOT NULL,
    run INTEGER NOT NULL,
    source TEXT,
    target TEXT,
    entry BLOB NOT NULL
) STRICT;
CREATE INDEX log_by_mapping ON log (mapping);
CREATE INDEX log_by_run ON log (mapping, run);
CREATE INDEX log_by_source ON log (mapping, source) WHERE source IS NOT NULL;
CREATE INDEX log_by_target ON log (mapping, target) WHERE target IS NOT NULL;

-- Of a tenant, not of a mapping.
CREATE TABLE tokens (
    tenant TEXT NOT NULL,
    connection TEXT NOT NULL,
    -- 0 while there is only a claim.
    generation INTEGER NOT NULL,
    secret BLOB,
    claimed_until INTEGER,
    PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
