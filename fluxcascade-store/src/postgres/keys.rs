//! Match keys: of a record, and who has one.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{Candidates, Fingerprint, MatchKeys, RecordId, Side};
use tokio_postgres::Row;

use super::fault::Fault;
use super::ledger::{Ledger, Places, hash, place, side};
use crate::columns::{side_number, size};
use crate::rules::Kept;

/// A rule, and the fingerprint of a key under it.
pub(super) type Key = (u16, Fingerprint);

/// The first holders of keys on either side.
pub(super) const HOLDERS: &str = "SELECT k.rule, k.fingerprint, s.side, h.record, h.archived
     FROM unnest($3::integer[], $4::bytea[]) k (rule, fingerprint)
     CROSS JOIN (VALUES (0::smallint), (1::smallint)) s (side)
     CROSS JOIN LATERAL (SELECT m.record, m.archived FROM match_keys m
         WHERE m.tenant = $1 AND m.mapping = $2 AND m.rule = k.rule
         AND m.fingerprint = k.fingerprint AND m.side = s.side AND m.side >= 0
         ORDER BY m.archived, m.record LIMIT $5) h
     ORDER BY h.archived, h.record";

/// The least rule under which another record that counts has the same key, by record: one that is
/// archived counts on the other side alone, and not if a tombstone names both.
pub(super) const SHARED: &str = "SELECT own.side, own.record, min(own.rule)
     FROM unnest($3::smallint[], $4::text[]) p (side, record)
     CROSS JOIN LATERAL (SELECT m.side, m.record, m.rule, m.fingerprint FROM match_keys m
         WHERE m.tenant = $1 AND m.mapping = $2 AND m.side = p.side AND m.record = p.record
         AND m.rule >= 0 OFFSET 0) own
     WHERE EXISTS (SELECT 1 FROM match_keys other
         WHERE other.tenant = $1 AND other.mapping = $2 AND other.rule = own.rule
         AND other.fingerprint = own.fingerprint AND other.side >= 0 AND NOT other.archived
         AND (other.side <> own.side OR other.record <> own.record) OFFSET 0)
     OR EXISTS (SELECT 1 FROM match_keys other
         WHERE other.tenant = $1 AND other.mapping = $2 AND other.rule = own.rule
         AND other.fingerprint = own.fingerprint AND other.side >= 0
         AND other.side <> own.side AND other.archived
         AND NOT EXISTS (SELECT 1 FROM links l
             WHERE l.tenant = $1 AND l.mapping = $2 AND l.status = 2
             AND l.source = CASE own.side WHEN 0 THEN own.record ELSE other.record END
             AND l.target = CASE own.side WHEN 0 THEN other.record ELSE own.record END OFFSET 0)
         OFFSET 0)
     GROUP BY own.side, own.record";

/// What was told of records' keys, and where the records are.
#[derive(Default)]
pub(super) struct Told<'a>(BTreeMap<(Side, &'a RecordId), (MatchKeys, Kept)>);

impl<'a> Told<'a> {
    /// What is told of a record after all that was told before.
    pub(super) fn tell(&mut self, side: Side, record: &'a RecordId, keys: &MatchKeys, kept: Kept) {
        let before = self.0.remove(&(side, record));
        let keys = before.map_or_else(|| keys.clone(), |(before, _)| keys.after(&before));
        self.0.insert((side, record), (keys, kept));
    }
}

/// Who has a key.
pub(super) type Holders = BTreeMap<(Key, Side), Vec<(RecordId, Kept)>>;

