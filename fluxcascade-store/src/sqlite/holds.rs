//! Holds: stored by key, found by link, by what they wait for, and by page.

use std::collections::BTreeSet;

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Hold, HoldKey, LinkId, RecordId, Side, Timestamp, Withheld,
};
use fluxcascade_core::store::Page;
use rusqlite::{Row, params};

use super::fault::Fault;
use super::ledger::{Ledger, blob};
use crate::columns::{HoldPlace, size};
use crate::rules;

/// Holds of a link's work. A link has few, so these may be sorted.
pub(super) const HOLDS_OF_LINK: &str = "SELECT hold FROM holds INDEXED BY holds_by_link
     WHERE mapping = ?1 AND link = ?2 ORDER BY kind, side, name";

/// Holds that wait for a link of a mapping, in all mappings of its tenant.
pub(super) const AWAITING: &str = "SELECT place, hold, mapping FROM holds
     WHERE waits_mapping = ?1 AND waits_side = ?2 AND waits_record = ?3";

/// Whether a record has an active link.
pub(super) const ACTIVE: &str = "SELECT 1 FROM linked d
     CROSS JOIN links l ON l.mapping = d.mapping AND l.id = d.link
     WHERE d.mapping = ?1 AND d.side = ?2 AND d.record = ?3 AND l.status = 0";

/// Holds of a reason, in key order.
pub(super) const OF_REASON: &str = "SELECT hold FROM holds WHERE mapping = ?1 AND reason = ?2
     ORDER BY kind, on_link, side, name LIMIT ?3 OFFSET ?4";

