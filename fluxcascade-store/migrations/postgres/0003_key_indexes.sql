-- The third schema: each search of the match keys has an index that only it may use.
--
-- Both begin with the tenant and the mapping, so that to a planner that knows no more of the table than
-- that it was vacuumed the one by key looks the better for a search by record, as it has all that is
-- asked for; it was read from end to end for each record, in a plan that was kept. A statement that is
-- about a key says `side >= 0`, one that is about a record `rule >= 0`, and none says both.
ALTER TABLE match_keys DROP CONSTRAINT match_keys_pkey;
CREATE UNIQUE INDEX match_keys_by_key
    ON match_keys (tenant, mapping, rule, fingerprint, side, archived, record) WHERE side >= 0;
-- What a replica tells rows apart by, where one subscribes: a partial index will not do.
ALTER TABLE match_keys REPLICA IDENTITY FULL;
