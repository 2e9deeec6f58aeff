-- The fourth schema: which records links had before they followed merges, so that what the log and the
-- conflicts have from then is found when a person is forgotten.
CREATE TABLE former (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    link bytea NOT NULL,
    side smallint NOT NULL,
    record text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, mapping, link, side, record)
);
