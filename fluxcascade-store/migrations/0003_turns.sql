-- The third schema: which mappings are due, for workers that share them, and what of the budgets of
-- connections was drawn.

-- `due` is the least number once it was woken; `every` is in microseconds. `worker` is who claimed it
-- last, under the fencing number `fence`.
CREATE TABLE turns (
    mapping INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,
    every INTEGER NOT NULL,
    worker TEXT,
    fence INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A line for each draw that still counts: when, how many requests, who.
CREATE TABLE budgets (
    tenant TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    drawn TEXT NOT NULL,
    PRIMARY KEY (tenant, connection, kind)
) STRICT, WITHOUT ROWID;
