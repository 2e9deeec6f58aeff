//! Who else has an unlinked record's keys: the one partner, nobody, or a question for a person.

use std::collections::HashSet;

use super::context::PlanContext;
use super::detect::{View, view};
use super::entry::{Entry, LinkUpdate, RecordAction};
use super::late;
use super::matching::Subject;
use super::tombstone::is_parted;
use crate::mapping::CompiledMapping;
use crate::model::{Candidates, HoldReason, KeyHolder, LinkStatus, RecordId, Side, State, Work};
use crate::seeded::{self, Bug};

/// What the match rules say of a record.
pub(super) enum Match<'a> {
    /// Nobody else has any of its keys.
    Nobody,
    /// Exactly this record has its key, by this rule.
    Partner(&'a Candidates, &'a KeyHolder),
    /// The only record with its key is one that a person said is another.
    Parted,
    /// Several records could be meant; why, in words.
    Ambiguous(Vec<(Side, RecordId)>, &'static str),
}

impl Subject<'_> {
    /// Records that were read and are not there any more free their keys.
    pub(super) fn drop_vanished(&self, context: &PlanContext, entry: &mut Entry) {
        for (side, holders) in self.work.candidates.iter().flat_map(|c| c.holders.iter()) {
            for holder in holders {
                let is_free = holder.link.is_none() && holder.pending.is_none();
                let place = (side, holder.record.clone());
                if is_free
                    && vanished(side, &holder.record, context)
                    && !entry.drops.contains(&place)
                {
                    entry.drops.push(place);
                }
            }
        }
    }

    /// One that has a key of this record and was not found may only not be shown yet: nothing is said
    /// of it, and nothing is created beside it.
    pub(super) fn wait_for_holders(&self, context: &PlanContext, entry: &Entry) -> Option<Entry> {
        let all = self.work.candidates.iter().flat_map(|found| found.holders.iter());
        let all = all.flat_map(|(side, holders)| holders.iter().map(move |h| (side, h)));
        let mut free = all.filter(|(_, holder)| holder.link.is_none() && holder.pending.is_none());
        free.find_map(|(side, holder)| {
            late::wait_for_record(side, &holder.record, holder.entry.as_ref(), context, entry)
        })
    }

    /// The first rule whose key another record has decides alone.
    pub(super) fn find_partner(&self, context: &PlanContext) -> Match<'_> {
        for candidates in &self.work.candidates {
            let holders = self.holders(candidates, context);
            if !holders.is_alone() {
                return self.judge(candidates, &holders);
            }
        }
        Match::Nobody
    }

    /// Who counts among those that have the record's key.
    ///
    /// One that is archived is nobody's second: it counts where no other record of its side has the
    /// key.
    fn holders<'a>(&self, candidates: &'a Candidates, context: &PlanContext) -> Holders<'a> {
        let (side, other) = (self.side, self.side.other());
        let of = |on: Side, wanted: Standing| -> Vec<&'a KeyHolder> {
            let holders = candidates.holders[on].iter();
            holders.filter(|holder| self.standing(on, holder, context) == wanted).collect()
        };
        let mut theirs = of(other, Standing::Here);
        let pending = candidates.pending.source + candidates.pending.target;
        if theirs.is_empty() && pending == 0 {
            theirs = of(other, Standing::Archived);
        }
        // A create that claims the key is this record, if the sole partner waits for its answer.
        let settles = theirs.len() == 1 && theirs[0].pending.is_some();
        Holders {
            own: of(side, Standing::Here),
            excluded: of(other, Standing::Excluded),
            claims: pending.saturating_sub(u32::from(settles)),
            theirs,
        }
    }

    fn judge<'a>(&self, candidates: &'a Candidates, holders: &Holders<'a>) -> Match<'a> {
        let ambiguous = |why| Match::Ambiguous(self.everyone(holders), why);
        match (holders.own.len(), holders.theirs.as_slice()) {
            _ if holders.claims > 0 => ambiguous("a create whose answer is missing claims its key"),
            (_, &[first, ..]) if seeded::is(Bug::FirstOfManyMatches) && first.link.is_none() => {
                Match::Partner(candidates, first)
            }
            (_, &[partner]) if seeded::is(Bug::NewcomerWins) && partner.link.is_some() => {
                Match::Partner(candidates, partner)
            }
            (0 | 1, [partner]) if partner.link.is_some() => {
                ambiguous("the only record with its key is linked already")
            }
            (0 | 1, [partner]) if is_parted(self.work, self.side, &partner.record) => Match::Parted,
            (0 | 1, [partner]) if partner.decided_earlier => {
                ambiguous("the only record with its key has another partner by an earlier rule")
            }
            (0 | 1, &[partner]) => Match::Partner(candidates, partner),
            (0 | 1, []) => ambiguous(
                "a person excluded the only record with its key, and nothing is created beside it",
            ),
            _ => ambiguous("several records have the same key"),
        }
    }

    /// All that have the record's key, without itself.
    fn everyone(&self, holders: &Holders<'_>) -> Vec<(Side, RecordId)> {
        let (side, other) = (self.side, self.side.other());
        let own = holders.own.iter().map(|holder| (side, holder));
        let theirs = holders.theirs.iter().chain(&holders.excluded);
        let all = own.chain(theirs.map(|holder| (other, holder)));
        let mut all: Vec<_> = all
            .map(|(on, holder)| (on, holder.record.clone()))
            .filter(|(on, record)| (*on, record) != (side, self.record))
            .collect();
        all.sort();
        all
    }

    fn standing(&self, side: Side, holder: &KeyHolder, context: &PlanContext) -> Standing {
        let is_own = (side, &holder.record) == (self.side, self.record);
        if is_own || holder.link.is_some() || holder.pending.is_some() {
            return Standing::Here;
        }
        let seen = context.fetched.get(&(side, holder.record.clone())).map(|seen| &seen.state);
        let is_archived = match seen {
            Some(State::Archived(_)) => true,
            Some(state) if is_vanished(state) => return Standing::Gone,
            Some(_) => false,
            None => holder.archived,
        };
        let was_partner = || {
            let mut former = self.work.tombstones.iter().map(|tombstone| &tombstone.records[side]);
            side != self.side && former.any(|record| *record == holder.record)
        };
        match (holder.hold == Some(HoldReason::Excluded), is_archived) {
            (false, false) => Standing::Here,
            (true, _) | (false, true) if was_partner() => Standing::Gone,
            (true, _) => Standing::Excluded,
            (false, true) => Standing::Archived,
        }
    }
}

