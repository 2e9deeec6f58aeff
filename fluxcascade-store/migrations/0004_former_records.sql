-- The fourth schema: which records links had before they followed merges, so that what the log and the
-- conflicts have from then is found when a person is forgotten.
CREATE TABLE former (
    mapping INTEGER NOT NULL,
    link BLOB NOT NULL,
    side INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (mapping, link, side, record)
) STRICT, WITHOUT ROWID;

-- Conflict rows in the order in which they were stored.
CREATE INDEX conflicts_by_mapping ON conflicts (mapping);
