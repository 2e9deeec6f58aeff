//! Links, the link of a record, and match keys.

use std::collections::BTreeMap;

use fluxcascade_core::codec::decode_base;
use fluxcascade_core::model::{
    Fingerprint, Link, LinkId, LinkStatus, Linked, MatchKeys, RecordId, Side, Sides,
};
use rusqlite::{Row, params};

use super::encoded::EncodedLink;
use super::fault::Fault;
use super::ledger::{Ledger, blob, link_id, record};
use crate::columns::{ending, ending_number, size, status, status_number};
use crate::rules::{self, BaseMark, Kept};

const COLUMNS: &str = "id, status, source, target, source_base, target_base, ending";

/// Tombstones that name a record of a side.
pub(super) const ENDED: Sides<&str> = Sides {
    source: "SELECT id, status, source, target, source_base, target_base, ending FROM links
     WHERE mapping = ?1 AND status = 2 AND source = ?2 ORDER BY id",
    target: "SELECT id, status, source, target, source_base, target_base, ending FROM links
     WHERE mapping = ?1 AND status = 2 AND target = ?2 ORDER BY id",
};

/// A record's link, as others need to know it.
pub(super) const LINKED: &str = "SELECT l.id, l.status, l.source, l.target FROM linked d
     CROSS JOIN links l ON l.mapping = d.mapping AND l.id = d.link
     WHERE d.mapping = ?1 AND d.side = ?2 AND d.record = ?3";

const PUT: &str = "INSERT INTO links (mapping, id, status, source, target, source_revision,
     target_revision, source_fingerprint, target_fingerprint, source_base, target_base, ending)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
     ON CONFLICT (mapping, id) DO UPDATE SET status = excluded.status,
     source = excluded.source, target = excluded.target,
     source_revision = excluded.source_revision, target_revision = excluded.target_revision,
     source_fingerprint = excluded.source_fingerprint,
     target_fingerprint = excluded.target_fingerprint,
     source_base = excluded.source_base, target_base = excluded.target_base,
     ending = excluded.ending";

const KEEP_AS: &str = "UPDATE match_keys SET archived = ?4
     WHERE mapping = ?1 AND side = ?2 AND record = ?3 AND archived <> ?4";

/// What is told that a record has another link: statements for those of its rows that there may be.
struct Pointers {
    entries: Option<&'static str>,
    holds: Option<&'static str>,
}

/// A link's status and records.
type Standing<'a> = (LinkStatus, &'a Sides<RecordId>);

/// The same as it was read.
type Stood = (LinkStatus, Sides<RecordId>);

/// Whether a link keeps its records, or has none before and after.
fn stays(old: Option<Standing<'_>>, (status, records): Standing<'_>) -> bool {
    let ends = |status| status == LinkStatus::Tombstone;
    old.is_some_and(|(was, had)| had == records && ends(was) == ends(status))
}

/// A record that a link had.
const LEFT: &str =
    "INSERT OR IGNORE INTO former (mapping, link, side, record) VALUES (?1, ?2, ?3, ?4)";

/// The records that a link has: a tombstone has none.
fn live(link: Option<Standing<'_>>) -> impl Iterator<Item = (Side, &RecordId)> {
    let live = link.filter(|(status, _)| *status != LinkStatus::Tombstone);
    live.into_iter().flat_map(|(_, records)| records.iter())
}

