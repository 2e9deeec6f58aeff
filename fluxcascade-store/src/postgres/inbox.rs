//! Pages and hints into the inbox, and entries out of it.
//!
//! A page is taken in by a few statements: what is known of all its records is read first, then
//! decided row by row, then written together.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{
    ConnectionName, Fingerprint, InboxEntry, LinkId, ObjectType, Observation, RecordId, Side,
    TenantId, Timestamp,
};
use fluxcascade_core::store::{Hint, InboxMark, Intake, IntakeRow, Lease, Requeue, Taken};
use tokio_postgres::Row;

use super::fault::Fault;
use super::forgotten;
use super::keys::Told;
use super::ledger::{Ledger, Places, hash_or_none, link_id, place, record, small, time};
use super::session::Session;
use super::sweep::Marks;
use crate::columns::{int, natural, side_number, status};
use crate::rules::{self, BaseMark, Ground, Held, Kept};

/// What rows of a side's records are compared with.
pub(super) const BASE_MARKS: fluxcascade_core::model::Sides<&str> =
    fluxcascade_core::model::Sides {
        source: "SELECT p.record, d.link, l.status, l.revision, l.fingerprint
     FROM unnest($4::text[]) p (record)
     CROSS JOIN LATERAL (SELECT d.link FROM linked d
         WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record = p.record
         OFFSET 0) d
     CROSS JOIN LATERAL (SELECT l.status, l.source_revision AS revision,
             l.source_fingerprint AS fingerprint
         FROM links l WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l",
        target: "SELECT p.record, d.link, l.status, l.revision, l.fingerprint
     FROM unnest($4::text[]) p (record)
     CROSS JOIN LATERAL (SELECT d.link FROM linked d
         WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record = p.record
         OFFSET 0) d
     CROSS JOIN LATERAL (SELECT l.status, l.target_revision AS revision,
             l.target_fingerprint AS fingerprint
         FROM links l WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l",
    };

/// An entry points to its record's link from the first.
const ENTER: &str = "INSERT INTO inbox (tenant, mapping, side, record, sequence, revision,
     not_before, attempts, observation, link)
     SELECT $1, $2, p.side, p.record, p.sequence, p.revision, p.not_before, p.attempts,
         p.observation, (SELECT d.link FROM linked d WHERE d.tenant = $1 AND d.mapping = $2
             AND d.side = p.side AND d.record = p.record)
     FROM unnest($3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
         $8::bigint[], $9::bytea[])
         p (side, record, sequence, revision, not_before, attempts, observation)
     ON CONFLICT (tenant, mapping, side, record) DO UPDATE SET sequence = excluded.sequence,
     revision = excluded.revision, not_before = excluded.not_before,
     attempts = excluded.attempts, observation = excluded.observation";

/// Entries by record.
pub(super) type Entries = BTreeMap<(Side, RecordId), InboxEntry>;

/// What is known of a page's records before it is taken in.
struct Known {
    entries: Entries,
    marks: BTreeMap<RecordId, (LinkId, BaseMark)>,
    held: BTreeSet<LinkId>,
}

impl Known {
    /// Whether a row tells nothing new.
    fn knows(&self, row: &IntakeRow, revision: u32) -> bool {
        let mark = self.marks.get(&row.observation.record);
        let held = mark.is_some_and(|(link, _)| self.held.contains(link));
        let held = if held { Held::Yes } else { Held::No };
        rules::is_known(&Ground { link: mark.map(|(_, mark)| mark), held }, row, revision)
    }
}

impl Ledger {
    /// The page but for the records that were forgotten.
    pub(super) async fn without_forgotten<'a>(
        &self,
        lease: &Lease,
        page: &'a Intake,
    ) -> Result<Cow<'a, Intake>, Fault> {
        let end = (&page.feed_key.connection, &page.feed_key.object);
        let records = page.rows.iter().map(|row| &row.observation.record);
        let tenant = &lease.mapping.tenant;
        let mut forgotten = forgotten::among(&self.session, tenant, end, records).await?;
        let creates = forgotten::creates(&self.session, &lease.mapping, page).await?;
        let mut spent: BTreeSet<[u8; 16]> = BTreeSet::new();
        for record in page.rows.iter().map(|row| &row.observation.record) {
            let keys = creates.get(record).into_iter().flatten();
            let keys: Vec<_> = keys.filter(|key| !spent.contains(*key)).copied().collect();
            let known = keys.is_empty() || forgotten.contains(record);
            if known || !self.is_new(page.side, record).await? {
                continue;
            }
            // It is what a forgotten record's create has made: one record for each create.
            self.remove_new(page.side, record).await?;
            forgotten::replace(&self.session, tenant, &keys, end, record).await?;
            forgotten.insert(record.clone());
            spent.extend(keys);
        }
        if forgotten.is_empty() {
            return Ok(Cow::Borrowed(page));
        }
        let known = page.rows.iter().filter(|row| !forgotten.contains(&row.observation.record));
        let rows = known.cloned().collect();
        Ok(Cow::Owned(Intake { rows, ..page.clone() }))
    }

    pub(super) async fn intake(&self, page: &Intake) -> Result<Taken, Fault> {
        if rules::begins(page.sweep) {
            self.begin_sweep(page.side).await?;
        }
        let marks =
            if rules::shows(page.sweep) { self.marks(page.side).await? } else { Marks::None };
        self.replace_keys(&told_keys(page)).await?;
        let (entries, mut taken) = self.take_in(page).await?;
        self.enter(&entries).await?;
        if marks == Marks::Kept {
            let shown: BTreeSet<&RecordId> =
                page.rows.iter().map(|row| &row.observation.record).collect();
            self.mark(page.side, &shown).await?;
        }
        let mut sequence = self.sequence + taken.entered;
        if rules::ends(page.sweep) && marks == Marks::Kept {
            taken.missed = self.end_sweep(page.side, sequence).await?;
            sequence += taken.missed;
        }
        self.set_numbers(sequence, self.places).await?;
        self.set_feed(&page.feed_key, page.side, &page.feed).await?;
        Ok(taken)
    }

    /// The entries that a page makes or replaces.
    async fn take_in(&self, page: &Intake) -> Result<(Entries, Taken), Fault> {
        let mut known = self.known(page).await?;
        let (mut changed, mut taken) = (Entries::new(), Taken::default());
        for row in &page.rows {
            let place = (page.side, row.observation.record.clone());
            let entry = known.entries.get(&place);
            if entry.is_none() && known.knows(row, page.revision) {
                continue;
            }
            let sequence = self.sequence + taken.entered + 1;
            if let Some(entry) = rules::listed(entry, row, page.revision, sequence) {
                taken.entered += 1;
                known.entries.insert(place.clone(), entry.clone());
                changed.insert(place, entry);
            }
        }
        Ok((changed, taken))
    }

    async fn known(&self, page: &Intake) -> Result<Known, Fault> {
        let records: BTreeSet<&RecordId> =
            page.rows.iter().map(|row| &row.observation.record).collect();
        let mut known =
            Known { entries: Entries::new(), marks: BTreeMap::new(), held: BTreeSet::new() };
        if records.is_empty() {
            return Ok(known);
        }
        let places = Places::from_refs(records.iter().map(|record| (page.side, *record)));
        known.entries = self.entries(&places).await?;
        let rows =
            self.rows(BASE_MARKS[page.side], &[&side_number(page.side), &places.records]).await?;
        for row in &rows {
            let mark = BaseMark {
                status: status(row.try_get(2)?)?,
                revision: small(row, 3)?,
                fingerprint: hash_or_none(row, 4)?.map(Fingerprint),
            };
            known.marks.insert(record(row, 0)?, (link_id(row, 1)?, mark));
        }
        // What waits is asked only of links whose rows would be dropped else.
        let dropped = page.rows.iter().filter(|row| known.knows(row, page.revision));
        let dropped = dropped.filter_map(|row| known.marks.get(&row.observation.record));
        let dropped: BTreeSet<LinkId> = dropped.map(|(link, _)| *link).collect();
        known.held = self.held(&dropped).await?;
        Ok(known)
    }

    pub(super) async fn entries(&self, places: &Places<'_>) -> Result<Entries, Fault> {
        if places.is_empty() {
            return Ok(Entries::new());
        }
        let rows = self
            .rows(
                "SELECT p.side, p.record, i.*
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL
                     (SELECT sequence, revision, not_before, attempts, observation FROM inbox i
                     WHERE i.tenant = $1 AND i.mapping = $2
                     AND i.side = p.side AND i.record = p.record OFFSET 0) i",
                &[&places.sides, &places.records],
            )
            .await?;
        rows.iter().map(|row| Ok((place(row, 0)?, read_entry(row)?))).collect()
    }

    pub(super) async fn enter(&self, entries: &Entries) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let places = Places::of(entries.keys());
        let observations: Vec<Option<Vec<u8>>> = entries
            .values()
            .map(|entry| entry.observation.as_ref().map(encode::<Observation>))
            .collect();
        self.run(
            ENTER,
            &[
                &places.sides,
                &places.records,
                &entries.values().map(|entry| int(entry.sequence)).collect::<Vec<_>>(),
                &entries.values().map(|entry| i64::from(entry.revision)).collect::<Vec<_>>(),
                &entries
                    .values()
                    .map(|entry| entry.not_before.map(Timestamp::micros))
                    .collect::<Vec<_>>(),
                &entries.values().map(|entry| i64::from(entry.attempts)).collect::<Vec<_>>(),
                &observations,
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn clear(&self, marks: &[InboxMark]) -> Result<(), Fault> {
        if marks.is_empty() {
            return Ok(());
        }
        let places = Places::from_refs(marks.iter().map(|mark| (mark.side, &mark.record)));
        let sequences: Vec<i64> = marks.iter().map(|mark| int(mark.sequence)).collect();
        self.run(
            "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT i.ctid
                 FROM unnest($3::smallint[], $4::text[], $5::bigint[]) p (side, record, sequence)
                 CROSS JOIN LATERAL (SELECT i.ctid FROM inbox i
                     WHERE i.tenant = $1 AND i.mapping = $2
                     AND i.side = p.side AND i.record = p.record
                     AND i.sequence = p.sequence OFFSET 0) i))",
            &[&places.sides, &places.records, &sequences],
        )
        .await?;
        Ok(())
    }

    /// Says how many entries were made or replaced.
    pub(super) async fn requeue(&self, requeued: &[Requeue]) -> Result<u64, Fault> {
        let places: BTreeSet<_> = requeued.iter().map(|r| (r.side, &r.record)).collect();
        let mut entries = self.entries(&Places::from_refs(places)).await?;
        let mut sequence = self.sequence;
        let mut changed = Entries::new();
        for requeue in requeued {
            sequence += 1;
            let place = (requeue.side, requeue.record.clone());
            let entry = rules::requeued(entries.get(&place), requeue, sequence);
            entries.insert(place.clone(), entry.clone());
            changed.insert(place, entry);
        }
        self.enter(&changed).await?;
        Ok(sequence - self.sequence)
    }

    async fn hint(&self, hints: &[(Side, &Hint)]) -> Result<(), Fault> {
        let mut sequence = self.sequence;
        let mut entries = Entries::new();
        for (side, hint) in hints {
            sequence += 1;
            entries.insert((*side, hint.record.clone()), rules::hinted(hint, sequence));
        }
        self.enter(&entries).await?;
        self.set_numbers(sequence, self.places).await
    }
}