impl Ledger {
    /// Replaces records' match keys. Most records keep theirs, and reading is cheaper than writing.
    pub(super) async fn replace_keys(&self, told: &Told<'_>) -> Result<(), Fault> {
        if told.0.is_empty() {
            return Ok(());
        }
        let standing = self.standing_keys(&Places::from_refs(told.0.keys().copied())).await?;
        let (mut had, mut changed) = (Vec::new(), Vec::new());
        for (&(side, record), (keys, kept)) in &told.0 {
            let old = standing.get(&(side, record.clone())).map(Vec::as_slice).unwrap_or_default();
            let before = MatchKeys::from(old.iter().map(|(key, _)| *key).collect::<Vec<_>>());
            let wanted: BTreeMap<_, _> = keys.after(&before).valid.into_iter().collect();
            if !old.iter().copied().eq(wanted.iter().map(|(r, f)| ((*r, *f), *kept))) {
                had.extend((!old.is_empty()).then_some((side, record)));
                changed.push(((side, record), (wanted, *kept)));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let had = Places::from_refs(had);
        if !had.is_empty() {
            self.run(
                "DELETE FROM match_keys WHERE ctid = ANY(ARRAY(SELECT k.ctid
                     FROM unnest($3::smallint[], $4::text[]) p (side, record)
                     CROSS JOIN LATERAL (SELECT k.ctid FROM match_keys k
                         WHERE k.tenant = $1 AND k.mapping = $2
                         AND k.side = p.side AND k.record = p.record AND k.rule >= 0 OFFSET 0) k))",
                &[&had.sides, &had.records],
            )
            .await?;
        }
        let rows = changed.iter().flat_map(|((side, record), (keys, kept))| {
            keys.iter().map(move |(rule, print)| (*side, record, *rule, print, *kept))
        });
        let (mut sides, mut records, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        let (mut prints, mut archived) = (Vec::new(), Vec::new());
        for (side, record, rule, print, kept) in rows {
            sides.push(side_number(side));
            records.push(record.as_str());
            rules.push(i32::from(rule));
            prints.push(&print.0[..]);
            archived.push(kept == Kept::Archived);
        }
        self.run(
            "INSERT INTO match_keys (tenant, mapping, side, record, rule, fingerprint, archived)
             SELECT $1, $2, p.* FROM unnest($3::smallint[], $4::text[], $5::integer[], $6::bytea[],
                 $7::boolean[]) p",
            &[&sides, &records, &rules, &prints, &archived],
        )
        .await?;
        Ok(())
    }

    /// Notes that records are archived, or live again. They keep their keys.
    pub(super) async fn keep_as(&self, places: &Places<'_>, kept: Kept) -> Result<(), Fault> {
        if places.is_empty() {
            return Ok(());
        }
        self.run(
            "UPDATE match_keys SET archived = $5 WHERE ctid = ANY(ARRAY(SELECT k.ctid
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL (SELECT k.ctid FROM match_keys k
                     WHERE k.tenant = $1 AND k.mapping = $2
                     AND k.side = p.side AND k.record = p.record AND k.rule >= 0
                     AND k.archived <> $5 OFFSET 0) k))",
            &[&places.sides, &places.records, &(kept == Kept::Archived)],
        )
        .await?;
        Ok(())
    }

    async fn standing_keys(
        &self,
        places: &Places<'_>,
    ) -> Result<BTreeMap<(Side, RecordId), Vec<(Key, Kept)>>, Fault> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if places.is_empty() {
            return Ok(found);
        }
        let rows = self
            .rows(
                "SELECT p.side, p.record, k.rule, k.fingerprint, k.archived
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL (SELECT k.rule, k.fingerprint, k.archived FROM match_keys k
                     WHERE k.tenant = $1 AND k.mapping = $2
                     AND k.side = p.side AND k.record = p.record AND k.rule >= 0 OFFSET 0) k
                 ORDER BY k.rule",
                &[&places.sides, &places.records],
            )
            .await?;
        for row in &rows {
            found.entry(place(row, 0)?).or_default().push((key(row, 2)?, kept(row, 4)?));
        }
        Ok(found)
    }

    /// Records' match keys, in order of the rules.
    pub(super) async fn keys_of(
        &self,
        places: &Places<'_>,
    ) -> Result<BTreeMap<(Side, RecordId), Vec<Key>>, Fault> {
        let standing = self.standing_keys(places).await?;
        let keys = |all: Vec<(Key, Kept)>| all.into_iter().map(|(key, _)| key).collect();
        Ok(standing.into_iter().map(|(place, all)| (place, keys(all))).collect())
    }

    /// The first holders of keys on either side, live ones before archived ones.
    pub(super) async fn holders(&self, keys: &BTreeSet<Key>) -> Result<Holders, Fault> {
        let mut holders = Holders::new();
        if keys.is_empty() {
            return Ok(holders);
        }
        let (rules, prints) = key_arrays(keys);
        let most = size(Candidates::MOST_HOLDERS);
        for row in self.rows(HOLDERS, &[&rules, &prints, &most]).await? {
            let holder = (super::ledger::record(&row, 3)?, kept(&row, 4)?);
            holders.entry((key(&row, 0)?, side(&row, 2)?)).or_default().push(holder);
        }
        Ok(holders)
    }

    /// The least rule under which each record shares a key with another that counts.
    pub(super) async fn first_shared_rules(
        &self,
        places: &Places<'_>,
    ) -> Result<BTreeMap<(Side, RecordId), u16>, Fault> {
        if places.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self.rows(SHARED, &[&places.sides, &places.records]).await?;
        rows.iter().map(|row| Ok((place(row, 0)?, rule(row, 2)?))).collect()
    }
}

/// Keys as statements are given them.
pub(super) fn key_arrays<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<i32>, Vec<&'a [u8]>) {
    keys.into_iter().map(|(rule, print)| (i32::from(*rule), &print.0[..])).unzip()
}

fn rule(row: &Row, column: usize) -> Result<u16, Fault> {
    u16::try_from(row.try_get::<_, i32>(column)?).map_err(|_| Fault::damaged("number"))
}

/// A key in two columns.
pub(super) fn key(row: &Row, column: usize) -> Result<Key, Fault> {
    Ok((rule(row, column)?, Fingerprint(hash(row, column + 1)?)))
}

fn kept(row: &Row, column: usize) -> Result<Kept, Fault> {
    Ok(if row.try_get(column)? { Kept::Archived } else { Kept::Live })
}
