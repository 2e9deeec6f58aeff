//! Links, and the link of a record.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::codec::{decode_base, encode_base};
use fluxcascade_core::model::{Link, LinkId, LinkStatus, Linked, RecordId, Side, Sides};
use fluxcascade_core::store::LinkChange;
use tokio_postgres::Row;

use super::fault::Fault;
use super::ledger::{Gate, Ledger, Pass, Places, link_id, place, record};
use super::session::all_of;
use crate::columns::{ending, ending_number, side_number, size, status, status_number};
use crate::rules::{self, Kept};

/// Links by id.
const BY_ID: &str = "SELECT l.* FROM unnest($3::bytea[]) p (id) CROSS JOIN LATERAL
         (SELECT id, status, source, target, source_base, target_base, ending FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = p.id OFFSET 0) l";

/// Tombstones that name records of a side.
pub(super) const ENDED: Sides<&str> = Sides {
    source: "SELECT l.* FROM unnest($3::text[]) p (record) CROSS JOIN LATERAL
         (SELECT id, status, source, target, source_base, target_base, ending FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.status = 2 AND l.source = p.record
         OFFSET 0) l
     ORDER BY l.id",
    target: "SELECT l.* FROM unnest($3::text[]) p (record) CROSS JOIN LATERAL
         (SELECT id, status, source, target, source_base, target_base, ending FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.status = 2 AND l.target = p.record
         OFFSET 0) l
     ORDER BY l.id",
};

/// The links of a side's records, as others need to know them.
pub(super) const LINKED: &str = "SELECT p.record, l.id, l.status, l.source, l.target
     FROM unnest($4::text[]) p (record)
     CROSS JOIN LATERAL (SELECT d.link FROM linked d
         WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record = p.record
         OFFSET 0) d
     CROSS JOIN LATERAL (SELECT id, status, source, target FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l";

const PUT: &str = "INSERT INTO links (tenant, mapping, id, status, source, target, source_revision,
     target_revision, source_fingerprint, target_fingerprint, source_base, target_base, ending)
     SELECT $1, $2, p.* FROM unnest($3::bytea[], $4::smallint[], $5::text[], $6::text[],
         $7::bigint[], $8::bigint[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[],
         $13::smallint[]) p
     ON CONFLICT (tenant, mapping, id) DO UPDATE SET status = excluded.status,
     source = excluded.source, target = excluded.target,
     source_revision = excluded.source_revision, target_revision = excluded.target_revision,
     source_fingerprint = excluded.source_fingerprint,
     target_fingerprint = excluded.target_fingerprint,
     source_base = excluded.source_base, target_base = excluded.target_base,
     ending = excluded.ending";

/// Which link a record has now, if any.
type Pointer<'a> = ((Side, &'a RecordId), Option<LinkId>);

/// What of a link tells whose it is.
type Standing = (LinkStatus, Sides<RecordId>);

impl Ledger {
    pub(super) async fn links_by_id(
        &self,
        ids: impl IntoIterator<Item = &LinkId>,
    ) -> Result<BTreeMap<LinkId, Link>, Fault> {
        let ids = id_bytes(ids);
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self.rows(BY_ID, &[&ids]).await?;
        rows.iter().map(|row| read_link(row).map(|link| (link.id, link))).collect()
    }