/// What a page tells of its records' keys.
fn told_keys(page: &Intake) -> Told<'_> {
    let mut told = Told::default();
    for row in &page.rows {
        if let Some(keys) = &row.keys {
            told.tell(page.side, &row.observation.record, keys, Kept::of(row));
        }
    }
    told
}

/// Puts hints into the inboxes of all mappings that read their object types. The mappings are
/// locked in order, so that two such calls do not wait for each other.
pub(super) async fn notify(session: Arc<Session>, hints: &[Hint]) -> Result<(), Fault> {
    let mut by_tenant: BTreeMap<&TenantId, Vec<&Hint>> = BTreeMap::new();
    for hint in hints {
        by_tenant.entry(&hint.tenant).or_default().push(hint);
    }
    for (tenant, hints) in by_tenant {
        let mut by_mapping: BTreeMap<String, Vec<(Side, &Hint)>> = BTreeMap::new();
        for (place, mapping, side) in readers(&session, tenant, &hints).await? {
            let hint = hints.get(place).ok_or_else(|| Fault::damaged("place of a hint"))?;
            by_mapping.entry(mapping).or_default().push((side, hint));
        }
        for (mapping, hints) in by_mapping {
            let mapping = fluxcascade_core::model::MappingName::new(mapping)
                .map_err(|_| Fault::damaged("mapping name"))?;
            let key = fluxcascade_core::model::MappingKey { tenant: tenant.clone(), mapping };
            let Some(ledger) = Ledger::find(&session, &key).await? else { continue };
            // Under the mapping's lock: a record that was being forgotten is forgotten by now.
            let hints = not_forgotten(&session, tenant, hints).await?;
            if !hints.is_empty() {
                ledger.hint(&hints).await?;
                ledger.make_due().await?;
            }
        }
    }
    Ok(())
}

