//! Guards (P18): what was withheld in a run, counted, and whether a person is asked first.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mapping::{FirstSync, Guards, Limit};
use crate::model::{RecordId, Side, Sides, Withheld};
use crate::seeded::{self, Bug};

/// Creates that may go out in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Creates {
    /// They go out as they are decided: the first sync has passed its guard, or needs none.
    Stream,
    /// It is a first sync of sides that are large enough to ask: records are matched first.
    AfterMatching,
    /// The mapping rebuilds a store that was lost: a person lets them through.
    Rebuild,
}

/// How far a first sync came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A run has ended, and no create was withheld.
    Passed,
    /// No run has ended yet, or creates of one are still withheld.
    First,
}

impl Creates {
    /// What a mapping's creates do, given how far its first sync came and how many records each
    /// side holds.
    pub(crate) fn of(
        mode: FirstSync,
        guards: &Guards,
        progress: Progress,
        sizes: &Sides<u64>,
    ) -> Self {
        match (mode, progress) {
            (FirstSync::Rebuild, _) if seeded::is(Bug::RebuildCreates) => Creates::Stream,
            (FirstSync::Rebuild, _) => Creates::Rebuild,
            (_, Progress::Passed) => Creates::Stream,
            (
                FirstSync::Merge
                | FirstSync::LinkOnly
                | FirstSync::FillBlanks
                | FirstSync::UpdateExisting,
                Progress::First,
            ) => {
                let smaller = sizes.source.min(sizes.target);
                if smaller >= guards.match_from.max(1) {
                    Creates::AfterMatching
                } else {
                    Creates::Stream
                }
            }
        }
    }
}

/// Why a guard stopped something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// There are more of them than the mapping lets through unasked.
    Limit {
        /// What the mapping lets through.
        limit: Limit,
        /// All writes that count together: deletes with archives, blankings with overwrites.
        together: u64,
        /// The mapping's links before the run.
        links: u64,
    },
    /// The first sync found few partners: the match rules, or the accounts, may be the wrong ones.
    FewMatched {
        /// Links there are.
        matched: u64,
        /// Records on the smaller side.
        of: u64,
        /// The share that the mapping asks for, in percent.
        percent: u8,
    },
    /// The mapping rebuilds a store that was lost, and makes nothing unasked.
    Rebuild,
}

/// Writes of one kind that were decided and withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardStop {
    /// What they would do.
    pub what: Withheld,
    /// How many wait.
    pub count: u64,
    /// Why.
    pub why: StopReason,
    /// Some of the records that they are about.
    pub examples: Vec<Sides<Option<RecordId>>>,
}

/// How many records a stop names.
pub(crate) const MOST_EXAMPLES: usize = 5;

/// What is let through, and what waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// These kinds are carried out.
    pub open: BTreeSet<Withheld>,
    /// These wait for a person.
    pub stops: Vec<GuardStop>,
}

/// What guards judge from.
#[derive(Debug, Clone)]
pub(crate) struct Weighed<'a> {
    /// What the mapping says.
    pub guards: &'a Guards,
    /// Its links before the run.
    pub links: u64,
    /// How many writes are withheld, by kind.
    pub withheld: &'a [(Withheld, u64)],
    /// What creates may do.
    pub creates: Creates,
    /// Links there are now, and records on the smaller side: of a first sync.
    pub matched: (u64, u64),
    /// What a person lets through for this run.
    pub overridden: &'a BTreeSet<Withheld>,
}

impl Weighed<'_> {
    fn count(&self, what: Withheld) -> u64 {
        self.withheld.iter().filter(|(kind, _)| *kind == what).map(|(_, count)| count).sum()
    }

    /// Why writes of a kind wait, if they do.
    fn stops(&self, what: Withheld) -> Option<StopReason> {
        match what {
            Withheld::Delete | Withheld::Archive => {
                let together = self.count(Withheld::Delete) + self.count(Withheld::Archive);
                self.over(self.guards.deletes, together)
            }
            Withheld::Blanking | Withheld::Overwrite => {
                let together = self.count(Withheld::Blanking) + self.count(Withheld::Overwrite);
                self.over(self.guards.overwrites, together)
            }
            Withheld::Create => self.few_matched(),
        }
    }

    fn over(&self, limit: Limit, together: u64) -> Option<StopReason> {
        let links = self.links;
        let share = links.saturating_mul(u64::from(limit.percent));
        let over = together > limit.count && together.saturating_mul(100) > share;
        over.then_some(StopReason::Limit { limit, together, links })
    }

    /// Why creates wait, if they do.
    pub(crate) fn few_matched(&self) -> Option<StopReason> {
        match self.creates {
            Creates::Stream => None,
            Creates::Rebuild => Some(StopReason::Rebuild),
            Creates::AfterMatching => {
                let (matched, of) = self.matched;
                let percent = self.guards.match_percent;
                let share = of.saturating_mul(u64::from(percent));
                let few = matched.saturating_mul(100) < share;
                few.then_some(StopReason::FewMatched { matched, of, percent })
            }
        }
    }

    /// Judges each kind of which something is withheld; the stops have no examples yet.
    pub(crate) fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        for what in Withheld::ALL {
            let count = self.count(what);
            if count == 0 {
                continue;
            }
            match self.stops(what).filter(|_| !self.overridden.contains(&what)) {
                None => {
                    verdict.open.insert(what);
                }
                Some(why) => {
                    verdict.stops.push(GuardStop { what, count, why, examples: Vec::new() });
                }
            }
        }
        verdict
    }
}