    pub(super) async fn links_after(
        &self,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, Fault> {
        let rows = self
            .rows(
                "SELECT id, status, source, target, source_base, target_base, ending FROM links
                 WHERE tenant = $1 AND mapping = $2 AND id > $3 ORDER BY id LIMIT $4",
                &[&after_bytes(after), &size(limit)],
            )
            .await?;
        rows.iter().map(read_link).collect()
    }

    /// The links of records, unless those are tombstones.
    pub(super) async fn links_of(
        &self,
        places: &Places<'_>,
    ) -> Result<BTreeMap<(Side, RecordId), LinkId>, Fault> {
        if places.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self
            .rows(
                "SELECT p.side, p.record, d.link
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL (SELECT d.link FROM linked d
                     WHERE d.tenant = $1 AND d.mapping = $2
                     AND d.side = p.side AND d.record = p.record OFFSET 0) d",
                &[&places.sides, &places.records],
            )
            .await?;
        rows.iter().map(|row| Ok((place(row, 0)?, link_id(row, 2)?))).collect()
    }

    /// The same as others need to know them, in the order asked.
    pub(super) async fn linked(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, Fault> {
        let asked: Vec<&str> = records.iter().map(RecordId::as_str).collect();
        let mut found = BTreeMap::new();
        for row in self.rows(LINKED, &[&side_number(side), &asked]).await? {
            let partner = match side {
                Side::Source => record(&row, 4)?,
                Side::Target => record(&row, 3)?,
            };
            let (link, status) = (link_id(&row, 1)?, status(row.try_get(2)?)?);
            found.insert(record(&row, 0)?, Linked { link, status, partner });
        }
        Ok(records.iter().map(|record| found.get(record).cloned()).collect())
    }

    /// The tombstones that name records, in order of their ids.
    pub(super) async fn ended(
        &self,
        side: Side,
        records: &[&str],
    ) -> Result<BTreeMap<RecordId, Vec<Link>>, Fault> {
        let mut ended: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
        if records.is_empty() {
            return Ok(ended);
        }
        for row in self.rows(ENDED[side], &[&records]).await? {
            let link = read_link(&row)?;
            ended.entry(link.records[side].clone()).or_default().push(link);
        }
        Ok(ended)
    }

    /// Stores links, and wakes what waited for them. Records are given up before they are taken, so
    /// that links may swap them.
    pub(super) async fn change_links(&self, changes: &[LinkChange]) -> Result<(), Fault> {
        // The last change of a link is the one that counts.
        let links: BTreeMap<LinkId, &Link> =
            changes.iter().map(|change| (change.link.id, &change.link)).collect();
        if links.is_empty() {
            return Ok(());
        }
        let standing = self.standing_of(links.keys()).await?;
        let (mut given_up, mut taken) = (BTreeSet::new(), BTreeMap::new());
        let (mut activated, mut left) = (Vec::new(), Vec::new());
        for link in links.values() {
            let old = standing.get(&link.id);
            let now = (link.status, &link.records);
            let had = rules::left(old.map(|(_, records)| records), &link.records);
            left.extend(had.map(|place| (place, link.id)));
            activated.extend(rules::activated(old.map(|(s, records)| (*s, records)), now));
            let Move { from, to } = moves(old, link);
            given_up.extend(from);
            for (side, record) in to {
                if taken.insert((side, record), link.id).is_some() {
                    return Err(rules::linked_twice(side, record).into());
                }
            }
        }
        self.keep_former(&left).await?;
        self.give_up_records(&given_up).await?;
        // Statements about different tables are sent one behind the other, and waited for together.
        let (put, take) =
            futures::join!(self.put_links(links.values().copied()), self.take_records(&taken));
        all_of([put, take])?;
        let free = given_up.into_iter().filter(|place| !taken.contains_key(place));
        let free = free.map(|place| (place, None));
        let pointers = taken.iter().map(|(place, link)| (*place, Some(*link))).chain(free);
        let pointers: Vec<_> = pointers.collect();
        let activated = Places::from_refs(activated.iter().copied());
        let (entries, holds, live) = futures::join!(
            self.point_entries_at(&pointers),
            self.point_holds_at(&pointers),
            self.keep_as(&activated, Kept::Live)
        );
        all_of([entries, holds, live])?;
        if activated.is_empty() {
            return Ok(());
        }
        self.pass_gate(Gate::Waits, Pass::Shared).await?;
        self.wake(&activated).await
    }

    async fn standing_of(
        &self,
        ids: impl IntoIterator<Item = &LinkId>,
    ) -> Result<BTreeMap<LinkId, Standing>, Fault> {
        let rows = self
            .rows(
                "SELECT l.* FROM unnest($3::bytea[]) p (id) CROSS JOIN LATERAL
                     (SELECT id, status, source, target FROM links l
                     WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = p.id OFFSET 0) l",
                &[&id_bytes(ids)],
            )
            .await?;
        let read = |row: &Row| {
            let records = Sides::new(record(row, 2)?, record(row, 3)?);
            Ok((link_id(row, 0)?, (status(row.try_get(1)?)?, records)))
        };
        rows.iter().map(read).collect()
    }

    /// Remembers records that links had.
    async fn keep_former(&self, left: &[((Side, &RecordId), LinkId)]) -> Result<(), Fault> {
        if left.is_empty() {
            return Ok(());
        }
        let places = Places::from_refs(left.iter().map(|(place, _)| *place));
        let links = id_bytes(left.iter().map(|(_, link)| link));
        self.run(
            "INSERT INTO former (tenant, mapping, link, side, record)
             SELECT $1, $2, p.* FROM unnest($3::bytea[], $4::smallint[], $5::text[]) p
             ON CONFLICT DO NOTHING",
            &[&links, &places.sides, &places.records],
        )
        .await?;
        Ok(())
    }

    async fn give_up_records(&self, given_up: &BTreeSet<(Side, &RecordId)>) -> Result<(), Fault> {
        if given_up.is_empty() {
            return Ok(());
        }
        let places = Places::from_refs(given_up.iter().copied());
        self.run(
            "DELETE FROM linked WHERE ctid = ANY(ARRAY(SELECT d.ctid
                 FROM unnest($3::smallint[], $4::text[]) p (side, record)
                 CROSS JOIN LATERAL (SELECT d.ctid FROM linked d
                     WHERE d.tenant = $1 AND d.mapping = $2
                     AND d.side = p.side AND d.record = p.record OFFSET 0) d))",
            &[&places.sides, &places.records],
        )
        .await?;
        Ok(())
    }

