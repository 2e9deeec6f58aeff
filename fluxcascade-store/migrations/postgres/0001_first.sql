-- The first schema. Every key begins with the tenant, so that a database can be distributed by
-- tenant; a mapping's number stands for its name within the tenant. Texts sort by their bytes, as
-- ids do. Times are microseconds since 1970, sides are 0 for the source and 1 for the target, blobs
-- begin with their format byte.
--
-- Every other index than a primary key has a condition, also where all rows meet it: only queries
-- that say it can use that index. So the planner never has the choice to look up an id through an
-- index that knows no more than the mapping, as it may where it believes that a mapping has few rows.

-- Whose tables these are, and which schema they have. One row.
CREATE TABLE fluxcascade_store (
    version integer NOT NULL
);

CREATE TABLE mappings (
    tenant text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- The latest lease: its fencing number, and its end while somebody may hold it.
    fence bigint NOT NULL DEFAULT 0,
    lease_until bigint,
    -- The last sequence number that an inbox entry got.
    sequence bigint NOT NULL DEFAULT 0,
    -- The last place that a log or conflict row got.
    places bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, number),
    UNIQUE (tenant, name)
) WITH (fillfactor = 50);

-- What calls of several mappings of a tenant wait at: 0 before a hold waits for a link or a link
-- wakes holds, and before a mapping gets its number; 1 before a create claims something.
CREATE TABLE gates (
    tenant text COLLATE "C" NOT NULL,
    gate smallint NOT NULL,
    PRIMARY KEY (tenant, gate)
) WITH (fillfactor = 50);

CREATE TABLE revisions (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    number bigint NOT NULL,
    revision bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, number)
);

CREATE TABLE runs (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    number bigint NOT NULL,
    run bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, number)
);

CREATE TABLE feeds (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    connection text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    -- The sides that the feed is read for: 1 the source, 2 the target, 3 both.
    sides smallint NOT NULL,
    cursor text,
    sweeping boolean NOT NULL,
    swept bigint,
    sweep_began bigint,
    sweep_rows bigint NOT NULL,
    account text,
    PRIMARY KEY (tenant, mapping, connection, object)
);
CREATE INDEX feeds_by_object ON feeds (tenant, connection, object) WHERE object <> '';

-- Links, and which link a record has (tombstones have none of their records).
CREATE TABLE links (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    id bytea NOT NULL,
    -- 0 active, 1 suspended, 2 tombstone.
    status smallint NOT NULL,
    -- Why it ended: 0 and 1: the source's or the target's record was deleted; 2 and 3: likewise,
    -- and its twin was removed for it; 4 both were deleted; 5 a person ended it; 6 and 7: the
    -- source's or the target's record was deleted and is made again; 8 and 9: a person excluded the
    -- source's or the target's record. None: not a tombstone, or not known.
    ending smallint,
    source text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    -- Of the bases, for the intake to compare without reading them.
    source_revision bigint NOT NULL,
    target_revision bigint NOT NULL,
    source_fingerprint bytea,
    target_fingerprint bytea,
    source_base bytea NOT NULL,
    target_base bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, id)
) WITH (fillfactor = 90);
CREATE INDEX links_active ON links (tenant, mapping) WHERE status = 0;
CREATE INDEX links_suspended ON links (tenant, mapping) WHERE status = 1;
CREATE INDEX links_ended ON links (tenant, mapping) WHERE status = 2;
CREATE INDEX links_ended_by_source ON links (tenant, mapping, source, id) WHERE status = 2;
CREATE INDEX links_ended_by_target ON links (tenant, mapping, target, id) WHERE status = 2;

CREATE TABLE linked (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    link bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, side, record)
);

CREATE TABLE match_keys (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    rule integer NOT NULL,
    fingerprint bytea NOT NULL,
    -- Live holders of a key come before archived ones.
    archived boolean NOT NULL,
    PRIMARY KEY (tenant, mapping, rule, fingerprint, side, archived, record)
);
CREATE UNIQUE INDEX match_keys_by_record ON match_keys (tenant, mapping, side, record, rule)
    WHERE rule >= 0;

-- Dirty records. `link` is the record's link as `linked` has it, kept here so that work comes in
-- link order without sorting all of the inbox.
CREATE TABLE inbox (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    revision bigint NOT NULL,
    not_before bigint,
    attempts bigint NOT NULL,
    link bytea,
    observation bytea,
    PRIMARY KEY (tenant, mapping, side, record)
);
CREATE INDEX inbox_by_link ON inbox (tenant, mapping, link, not_before) WHERE link IS NOT NULL;
CREATE INDEX inbox_unlinked ON inbox (tenant, mapping, side, record, not_before)
    WHERE link IS NULL;