/// The hints of a tenant whose records are not forgotten.
async fn not_forgotten<'a>(
    session: &Arc<Session>,
    tenant: &TenantId,
    hints: Vec<(Side, &'a Hint)>,
) -> Result<Vec<(Side, &'a Hint)>, Fault> {
    let mut by_end: BTreeMap<(&ConnectionName, &ObjectType), Vec<&RecordId>> = BTreeMap::new();
    for (_, hint) in &hints {
        by_end.entry((&hint.connection, &hint.object)).or_default().push(&hint.record);
    }
    let mut forgotten = BTreeMap::new();
    for (end, records) in by_end {
        forgotten.insert(end, forgotten::among(session, tenant, end, records.into_iter()).await?);
    }
    let is_kept = |(_, hint): &(Side, &Hint)| {
        let of_end = forgotten.get(&(&hint.connection, &hint.object));
        !of_end.is_some_and(|records| records.contains(&hint.record))
    };
    Ok(hints.into_iter().filter(is_kept).collect())
}

/// Who reads the object types of hints: the hint's place, the mapping and the side.
async fn readers(
    session: &Session,
    tenant: &TenantId,
    hints: &[&Hint],
) -> Result<Vec<(usize, String, Side)>, Fault> {
    let connections: Vec<&str> = hints.iter().map(|hint| hint.connection.as_str()).collect();
    let objects: Vec<&str> = hints.iter().map(|hint| hint.object.as_str()).collect();
    let rows = session
        .rows(
            "SELECT h.place, m.name, f.sides
             FROM unnest($2::text[], $3::text[]) WITH ORDINALITY h (connection, object, place)
             JOIN feeds f ON f.tenant = $1 AND f.connection = h.connection AND f.object = h.object
                 AND f.object <> ''
             JOIN mappings m ON m.tenant = $1 AND m.number = f.mapping
             ORDER BY h.place",
            &[&tenant.as_str(), &connections, &objects],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let place = usize::try_from(row.try_get::<_, i64>(0)? - 1);
        let place = place.map_err(|_| Fault::damaged("number"))?;
        let sides: i16 = row.try_get(2)?;
        let read = Side::BOTH.into_iter().filter(|side| sides & (1 << side.number()) != 0);
        for side in read {
            found.push((place, row.try_get(1)?, side));
        }
    }
    Ok(found)
}

pub(super) fn read_entry(row: &Row) -> Result<InboxEntry, Fault> {
    let observation: Option<&[u8]> = row.try_get(6)?;
    Ok(InboxEntry {
        record: record(row, 1)?,
        sequence: natural(row.try_get(2)?)?,
        revision: small(row, 3)?,
        not_before: time(row, 4)?,
        attempts: small(row, 5)?,
        observation: observation.map(|bytes| decode("observation", bytes)).transpose()?,
    })
}