    async fn take_records(&self, taken: &BTreeMap<(Side, &RecordId), LinkId>) -> Result<(), Fault> {
        if taken.is_empty() {
            return Ok(());
        }
        let places = Places::from_refs(taken.keys().copied());
        let links = id_bytes(taken.values());
        let given = self
            .run(
                "INSERT INTO linked (tenant, mapping, side, record, link)
                 SELECT $1, $2, p.* FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p
                 ON CONFLICT (tenant, mapping, side, record) DO NOTHING",
                &[&places.sides, &places.records, &links],
            )
            .await?;
        if given == taken.len() as u64 {
            return Ok(());
        }
        let have = self.links_of(&places).await?;
        let refused = taken.iter().find(|((side, record), link)| {
            have.get(&(*side, (*record).clone())).is_some_and(|has| has != *link)
        });
        match refused {
            Some(((side, record), _)) => Err(rules::linked_twice(*side, record).into()),
            // It has that very link already.
            None => Ok(()),
        }
    }

    /// Tells records' entries whose work they belong to.
    async fn point_entries_at(&self, pointers: &[Pointer<'_>]) -> Result<(), Fault> {
        self.point_at(
            pointers,
            "UPDATE inbox SET link = p.link FROM (SELECT i.ctid AS place, p.link
                 FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p (side, record, link)
                 CROSS JOIN LATERAL (SELECT i.ctid FROM inbox i
                     WHERE i.tenant = $1 AND i.mapping = $2
                     AND i.side = p.side AND i.record = p.record
                     AND i.link IS DISTINCT FROM p.link OFFSET 0) i) p
             WHERE inbox.ctid = p.place",
        )
        .await
    }

    /// The same for their holds.
    async fn point_holds_at(&self, pointers: &[Pointer<'_>]) -> Result<(), Fault> {
        self.point_at(
            pointers,
            "UPDATE holds SET link = p.link FROM (SELECT h.ctid AS place, p.link
                 FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p (side, record, link)
                 CROSS JOIN LATERAL (SELECT h.ctid FROM holds h
                     WHERE h.tenant = $1 AND h.mapping = $2 AND h.kind = 2 AND h.on_link = ''
                     AND h.side = p.side AND h.name = p.record
                     AND h.link IS DISTINCT FROM p.link FOR UPDATE) h) p
             WHERE holds.ctid = p.place",
        )
        .await
    }

