//! Holds: stored by key, found by link, by what they wait for, and by page.
//!
//! A hold may be changed by a call of another mapping, whose link it waits for. So whoever changes
//! holds locks their rows first, in the order of their keys, and decides by what it reads then.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Awaited, Hold, HoldKey, HoldReason, LinkId, RecordId, Side, Timestamp,
    Withheld,
};
use fluxcascade_core::store::Page;
use tokio_postgres::Row;

use super::fault::Fault;
use super::ledger::{Ledger, Places, link_id, place};
use super::links::id_bytes;
use super::session::Value;
use crate::columns::{HoldPlace, side_number, size};
use crate::rules;

/// Holds of links' work, in the order of their keys.
pub(super) const HOLDS_OF_LINKS: &str = "SELECT p.link, h.hold
     FROM unnest($3::bytea[]) p (link)
     CROSS JOIN LATERAL (SELECT h.kind, h.side, h.name, h.hold FROM holds h
         WHERE h.tenant = $1 AND h.mapping = $2 AND h.link = p.link OFFSET 0) h
     ORDER BY h.kind, h.side, h.name";

/// Holds that wait for links of a mapping, in all mappings of its tenant, and their locks.
pub(super) const AWAITING: &str = "SELECT h.mapping, h.hold
     FROM unnest($3::smallint[], $4::text[]) p (side, record)
     CROSS JOIN LATERAL (SELECT h.mapping, h.hold FROM holds h
         WHERE h.tenant = $1 AND h.waits_mapping = $2
         AND h.waits_side = p.side AND h.waits_record = p.record
         ORDER BY h.mapping, h.kind, h.on_link, h.side, h.name FOR UPDATE) h";

/// Which records have an active link, by their places in the question.
pub(super) const ACTIVE: &str = "SELECT p.place
     FROM unnest($2::text[], $3::smallint[], $4::text[]) WITH ORDINALITY
         p (mapping, side, record, place)
     CROSS JOIN LATERAL (SELECT m.number FROM mappings m
         WHERE m.tenant = $1 AND m.name = p.mapping OFFSET 0) m
     CROSS JOIN LATERAL (SELECT d.link FROM linked d
         WHERE d.tenant = $1 AND d.mapping = m.number
         AND d.side = p.side AND d.record = p.record OFFSET 0) d
     CROSS JOIN LATERAL (SELECT 1 FROM links l
         WHERE l.tenant = $1 AND l.mapping = m.number AND l.id = d.link AND l.status = 0
         OFFSET 0) l";

/// Holds of a reason, in key order.
pub(super) const OF_REASON: &str = "SELECT hold FROM holds
     WHERE tenant = $1 AND mapping = $2 AND reason = $3 AND reason <> ''
     ORDER BY kind, on_link, side, name LIMIT $4 OFFSET $5";

/// Holds by their keys, in key order.
pub(super) const OF_KEYS: &str = "SELECT h.hold
     FROM unnest($3::smallint[], $4::bytea[], $5::smallint[], $6::text[])
         p (kind, on_link, side, name)
     CROSS JOIN LATERAL (SELECT h.hold FROM holds h WHERE h.tenant = $1 AND h.mapping = $2
         AND h.kind = p.kind AND h.on_link = p.on_link AND h.side = p.side AND h.name = p.name
         OFFSET 0) h
     ORDER BY p.kind, p.on_link, p.side, p.name COLLATE \"C\"";

const LOCKED: &str = "SELECT h.hold
     FROM unnest($3::smallint[], $4::bytea[], $5::smallint[], $6::text[])
         p (kind, on_link, side, name)
     CROSS JOIN LATERAL (SELECT h.hold FROM holds h WHERE h.tenant = $1 AND h.mapping = $2
         AND h.kind = p.kind AND h.on_link = p.on_link AND h.side = p.side AND h.name = p.name
         FOR UPDATE) h";

/// Of holds that are locked.
const RELEASE: &str = "DELETE FROM holds WHERE ctid = ANY(ARRAY(SELECT h.ctid
     FROM unnest($3::smallint[], $4::bytea[], $5::smallint[], $6::text[])
         p (kind, on_link, side, name)
     CROSS JOIN LATERAL (SELECT h.ctid FROM holds h WHERE h.tenant = $1 AND h.mapping = $2
         AND h.kind = p.kind AND h.on_link = p.on_link AND h.side = p.side AND h.name = p.name
         OFFSET 0) h))";