-- The sides whose sweep is under way and marked, and the records that it has shown.
CREATE TABLE sweeps (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    PRIMARY KEY (tenant, mapping, side)
);

CREATE TABLE seen (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, mapping, side, record)
);

-- Operations whose outcome is not known, the records that they name, and the keys that creates claim.
CREATE TABLE operations (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    id bytea NOT NULL,
    link bytea NOT NULL,
    side smallint NOT NULL,
    origin text COLLATE "C" NOT NULL,
    operation bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, id)
);
CREATE INDEX operations_by_link ON operations (tenant, mapping, link) WHERE link <> '';

CREATE TABLE operation_records (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    operation bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, side, record, operation)
);

CREATE TABLE operation_keys (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    rule integer NOT NULL,
    fingerprint bytea NOT NULL,
    operation bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, rule, fingerprint, operation)
);

-- Of a tenant, not of a mapping. With a record, the operation is closed and has made it, and the
-- claim ends at `until`.
CREATE TABLE claims (
    tenant text COLLATE "C" NOT NULL,
    claim bytea NOT NULL,
    mapping integer NOT NULL,
    operation bytea NOT NULL,
    record text COLLATE "C",
    until bigint,
    PRIMARY KEY (tenant, claim, mapping, operation)
);
CREATE INDEX claims_ending ON claims (tenant, until) WHERE until IS NOT NULL;

-- Holds. The key is (kind, on_link, side, name): 0 a pair (link, -, pair), 1 a link (link, -, -),
-- 2 a record (-, side, record). `link` is the link whose work the hold belongs to, if any.
-- `waits_*` is the record whose link the hold waits for, in a mapping of the same tenant.
CREATE TABLE holds (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    kind smallint NOT NULL,
    on_link bytea NOT NULL,
    side smallint NOT NULL,
    name text COLLATE "C" NOT NULL,
    link bytea,
    -- An answered hold has the least number.
    not_before bigint,
    reason text COLLATE "C" NOT NULL,
    withheld text COLLATE "C",
    waits_mapping text COLLATE "C",
    waits_side smallint,
    waits_record text COLLATE "C",
    hold bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, kind, on_link, side, name)
);
CREATE INDEX holds_by_link ON holds (tenant, mapping, link) WHERE link IS NOT NULL;
CREATE INDEX holds_due ON holds (tenant, mapping, link, not_before)
    WHERE link IS NOT NULL AND not_before IS NOT NULL;
CREATE INDEX holds_due_unlinked ON holds (tenant, mapping, side, name, not_before)
    WHERE link IS NULL AND not_before IS NOT NULL AND kind = 2;
CREATE INDEX holds_by_reason ON holds (tenant, mapping, reason, kind, on_link, side, name)
    WHERE reason <> '';
CREATE INDEX holds_withheld ON holds (tenant, mapping, withheld) WHERE withheld IS NOT NULL;
CREATE INDEX holds_waiting ON holds (tenant, waits_mapping, waits_side, waits_record)
    WHERE waits_mapping IS NOT NULL;

-- `place` grows with the rows of a mapping.
CREATE TABLE conflicts (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    id bytea NOT NULL,
    place bigint NOT NULL,
    run bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    -- Whether it waits for a person.
    open boolean NOT NULL,
    conflict bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, id)
);
CREATE INDEX conflicts_by_place ON conflicts (tenant, mapping, place) WHERE place > 0;
CREATE INDEX conflicts_by_run ON conflicts (tenant, mapping, run, place) WHERE place > 0;
CREATE INDEX conflicts_by_source ON conflicts (tenant, mapping, source, place) WHERE place > 0;
CREATE INDEX conflicts_by_target ON conflicts (tenant, mapping, target, place) WHERE place > 0;
CREATE INDEX conflicts_open ON conflicts (tenant, mapping) WHERE open;

CREATE TABLE log (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    place bigint NOT NULL,
    run bigint NOT NULL,
    source text COLLATE "C",
    target text COLLATE "C",
    entry bytea NOT NULL,
    PRIMARY KEY (tenant, mapping, place)
);
CREATE INDEX log_by_run ON log (tenant, mapping, run, place) WHERE run >= 0;
CREATE INDEX log_by_source ON log (tenant, mapping, source, place) WHERE source IS NOT NULL;
CREATE INDEX log_by_target ON log (tenant, mapping, target, place) WHERE target IS NOT NULL;

-- Of a tenant, not of a mapping.
CREATE TABLE tokens (
    tenant text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    -- 0 while there is only a claim.
    generation bigint NOT NULL,
    secret bytea,
    claimed_until bigint,
    PRIMARY KEY (tenant, connection)
);

CREATE TABLE secrets (
    tenant text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    PRIMARY KEY (tenant, name)
);