impl fmt::Display for GuardStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.count != 1;
        let what = match (self.what, many) {
            (Withheld::Delete, true) => "records would be deleted",
            (Withheld::Delete, false) => "record would be deleted",
            (Withheld::Archive, true) => "records would be archived",
            (Withheld::Archive, false) => "record would be archived",
            (Withheld::Blanking, true) => "values would be blanked",
            (Withheld::Blanking, false) => "value would be blanked",
            (Withheld::Overwrite, true) => "values would be overwritten",
            (Withheld::Overwrite, false) => "value would be overwritten",
            (Withheld::Create, true) => "records would be created",
            (Withheld::Create, false) => "record would be created",
        };
        write!(f, "{} {what}, and none was: {}", self.count, self.why)?;
        if !self.examples.is_empty() {
            let names: Vec<String> = self.examples.iter().map(name).collect();
            let more = self.count > names.len() as u64;
            write!(f, " ({}{})", names.join(", "), if more { ", …" } else { "" })?;
        }
        write!(
            f,
            "; look at them on the desk and allow those that are right, or run once with an \
             override for {}",
            self.what
        )
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Limit { limit, together, links } => write!(
                f,
                "{together} at once are more than {} and more than {} % of {links} links",
                limit.count, limit.percent
            ),
            StopReason::FewMatched { matched, of, percent } => write!(
                f,
                "only {matched} of {of} records found a partner, less than {percent} %: are the \
                 match rules and both accounts the right ones?"
            ),
            StopReason::Rebuild => {
                f.write_str("the links are being rebuilt, and what has no partner may only be lost")
            }
        }
    }
}

/// A record of either side, for people.
fn name(records: &Sides<Option<RecordId>>) -> String {
    let of = |side: Side| records[side].as_ref().map(RecordId::as_str);
    match (of(Side::Source), of(Side::Target)) {
        (Some(source), Some(target)) => format!("{source} ↔ {target}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed<'a>(
        guards: &'a Guards,
        links: u64,
        withheld: &'a [(Withheld, u64)],
        overridden: &'a BTreeSet<Withheld>,
    ) -> Weighed<'a> {
        let creates = Creates::Stream;
        Weighed { guards, links, withheld, creates, matched: (0, 0), overridden }
    }

    #[test]
    fn a_guard_trips_over_more_than_the_count_and_more_than_the_share() {
        let (guards, none) = (Guards::default(), BTreeSet::new());
        let open = |links, count| {
            let withheld = [(Withheld::Delete, count)];
            weighed(&guards, links, &withheld, &none).judge().stops.is_empty()
        };
        assert!(open(100, 25), "25 are not more than 25");
        assert!(!open(100, 26), "26 of 100 are more than 25 and more than 10 %");
        assert!(open(260, 26), "26 of 260 are not more than 10 %");
        assert!(!open(259, 26));
    }

    #[test]
    fn deletes_and_archives_count_together_and_one_of_them_can_be_overridden() {
        let guards = Guards::default();
        let withheld = [(Withheld::Delete, 20), (Withheld::Archive, 20)];
        let only = BTreeSet::from([Withheld::Archive]);
        let verdict = weighed(&guards, 100, &withheld, &only).judge();
        assert_eq!(verdict.open, only);
        assert_eq!(verdict.stops.len(), 1);
        let words = verdict.stops[0].to_string();
        assert!(
            words.starts_with("20 records would be deleted, and none was: 40 at once"),
            "{words}"
        );
    }

    #[test]
    fn a_first_sync_that_matched_few_asks_and_one_that_matched_enough_does_not() {
        let (guards, none) = (Guards::default(), BTreeSet::new());
        let withheld = [(Withheld::Create, 300)];
        let stops = |matched| {
            let mut weighed = weighed(&guards, 0, &withheld, &none);
            weighed.creates = Creates::AfterMatching;
            weighed.matched = (matched, 200);
            !weighed.judge().stops.is_empty()
        };
        assert!(stops(9));
        assert!(!stops(10));
        let sizes = Sides::new(99, 5000);
        let creates = |mode| Creates::of(mode, &guards, Progress::First, &sizes);
        assert_eq!(creates(FirstSync::Merge), Creates::Stream);
        assert_eq!(creates(FirstSync::Rebuild), Creates::Rebuild);
    }
}