const PUT: &str = "INSERT INTO holds (tenant, mapping, kind, on_link, side, name, link, not_before,
     reason, withheld, waits_mapping, waits_side, waits_record, hold)
     SELECT $1, $2, p.* FROM unnest($3::smallint[], $4::bytea[], $5::smallint[], $6::text[],
         $7::bytea[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::smallint[],
         $13::text[], $14::bytea[]) p
     ON CONFLICT (tenant, mapping, kind, on_link, side, name) DO UPDATE SET link = excluded.link,
     not_before = excluded.not_before, reason = excluded.reason, withheld = excluded.withheld,
     waits_mapping = excluded.waits_mapping, waits_side = excluded.waits_side,
     waits_record = excluded.waits_record, hold = excluded.hold";

/// What changed of holds that are locked and stay where they are; of any mapping of the tenant.
const REWRITE: &str = "UPDATE holds SET not_before = p.not_before, hold = p.hold
     FROM (SELECT h.ctid AS place, p.not_before, p.hold
         FROM unnest($2::integer[], $3::smallint[], $4::bytea[], $5::smallint[], $6::text[],
             $7::bigint[], $8::bytea[]) p (mapping, kind, on_link, side, name, not_before, hold)
         CROSS JOIN LATERAL (SELECT h.ctid FROM holds h
             WHERE h.tenant = $1 AND h.mapping = p.mapping AND h.kind = p.kind
             AND h.on_link = p.on_link AND h.side = p.side AND h.name = p.name OFFSET 0) h) p
     WHERE holds.ctid = p.place";

impl Ledger {
    /// Releases holds, then stores others in place of those with their keys. One that waits for a
    /// link which is active is due: nothing will wake it later.
    pub(super) async fn change_holds(
        &self,
        released: &[HoldKey],
        put: &[Hold],
    ) -> Result<(), Fault> {
        if released.is_empty() && put.is_empty() {
            return Ok(());
        }
        let touched = released.iter().chain(put.iter().map(|hold| &hold.key));
        let mut holds = self.locked_holds(touched).await?;
        let freed = HoldPlaces::of(released);
        if !freed.is_empty() {
            let HoldPlaces { kinds, on_links, sides, names } = &freed;
            self.run(RELEASE, &[kinds, on_links, sides, names]).await?;
        }
        for key in released {
            holds.remove(key);
        }
        let active = self.active(put.iter().filter_map(|hold| hold.waits_for.as_ref())).await?;
        let mut stored: BTreeMap<&HoldKey, Hold> = BTreeMap::new();
        for hold in put {
            let old = stored.get(&hold.key).or_else(|| holds.get(&hold.key));
            let renewed = rules::renewed(old, hold);
            let due = renewed.waits_for.as_ref().is_some_and(|awaited| active.contains(awaited));
            stored.insert(&hold.key, if due { rules::woken(renewed) } else { renewed });
        }
        self.store_holds(&stored.into_values().collect::<Vec<_>>()).await
    }

    /// Which of these records have an active link.
    async fn active(
        &self,
        awaited: impl Iterator<Item = &Awaited>,
    ) -> Result<BTreeSet<Awaited>, Fault> {
        let awaited: Vec<&Awaited> = awaited.collect();
        if awaited.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mappings: Vec<&str> = awaited.iter().map(|of| of.mapping.as_str()).collect();
        let places = Places::from_refs(awaited.iter().map(|of| (of.side, &of.record)));
        let values: [Value<'_>; 4] = [&self.tenant, &mappings, &places.sides, &places.records];
        let rows = self.session.rows(ACTIVE, &values).await?;
        let mut active = BTreeSet::new();
        for row in &rows {
            let place = usize::try_from(row.try_get::<_, i64>(0)? - 1);
            let found = place.ok().and_then(|place| awaited.get(place));
            active.extend(found.map(|of| (*of).clone()));
        }
        Ok(active)
    }

    /// Holds of this mapping, which nobody else changes until the call ends.
    async fn locked_holds(
        &self,
        keys: impl IntoIterator<Item = &HoldKey>,
    ) -> Result<BTreeMap<HoldKey, Hold>, Fault> {
        let in_order: BTreeSet<&HoldKey> = keys.into_iter().collect();
        let HoldPlaces { kinds, on_links, sides, names } = HoldPlaces::of(in_order);
        let rows = self.rows(LOCKED, &[&kinds, &on_links, &sides, &names]).await?;
        rows.iter().map(|row| read_hold(row, 0).map(|hold| (hold.key.clone(), hold))).collect()
    }

    async fn store_holds(&self, holds: &[Hold]) -> Result<(), Fault> {
        if holds.is_empty() {
            return Ok(());
        }
        let on_records: Vec<_> = holds.iter().filter_map(|hold| record_of(&hold.key)).collect();
        let linked = self.links_of(&Places::from_refs(on_records)).await?;
        let links: Vec<Option<LinkId>> = holds
            .iter()
            .map(|hold| match &hold.key {
                HoldKey::Pair(link, _) | HoldKey::Link(link) => Some(*link),
                HoldKey::Record(side, record) => linked.get(&(*side, record.clone())).copied(),
            })
            .collect();
        let HoldPlaces { kinds, on_links, sides, names } =
            HoldPlaces::of(holds.iter().map(|hold| &hold.key));
        let awaited = |hold: &Hold| hold.waits_for.clone();
        self.run(
            PUT,
            &[
                &kinds,
                &on_links,
                &sides,
                &names,
                &links.iter().map(|l| l.as_ref().map(|link| &link.0[..])).collect::<Vec<_>>(),
                &holds.iter().map(due_micros).collect::<Vec<_>>(),
                &holds.iter().map(|hold| hold.reason.word()).collect::<Vec<_>>(),
                &holds.iter().map(|h| h.held_back().map(Withheld::word)).collect::<Vec<_>>(),
                &holds
                    .iter()
                    .map(|hold| awaited(hold).map(|of| String::from(of.mapping)))
                    .collect::<Vec<_>>(),
                &holds
                    .iter()
                    .map(|h| awaited(h).map(|of| side_number(of.side)))
                    .collect::<Vec<_>>(),
                &holds
                    .iter()
                    .map(|hold| awaited(hold).map(|of| String::from(of.record)))
                    .collect::<Vec<_>>(),
                &holds.iter().map(encode::<Hold>).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Makes holds due that wait for records' links in this mapping, in whichever mapping they are, and
    /// the other mappings that have them.
    pub(super) async fn wake(&self, places: &Places<'_>) -> Result<(), Fault> {
        let name = self.name.as_str();
        let values: [Value<'_>; 4] = [&self.tenant, &name, &places.sides, &places.records];
        let rows = self.session.rows(AWAITING, &values).await?;
        let woken = |row: &Row| Ok((row.try_get(0)?, rules::woken(read_hold(row, 1)?)));
        let woken: Vec<(i32, Hold)> = rows.iter().map(woken).collect::<Result<_, Fault>>()?;
        self.rewrite(&woken).await?;
        let others = woken.into_iter().map(|(mapping, _)| mapping).filter(|of| *of != self.mapping);
        self.make_others_due(&others.collect()).await
    }

    pub(super) async fn answer(&self, answers: &[AnswerTo]) -> Result<Vec<AnswerOutcome>, Fault> {
        let mut holds = self.locked_holds(answers.iter().map(|to| &to.hold)).await?;
        let mut changed = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(answers.len());
        for to in answers {
            let (outcome, hold) = rules::answered(holds.get(&to.hold).cloned(), to);
            if let Some(hold) = hold {
                holds.insert(to.hold.clone(), hold.clone());
                changed.insert(&to.hold, (self.mapping, hold));
            }
            outcomes.push(outcome);
        }
        if !changed.is_empty() {
            self.make_due().await?;
        }
        self.rewrite(&changed.into_values().collect::<Vec<_>>()).await?;
        Ok(outcomes)
    }

    async fn rewrite(&self, holds: &[(i32, Hold)]) -> Result<(), Fault> {
        if holds.is_empty() {
            return Ok(());
        }
        let HoldPlaces { kinds, on_links, sides, names } =
            HoldPlaces::of(holds.iter().map(|(_, hold)| &hold.key));
        self.session
            .run(
                REWRITE,
                &[
                    &self.tenant,
                    &holds.iter().map(|(mapping, _)| *mapping).collect::<Vec<_>>(),
                    &kinds,
                    &on_links,
                    &sides,
                    &names,
                    &holds.iter().map(|(_, hold)| due_micros(hold)).collect::<Vec<_>>(),
                    &holds.iter().map(|(_, hold)| encode(hold)).collect::<Vec<_>>(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Holds on links, their pairs and their records, in key order.
    pub(super) async fn holds_of_links(
        &self,
        links: impl IntoIterator<Item = &LinkId>,
    ) -> Result<BTreeMap<LinkId, Vec<Hold>>, Fault> {
        let mut holds: BTreeMap<LinkId, Vec<Hold>> = BTreeMap::new();
        let links = id_bytes(links);
        if links.is_empty() {
            return Ok(holds);
        }
        for row in self.rows(HOLDS_OF_LINKS, &[&links]).await? {
            holds.entry(link_id(&row, 0)?).or_default().push(read_hold(&row, 1)?);
        }
        Ok(holds)
    }

    /// Holds on records.
    pub(super) async fn holds_of_records(
        &self,
        places: &Places<'_>,
    ) -> Result<BTreeMap<(Side, RecordId), Hold>, Fault> {
        if places.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self
            .rows(
                "SELECT p.side, p.record, h.hold
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL (SELECT h.hold FROM holds h
                     WHERE h.tenant = $1 AND h.mapping = $2 AND h.kind = 2
                     AND h.on_link = '' AND h.side = p.side AND h.name = p.record OFFSET 0) h",
                &[&places.sides, &places.records],
            )
            .await?;
        rows.iter().map(|row| Ok((place(row, 0)?, read_hold(row, 2)?))).collect()
    }

    pub(super) async fn holds(&self, page: &Page) -> Result<Vec<Hold>, Fault> {
        if let Some(keys) = &page.holds {
            let keys: BTreeSet<_> = keys.iter().collect();
            let HoldPlaces { kinds, on_links, sides, names } = HoldPlaces::of(keys);
            let rows = self.rows(OF_KEYS, &[&kinds, &on_links, &sides, &names]).await?;
            let found = rows.iter().map(|row| read_hold(row, 0));
            return Ok(rules::page_of(page, found.collect::<Result<Vec<_>, _>>()?));
        }
        let (limit, skip) = (size(page.limit), size(page.skip));
        let rows = if let Some(reason) = page.reason.map(HoldReason::word) {
            self.rows(OF_REASON, &[&reason, &limit, &skip]).await?
        } else {
            let sql = "SELECT hold FROM holds WHERE tenant = $1 AND mapping = $2
                 ORDER BY kind, on_link, side, name LIMIT $3 OFFSET $4";
            self.rows(sql, &[&limit, &skip]).await?
        };
        rows.iter().map(|row| read_hold(row, 0)).collect()
    }
}

/// The keys of holds as columns, which sort as the keys do.
struct HoldPlaces<'a> {
    kinds: Vec<i16>,
    on_links: Vec<&'a [u8]>,
    sides: Vec<i16>,
    names: Vec<&'a str>,
}

impl<'a> HoldPlaces<'a> {
    fn of(keys: impl IntoIterator<Item = &'a HoldKey>) -> Self {
        let mut all =
            Self { kinds: Vec::new(), on_links: Vec::new(), sides: Vec::new(), names: Vec::new() };
        for key in keys {
            let HoldPlace { kind, on_link, side, name } = HoldPlace::of(key);
            all.kinds.push(kind);
            all.on_links.push(on_link);
            all.sides.push(side);
            all.names.push(name);
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

fn record_of(key: &HoldKey) -> Option<(Side, &RecordId)> {
    match key {
        HoldKey::Record(side, record) => Some((*side, record)),
        HoldKey::Pair(..) | HoldKey::Link(_) => None,
    }
}

fn due_micros(hold: &Hold) -> Option<i64> {
    rules::due_since(hold).map(Timestamp::micros)
}

fn read_hold(row: &Row, column: usize) -> Result<Hold, Fault> {
    Ok(decode("hold", row.try_get(column)?)?)
}