impl Ledger<'_> {
    /// Stores a hold in place of one with its key. One that waits for a link which is active is
    /// due: nothing will wake it later.
    pub(super) fn put_hold(&self, hold: &Hold) -> Result<(), Fault> {
        let hold = rules::renewed(self.hold(&hold.key)?.as_ref(), hold);
        let Some(awaited) = &hold.waits_for else { return self.store_hold(&hold, None) };
        let mapping = self.sibling(&awaited.mapping)?;
        let place = params![mapping, awaited.side.number(), awaited.record.as_str()];
        let active = self.one(ACTIVE, place, |_| Ok(()))?.is_some();
        let hold = if active { rules::woken(hold) } else { hold };
        self.store_hold(&hold, Some(mapping))
    }

    /// `waits` is the number of the mapping whose link the hold waits for.
    fn store_hold(&self, hold: &Hold, waits: Option<i64>) -> Result<(), Fault> {
        let place = HoldPlace::of(&hold.key);
        let link = match &hold.key {
            HoldKey::Pair(link, _) | HoldKey::Link(link) => Some(*link),
            HoldKey::Record(side, record) => self.linked(*side, record)?,
        };
        let awaited = hold.waits_for.as_ref();
        self.run(
            "INSERT INTO holds (mapping, kind, on_link, side, name, link, not_before, reason,
             withheld, waits_mapping, waits_side, waits_record, hold)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (mapping, kind, on_link, side, name) DO UPDATE SET link = excluded.link,
             not_before = excluded.not_before, reason = excluded.reason,
             withheld = excluded.withheld, waits_mapping = excluded.waits_mapping,
             waits_side = excluded.waits_side, waits_record = excluded.waits_record,
             hold = excluded.hold",
            params![
                self.mapping,
                place.kind,
                place.on_link,
                place.side,
                place.name,
                link.map(|link| link.0),
                rules::due_since(hold).map(Timestamp::micros),
                hold.reason.word(),
                hold.held_back().map(Withheld::word),
                waits,
                awaited.map(|awaited| awaited.side.number()),
                awaited.map(|awaited| awaited.record.as_str()),
                encode(hold),
            ],
        )?;
        Ok(())
    }

    /// Makes holds due that wait for a record's link in this mapping, in whichever mapping they are, and
    /// the other mappings that have them. Whether one of those is due now.
    pub(super) fn wake(&self, side: Side, record: &RecordId) -> Result<bool, Fault> {
        let place = params![self.mapping, side.number(), record.as_str()];
        let waiting = self.all(AWAITING, place, |row| {
            Ok((row.get::<_, i64>(0)?, blob(row, 1)?, row.get::<_, i64>(2)?))
        })?;
        let mut woken = false;
        for (place, bytes, mapping) in waiting {
            self.rewrite(place, &rules::woken(decode("hold", &bytes)?))?;
            woken |= mapping != self.mapping && self.make_other_due(mapping)?;
        }
        Ok(woken)
    }

    pub(super) fn answer(&self, answers: &[AnswerTo]) -> Result<Vec<AnswerOutcome>, Fault> {
        answers.iter().map(|to| self.answer_one(to)).collect()
    }

    fn answer_one(&self, to: &AnswerTo) -> Result<AnswerOutcome, Fault> {
        let place = HoldPlace::of(&to.hold);
        let found = self.one(
            "SELECT place, hold FROM holds
             WHERE mapping = ?1 AND kind = ?2 AND on_link = ?3 AND side = ?4 AND name = ?5",
            params![self.mapping, place.kind, place.on_link, place.side, place.name],
            |row| Ok((row.get::<_, i64>(0)?, blob(row, 1)?)),
        )?;
        let Some((place, bytes)) = found else { return Ok(AnswerOutcome::Gone) };
        let (outcome, hold) = rules::answered(Some(decode("hold", &bytes)?), to);
        if let Some(hold) = hold {
            self.rewrite(place, &hold)?;
            self.make_due()?;
        }
        Ok(outcome)
    }

    /// Stores what changed of a hold that stays where it is.
    fn rewrite(&self, place: i64, hold: &Hold) -> Result<(), Fault> {
        self.run(
            "UPDATE holds SET not_before = ?2, hold = ?3 WHERE place = ?1",
            params![place, rules::due_since(hold).map(Timestamp::micros), encode(hold)],
        )?;
        Ok(())
    }

    pub(super) fn release_hold(&self, key: &HoldKey) -> Result<(), Fault> {
        let place = HoldPlace::of(key);
        self.run(
            "DELETE FROM holds
             WHERE mapping = ?1 AND kind = ?2 AND on_link = ?3 AND side = ?4 AND name = ?5",
            params![self.mapping, place.kind, place.on_link, place.side, place.name],
        )?;
        Ok(())
    }

    /// Holds on a link, its pairs and its records, in key order.
    pub(super) fn holds_of_link(&self, link: LinkId) -> Result<Vec<Hold>, Fault> {
        self.all(HOLDS_OF_LINK, params![self.mapping, link.0], read_hold)
    }

    pub(super) fn hold_of_record(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<Hold>, Fault> {
        self.one(
            "SELECT hold FROM holds WHERE mapping = ?1 AND kind = 2 AND on_link = x''
             AND side = ?2 AND name = ?3",
            params![self.mapping, side.number(), record.as_str()],
            read_hold,
        )
    }

    fn hold(&self, key: &HoldKey) -> Result<Option<Hold>, Fault> {
        let place = HoldPlace::of(key);
        self.one(
            "SELECT hold FROM holds
             WHERE mapping = ?1 AND kind = ?2 AND on_link = ?3 AND side = ?4 AND name = ?5",
            params![self.mapping, place.kind, place.on_link, place.side, place.name],
            read_hold,
        )
    }

    pub(super) fn holds(&self, page: &Page) -> Result<Vec<Hold>, Fault> {
        if let Some(keys) = &page.holds {
            let keys: BTreeSet<_> = keys.iter().collect();
            let found = keys.into_iter().filter_map(|key| self.hold(key).transpose());
            return Ok(rules::page_of(page, found.collect::<Result<Vec<_>, _>>()?));
        }
        let (limit, skip) = (size(page.limit), size(page.skip));
        match page.reason {
            Some(reason) => {
                let place = params![self.mapping, reason.word(), limit, skip];
                self.all(OF_REASON, place, read_hold)
            }
            None => self.all(
                "SELECT hold FROM holds WHERE mapping = ?1
                 ORDER BY kind, on_link, side, name LIMIT ?2 OFFSET ?3",
                params![self.mapping, limit, skip],
                read_hold,
            ),
        }
    }
}

fn read_hold(row: &Row<'_>) -> Result<Hold, Fault> {
    Ok(decode("hold", &blob(row, 0)?)?)
}
