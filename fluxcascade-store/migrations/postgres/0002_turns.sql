-- The second schema: which mappings are due, for workers that share them, and what of the budgets of
-- connections was drawn.

-- `due` is the least number once it was woken; `every` is in microseconds. `worker` is who claimed it
-- last, under the fencing number `fence`. A row is changed only under the lock of its mapping's row.
CREATE TABLE turns (
    tenant text COLLATE "C" NOT NULL,
    mapping integer NOT NULL,
    due bigint NOT NULL,
    every bigint NOT NULL,
    worker text COLLATE "C",
    fence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, mapping)
) WITH (fillfactor = 50);

-- A line for each draw that still counts: when, how many requests, who.
CREATE TABLE budgets (
    tenant text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    drawn text NOT NULL,
    PRIMARY KEY (tenant, connection, kind)
) WITH (fillfactor = 50);