/// Those that have a record's key under one rule, and count.
struct Holders<'a> {
    /// On its side, the record itself among them.
    own: Vec<&'a KeyHolder>,
    /// On the other side.
    theirs: Vec<&'a KeyHolder>,
    /// On the other side, and excluded by a person.
    excluded: Vec<&'a KeyHolder>,
    /// Creates under way that claim the key.
    claims: u32,
}

impl Holders<'_> {
    /// Whether nobody has the key but the record itself.
    fn is_alone(&self) -> bool {
        self.theirs.is_empty()
            && self.own.len() <= 1
            && self.claims == 0
            && self.excluded.is_empty()
    }
}

/// How a holder of a key stands for the record that is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It counts.
    Here,
    /// It counts if nobody else does.
    Archived,
    /// A person excluded it: it is no partner, and still has its key.
    Excluded,
    /// It is gone, or is a former partner that is no partner any more.
    Gone,
}

/// Records that were archived when they were seen, or are by what is planned, keep their keys.
pub(super) fn keep_archived(
    mapping: &CompiledMapping,
    work: &Work,
    context: &PlanContext,
    entry: &mut Entry,
) {
    let on_record = entry.record;
    let drops = std::mem::take(&mut entry.drops);
    let (archived, gone) = drops.into_iter().partition(|(side, record)| {
        let listed = work.entries[*side].as_ref();
        let seen = view(mapping, *side, Some(record), listed, context);
        matches!(seen, View::Other(State::Archived(_)))
            || on_record == Some((*side, RecordAction::Archive))
    });
    (entry.archived, entry.drops) = (archived, gone);
}

/// A record has one link: of two entries that want it, the second one waits for the next run.
pub(super) fn contend(entries: &mut [Entry]) {
    let mut taken: HashSet<(Side, RecordId)> = HashSet::new();
    for entry in entries {
        let of_update = |update: &LinkUpdate| {
            (update.status != LinkStatus::Tombstone).then(|| update.records.clone())
        };
        let wanted = entry
            .link
            .as_ref()
            .map(|link| link.records.clone())
            .or_else(|| entry.before.as_ref().and_then(of_update))
            .or_else(|| entry.after.as_ref().and_then(of_update));
        let Some(wanted) = wanted else { continue };
        let wanted = wanted.iter().map(|(side, record)| (side, record.clone()));
        let wanted: Vec<(Side, RecordId)> = wanted.collect();
        if wanted.iter().any(|place| taken.contains(place)) {
            let records = entry.records.clone();
            *entry = Entry::new(entry.key.clone(), records)
                .waits("another record is linked to the same one in this run");
        } else {
            taken.extend(wanted);
        }
    }
}

/// Whether a record was read and is not there any more, so that it holds no key. One that is archived
/// does.
fn vanished(side: Side, record: &RecordId, context: &PlanContext) -> bool {
    let seen = context.fetched.get(&(side, record.clone()));
    seen.is_some_and(|seen| is_vanished(&seen.state))
}

pub(super) fn is_vanished(state: &State) -> bool {
    match state {
        State::Missing | State::MergedInto(_) | State::Deleted(_) => true,
        State::Known { .. } | State::Archived(_) | State::OutOfScope | State::Unreadable(_) => {
            false
        }
    }
}

/// Records that wait because they share a key with this one.
pub(super) fn parked_beside(work: &Work, side: Side, record: &RecordId) -> Vec<(Side, RecordId)> {
    let mut parked = Vec::new();
    for (on, holders) in work.candidates.iter().flat_map(|found| found.holders.iter()) {
        let waiting = holders.iter().filter(|h| h.hold == Some(HoldReason::Ambiguous));
        parked.extend(waiting.map(|holder| (on, holder.record.clone())));
    }
    parked.retain(|(on, other)| (*on, other) != (side, record));
    parked.sort();
    parked.dedup();
    parked
}
