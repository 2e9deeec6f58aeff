//! Reads by id that may be late, where a system declares so (`Capabilities::fetch`): what such a read
//! does not show yet says nothing. The record waits as long as a read may be late, and is read again.

use std::cmp::Ordering;

use super::context::PlanContext;
use super::detect::{View, edited, is_read, is_unversioned_edit};
use super::ending::link_hold;
use super::entry::Entry;
use crate::mapping::CompiledMapping;
use crate::model::{
    HoldReason, InboxEntry, Link, Observation, Provenance, RecordId, Side, Sides, State, Timestamp,
    Version, Work,
};

/// A link of which a record was read too early to be judged: it waits.
pub(super) fn wait_for_link(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    views: &Sides<View<'_>>,
    context: &PlanContext,
    entry: &Entry,
) -> Option<Entry> {
    let early = Side::BOTH.into_iter().find_map(|side| {
        if context.late(side).is_zero() {
            return None;
        }
        let read = Read { mapping, work, link, side, context };
        Some((side, read.again_at(views[side])?))
    });
    let (side, until) = early?;
    let own = of_record(work.entries[side].as_ref(), &link.records[side]);
    Some(wait(side, &link.records[side], own, until, context, entry.clone()))
}

/// An unlinked record, or one that shares a key with it, was not found by a read that may be late: it
/// waits.
pub(super) fn wait_for_record(
    side: Side,
    record: &RecordId,
    inbox: Option<&InboxEntry>,
    context: &PlanContext,
    entry: &Entry,
) -> Option<Entry> {
    if context.late(side).is_zero() || is_listed_gone(inbox) {
        return None;
    }
    let seen = context.fetched.get(&(side, record.clone()))?;
    let until = match seen.state {
        State::Missing => once(side, inbox, context)?,
        State::Known { .. }
        | State::Archived(_)
        | State::Deleted(_)
        | State::MergedInto(_)
        | State::OutOfScope
        | State::Unreadable(_) => return None,
    };
    Some(wait(side, record, inbox, until, context, entry.clone()))
}

fn wait(
    side: Side,
    record: &RecordId,
    inbox: Option<&InboxEntry>,
    until: Timestamp,
    context: &PlanContext,
    mut entry: Entry,
) -> Entry {
    if !is_waiting(inbox, context) {
        entry.late.push((side, record.clone(), until));
    }
    entry.wait_until(until, &format!("a read of the {side} record {record} may be late"))
}

/// A read by id of one side of a link.
struct Read<'a> {
    mapping: &'a CompiledMapping,
    work: &'a Work,
    link: &'a Link,
    side: Side,
    context: &'a PlanContext,
}

impl Read<'_> {
    /// When the record is read again, if what was read may not be the last word yet.
    fn again_at(&self, view: View<'_>) -> Option<Timestamp> {
        let record = &self.link.records[self.side];
        let inbox = of_record(self.work.entries[self.side].as_ref(), record);
        let once = || once(self.side, inbox, self.context);
        match view {
            View::Known { version, provenance: Provenance::Fetched, .. } => {
                let base = &self.link.bases[self.side];
                if self.is_overtaken(version, inbox) {
                    return self.own_write().or_else(once);
                }
                let Self { mapping, work, side, .. } = *self;
                let is_edit = edited(mapping, side, view, base).next().is_some();
                let is_unversioned = is_unversioned_edit(mapping, work, side, view, base);
                if !is_edit || version.is_newer_than(&base.version) && !is_unversioned {
                    return None;
                }
                let is_older = version.compare(&base.version) == Some(Ordering::Less);
                self.own_write().or_else(|| once().filter(|_| is_older || is_unversioned))
            }
            View::Other(State::Missing)
                if is_read(self.side, record, self.context) && !is_listed_gone(inbox) =>
            {
                let hold = link_hold(self.work).map(|hold| hold.reason);
                self.own_write().or_else(|| once().filter(|_| hold != Some(HoldReason::Missing)))
            }
            View::Known { .. } | View::Unseen | View::IdOnly | View::Other(_) => None,
        }
    }

    /// Whether the listing has shown what this read does not show yet: a newer version, or the
    /// record's end.
    fn is_overtaken(&self, version: &Version, inbox: Option<&InboxEntry>) -> bool {
        let listed = inbox.filter(|entry| entry.revision == self.mapping.revision);
        let listed = listed.and_then(|entry| entry.observation.as_ref());
        match listed.and_then(Observation::known) {
            Some((_, listed)) => version.compare(listed) == Some(Ordering::Less),
            None => {
                is_listed_gone(inbox) && !version.is_newer_than(&self.link.bases[self.side].version)
            }
        }
    }

    /// Until when a read may not show our own last write.
    fn own_write(&self) -> Option<Timestamp> {
        let last = self.link.bases[self.side].written.iter().map(|write| write.at).max()?;
        Some(last + self.context.fetch_lag[self.side]).filter(|until| *until > self.context.now)
    }
}

/// The record waits once, as long as a read may be late: what is read then is believed.
fn once(side: Side, inbox: Option<&InboxEntry>, context: &PlanContext) -> Option<Timestamp> {
    match inbox.filter(|entry| entry.attempts > 0) {
        Some(entry) => entry.not_before.filter(|at| *at > context.now),
        None => Some(context.now + context.fetch_lag[side]),
    }
}

/// Whether its entry has a time to wait for already.
fn is_waiting(inbox: Option<&InboxEntry>, context: &PlanContext) -> bool {
    inbox.is_some_and(|entry| entry.not_before.is_some_and(|at| at > context.now))
}

fn of_record<'a>(inbox: Option<&'a InboxEntry>, record: &RecordId) -> Option<&'a InboxEntry> {
    inbox.filter(|entry| entry.record == *record)
}

/// Whether the changes say that the record is gone.
fn is_listed_gone(inbox: Option<&InboxEntry>) -> bool {
    let listed = inbox.and_then(|entry| entry.observation.as_ref());
    listed.is_some_and(|seen| match seen.state {
        State::Archived(_) | State::Deleted(_) | State::MergedInto(_) => true,
        State::Known { .. } | State::Missing | State::OutOfScope | State::Unreadable(_) => false,
    })
}