impl Ledger<'_> {
    pub(super) fn link(&self, id: LinkId) -> Result<Option<Link>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM links WHERE mapping = ?1 AND id = ?2");
        self.one(&sql, params![self.mapping, id.0], read_link)
    }

    pub(super) fn links_after(
        &self,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, Fault> {
        let sql = format!(
            "SELECT {COLUMNS} FROM links WHERE mapping = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
        );
        self.all(&sql, params![self.mapping, id_bytes(after), size(limit)], read_link)
    }

    /// The link of a record, unless that is a tombstone.
    pub(super) fn linked(&self, side: Side, record: &RecordId) -> Result<Option<LinkId>, Fault> {
        self.one(
            "SELECT link FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3",
            params![self.mapping, side.number(), record.as_str()],
            |row| link_id(row, 0),
        )
    }

    /// The same as others need to know it.
    pub(super) fn linked_as(&self, side: Side, of: &RecordId) -> Result<Option<Linked>, Fault> {
        self.one(LINKED, params![self.mapping, side.number(), of.as_str()], |row| {
            Ok(Linked {
                link: link_id(row, 0)?,
                status: status(row.get(1)?)?,
                partner: match side {
                    Side::Source => record(row, 3)?,
                    Side::Target => record(row, 2)?,
                },
            })
        })
    }

    /// The tombstones that name a record, in order of their ids.
    pub(super) fn ended(&self, side: Side, record: &RecordId) -> Result<Vec<Link>, Fault> {
        self.all(ENDED[side], params![self.mapping, record.as_str()], read_link)
    }

    /// What a row of a record is compared with.
    pub(super) fn base_mark(&self, id: LinkId, side: Side) -> Result<Option<BaseMark>, Fault> {
        let sql = match side {
            Side::Source => {
                "SELECT status, source_revision, source_fingerprint FROM links WHERE mapping = ?1 AND id = ?2"
            }
            Side::Target => {
                "SELECT status, target_revision, target_fingerprint FROM links WHERE mapping = ?1 AND id = ?2"
            }
        };
        self.one(sql, params![self.mapping, id.0], |row| {
            let fingerprint: Option<[u8; 16]> = row.get(2)?;
            Ok(BaseMark {
                status: status(row.get(0)?)?,
                revision: row.get(1)?,
                fingerprint: fingerprint.map(Fingerprint),
            })
        })
    }

    /// Stores links, and wakes what waited for them: whether another mapping is due now. Records are
    /// given up before they are taken, so that links may swap them.
    pub(super) fn change_links(&self, changes: &[EncodedLink]) -> Result<bool, Fault> {
        // The last change of a link is the one that counts.
        let links: BTreeMap<LinkId, &EncodedLink> =
            changes.iter().map(|link| (link.id, link)).collect();
        let (mut freed, mut taken, mut activated) = (Vec::new(), Vec::new(), Vec::new());
        let standings = self.standings(links.keys())?;
        for (link, old) in links.values().zip(&standings) {
            let old = old.as_ref().map(|(status, records)| (*status, records));
            let now = (link.status, &link.records);
            activated.extend(rules::activated(old, now));
            for (side, record) in rules::left(old.map(|(_, records)| records), &link.records) {
                self.run(LEFT, params![self.mapping, link.id.0, side.number(), record.as_str()])?;
            }
            if !stays(old, now) {
                freed.extend(live(old));
                taken.extend(live(Some(now)).map(|place| (place, link.id)));
            }
        }
        let pointers = if freed.is_empty() && taken.is_empty() {
            Pointers { entries: None, holds: None }
        } else {
            self.pointers()?
        };
        self.give_up_records(&freed, &pointers)?;
        self.put_links(links.values().copied())?;
        self.take_records(&taken, &pointers)?;
        self.awaken(&activated)
    }

    /// Links as they stand, in the order asked.
    fn standings<'b>(
        &self,
        ids: impl Iterator<Item = &'b LinkId>,
    ) -> Result<Vec<Option<Stood>>, Fault> {
        let mut select = self
            .statement("SELECT source, target, status FROM links WHERE mapping = ?1 AND id = ?2")?;
        let mut standings = Vec::new();
        for id in ids {
            let mut rows = select.query(params![self.mapping, id.0])?;
            let read = |row: &Row<'_>| -> Result<_, Fault> {
                Ok((status(row.get(2)?)?, Sides::new(record(row, 0)?, record(row, 1)?)))
            };
            standings.push(rows.next()?.map(read).transpose()?);
        }
        Ok(standings)
    }

    fn give_up_records(
        &self,
        freed: &[(Side, &RecordId)],
        pointers: &Pointers,
    ) -> Result<(), Fault> {
        for (side, record) in freed {
            self.run(
                "DELETE FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3",
                params![self.mapping, side.number(), record.as_str()],
            )?;
            self.point_at(pointers, *side, record, None)?;
        }
        Ok(())
    }

    fn take_records(
        &self,
        taken: &[((Side, &RecordId), LinkId)],
        pointers: &Pointers,
    ) -> Result<(), Fault> {
        if taken.is_empty() {
            return Ok(());
        }
        let mut insert = self.statement(
            "INSERT OR IGNORE INTO linked (mapping, side, record, link) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for ((side, record), link) in taken {
            let row = params![self.mapping, side.number(), record.as_str(), link.0];
            if insert.execute(row)? == 0 {
                return Err(rules::linked_twice(*side, record).into());
            }
            self.point_at(pointers, *side, record, Some(*link))?;
        }
        Ok(())
    }

    /// What there may be to point at a link: in most commits nothing, and asking once is cheaper
    /// than for each record.
    fn pointers(&self) -> Result<Pointers, Fault> {
        let some = |any: bool, sql| any.then_some(sql);
        let entries = self.any("SELECT 1 FROM inbox WHERE mapping = ?1 LIMIT 1")?;
        let holds = self.any("SELECT 1 FROM holds WHERE mapping = ?1 AND kind = 2 LIMIT 1")?;
        Ok(Pointers {
            entries: some(
                entries,
                "UPDATE inbox SET link = ?4 WHERE mapping = ?1 AND side = ?2 AND record = ?3",
            ),
            holds: some(
                holds,
                "UPDATE holds SET link = ?4
                 WHERE mapping = ?1 AND kind = 2 AND on_link = x'' AND side = ?2 AND name = ?3",
            ),
        })
    }

    /// Tells a record's entry and hold whose work they belong to.
    fn point_at(
        &self,
        pointers: &Pointers,
        side: Side,
        record: &RecordId,
        link: Option<LinkId>,
    ) -> Result<(), Fault> {
        for sql in pointers.entries.iter().chain(&pointers.holds) {
            let link = link.map(|link| link.0);
            self.run(sql, params![self.mapping, side.number(), record.as_str(), link])?;
        }
        Ok(())
    }

    /// Records that have an active link now: they are live, and what waited for them is due.
    fn awaken(&self, activated: &[(Side, &RecordId)]) -> Result<bool, Fault> {
        if activated.is_empty() {
            return Ok(false);
        }
        let mut live = self.statement(KEEP_AS)?;
        for (side, record) in activated {
            live.execute(params![self.mapping, side.number(), record.as_str(), false])?;
        }
        let mut woken = false;
        if self.any("SELECT 1 FROM holds WHERE waits_mapping = ?1 LIMIT 1")? {
            for (side, record) in activated {
                woken |= self.wake(*side, record)?;
            }
        }
        Ok(woken)
    }

    fn put_links<'b>(&self, links: impl Iterator<Item = &'b EncodedLink>) -> Result<(), Fault> {
        let mut put = self.statement(PUT)?;
        for link in links {
            let prints = link.prints.map(|print| print.map(|print| print.0));
            put.execute(params![
                self.mapping,
                link.id.0,
                status_number(link.status),
                link.records.source.as_str(),
                link.records.target.as_str(),
                link.revisions.source,
                link.revisions.target,
                prints.source,
                prints.target,
                link.bases.source,
                link.bases.target,
                link.ending.map(ending_number),
            ])?;
        }
        Ok(())
    }

    /// Replaces a record's match keys.
    pub(super) fn replace_keys(
        &self,
        side: Side,
        record: &RecordId,
        keys: &MatchKeys,
        kept: Kept,
    ) -> Result<(), Fault> {
        let had = MatchKeys::from(self.keys(side, record)?);
        let wanted: BTreeMap<_, _> = keys.after(&had).valid.into_iter().collect();
        // Most records keep their keys, and reading is cheaper than writing.
        if had.valid.into_iter().eq(wanted.iter().map(|(r, f)| (*r, *f))) {
            return self.keep_as(side, record, kept);
        }
        self.run(
            "DELETE FROM match_keys WHERE mapping = ?1 AND side = ?2 AND record = ?3",
            params![self.mapping, side.number(), record.as_str()],
        )?;
        for (rule, print) in wanted {
            self.run(
                "INSERT INTO match_keys (mapping, side, record, rule, fingerprint, archived)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    self.mapping,
                    side.number(),
                    record.as_str(),
                    rule,
                    print.0,
                    kept == Kept::Archived
                ],
            )?;
        }
        Ok(())
    }

    /// Notes that a record is archived, or live again. It keeps its keys.
    pub(super) fn keep_as(&self, side: Side, record: &RecordId, kept: Kept) -> Result<(), Fault> {
        self.run(
            KEEP_AS,
            params![self.mapping, side.number(), record.as_str(), kept == Kept::Archived],
        )?;
        Ok(())
    }

    /// A record's match keys, in order of the rules.
    pub(super) fn keys(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Vec<(u16, Fingerprint)>, Fault> {
        self.all(
            "SELECT rule, fingerprint FROM match_keys
             WHERE mapping = ?1 AND side = ?2 AND record = ?3 ORDER BY rule",
            params![self.mapping, side.number(), record.as_str()],
            |row| Ok((row.get(0)?, Fingerprint(row.get(1)?))),
        )
    }
}

fn read_link(row: &Row<'_>) -> Result<Link, Fault> {
    read_link_at(row, 0)
}

/// The same where the link's columns begin elsewhere.
pub(super) fn read_link_at(row: &Row<'_>, first: usize) -> Result<Link, Fault> {
    let base = |column| Ok::<_, Fault>(decode_base(&blob(row, first + column)?)?);
    Ok(Link {
        id: link_id(row, first)?,
        status: status(row.get(first + 1)?)?,
        records: Sides::new(record(row, first + 2)?, record(row, first + 3)?),
        bases: Sides::new(base(4)?, base(5)?),
        ending: row.get::<_, Option<i16>>(first + 6)?.map(ending).transpose()?,
    })
}

/// Where to go on after an id; the empty blob is before every id.
pub(super) fn id_bytes(after: Option<LinkId>) -> Vec<u8> {
    after.map(|id| id.0.to_vec()).unwrap_or_default()
}