    async fn point_at(&self, pointers: &[Pointer<'_>], sql: &str) -> Result<(), Fault> {
        if pointers.is_empty() {
            return Ok(());
        }
        let places = Places::from_refs(pointers.iter().map(|(place, _)| *place));
        let links: Vec<Option<&[u8]>> =
            pointers.iter().map(|(_, link)| link.as_ref().map(|link| &link.0[..])).collect();
        self.run(sql, &[&places.sides, &places.records, &links]).await?;
        Ok(())
    }

    async fn put_links(&self, links: impl Iterator<Item = &Link> + Clone) -> Result<(), Fault> {
        let text = |side: Side| links.clone().map(move |link| link.records[side].as_str());
        let revision = |side: Side| links.clone().map(move |l| i64::from(l.bases[side].revision));
        let print = |side: Side| {
            links.clone().map(move |l| l.bases[side].fingerprint.as_ref().map(|print| &print.0[..]))
        };
        let base = |side: Side| links.clone().map(move |link| encode_base(&link.bases[side]));
        self.run(
            PUT,
            &[
                &links.clone().map(|link| &link.id.0[..]).collect::<Vec<_>>(),
                &links.clone().map(|link| status_number(link.status)).collect::<Vec<_>>(),
                &text(Side::Source).collect::<Vec<_>>(),
                &text(Side::Target).collect::<Vec<_>>(),
                &revision(Side::Source).collect::<Vec<_>>(),
                &revision(Side::Target).collect::<Vec<_>>(),
                &print(Side::Source).collect::<Vec<_>>(),
                &print(Side::Target).collect::<Vec<_>>(),
                &base(Side::Source).collect::<Vec<_>>(),
                &base(Side::Target).collect::<Vec<_>>(),
                &links.clone().map(|link| link.ending.map(ending_number)).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// Which records a change of a link frees, and which it takes.
struct Move<'a> {
    from: Vec<(Side, &'a RecordId)>,
    to: Vec<(Side, &'a RecordId)>,
}

fn moves<'a>(old: Option<&'a Standing>, link: &'a Link) -> Move<'a> {
    let ends = link.status == LinkStatus::Tombstone;
    let all = |alive: bool, records: &'a Sides<RecordId>| {
        if alive { records.iter().collect() } else { Vec::new() }
    };
    match old {
        None => Move { from: Vec::new(), to: all(!ends, &link.records) },
        Some((was, records))
            if *records == link.records && (*was == LinkStatus::Tombstone) == ends =>
        {
            Move { from: Vec::new(), to: Vec::new() }
        }
        Some((was, records)) => Move {
            from: all(*was != LinkStatus::Tombstone, records),
            to: all(!ends, &link.records),
        },
    }
}

pub(super) fn read_link(row: &Row) -> Result<Link, Fault> {
    Ok(Link {
        id: link_id(row, 0)?,
        status: status(row.try_get(1)?)?,
        records: Sides::new(record(row, 2)?, record(row, 3)?),
        bases: Sides::new(decode_base(row.try_get(4)?)?, decode_base(row.try_get(5)?)?),
        ending: row.try_get::<_, Option<i16>>(6)?.map(ending).transpose()?,
    })
}

/// Ids as statements are given them.
pub(super) fn id_bytes<'a>(ids: impl IntoIterator<Item = &'a LinkId>) -> Vec<&'a [u8]> {
    ids.into_iter().map(|id| &id.0[..]).collect()
}

/// Where to go on after an id; the empty blob is before every id.
pub(super) fn after_bytes(after: Option<LinkId>) -> Vec<u8> {
    after.map(|id| id.0.to_vec()).unwrap_or_default()
}
