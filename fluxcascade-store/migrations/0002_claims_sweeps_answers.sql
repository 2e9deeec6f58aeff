-- The second schema: why links ended, what creates claim across mappings, what sweeps have shown,
-- which keys are those of archived records, and holds that are answered, wait for a link or hold a
-- write back.

-- 0 and 1: the source's or the target's record was deleted; 2 and 3: likewise, and its twin was
-- removed for it; 4 both were deleted; 5 a person ended it; 6 and 7: the source's or the target's
-- record was deleted and is made again; 8 and 9: a person excluded the source's or the target's
-- record. None: not a tombstone, or not known.
ALTER TABLE links ADD COLUMN ending INTEGER;
CREATE INDEX links_ended_by_source ON links (mapping, source, id) WHERE status = 2;
CREATE INDEX links_ended_by_target ON links (mapping, target, id) WHERE status = 2;

-- Live holders of a key come before archived ones.
ALTER TABLE match_keys ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
DROP INDEX match_keys_by_key;
CREATE INDEX match_keys_by_key ON match_keys (mapping, rule, fingerprint, side, archived, record);

-- Of a tenant, not of a mapping. With a record, the operation is closed and has made it, and the
-- claim ends at `until`.
CREATE TABLE claims (
    tenant TEXT NOT NULL,
    claim BLOB NOT NULL,
    mapping INTEGER NOT NULL,
    operation BLOB NOT NULL,
    record TEXT,
    until INTEGER,
    PRIMARY KEY (tenant, claim, mapping, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_ending ON claims (tenant, until) WHERE until IS NOT NULL;

ALTER TABLE feeds ADD COLUMN sweep_rows INTEGER NOT NULL DEFAULT 0;

-- The sides whose sweep is under way and marked, and the records that it has shown.
CREATE TABLE sweeps (
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    PRIMARY KEY (mapping, side)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen (
    mapping INTEGER NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (mapping, side, record)
) STRICT, WITHOUT ROWID;

-- An answered hold has the least number as its `not_before`. `waits_*` is the record whose link
-- the hold waits for, in a mapping of the same tenant.
ALTER TABLE holds ADD COLUMN withheld TEXT;
ALTER TABLE holds ADD COLUMN waits_mapping INTEGER;
ALTER TABLE holds ADD COLUMN waits_side INTEGER;
ALTER TABLE holds ADD COLUMN waits_record TEXT;
-- A record that is gone is one that was not found, since links end.
UPDATE holds SET reason = 'missing' WHERE reason = 'gone';
CREATE INDEX holds_by_reason ON holds (mapping, reason, kind, on_link, side, name);
CREATE INDEX holds_withheld ON holds (mapping, withheld) WHERE withheld IS NOT NULL;
CREATE INDEX holds_waiting ON holds (waits_mapping, waits_side, waits_record)
    WHERE waits_mapping IS NOT NULL;
