//! The desk for people: each thing with what happened, what the sides hold, and what can be said.

use std::fmt;

use super::{Desk, DeskItem};
use crate::model::{Choice, HoldReason, Side, Value};
use crate::plan::show_values;
use crate::report::{counted, names};

impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return writeln!(f, "desk of {}: nothing waits for a person", self.mapping);
        }
        let more = if self.next.is_some() { " on this page, and there are more" } else { "" };
        let many = self.items.len() as u64;
        let waits = if many == 1 { "waits" } else { "wait" };
        writeln!(f, "desk of {}: {} {waits}{more}", self.mapping, counted(many, "item"))?;
        for (kind, count) in &self.withheld {
            writeln!(f, "  guards hold back {}", counted(*count, kind.word()))?;
        }
        self.items.iter().try_for_each(|item| self.show(item, f))
    }
}

impl Desk {
    fn show(&self, item: &DeskItem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", item.title())?;
        if let Some(conflict) = &item.conflict {
            for side in Side::BOTH {
                let at = conflict.times[side]
                    .map_or_else(|| "at a time not known".into(), |at| format!("at {at}"));
                let held = shown(conflict.values[side].as_deref());
                writeln!(f, "    {} holds {held}, changed {at}", self.ends[side])?;
            }
        }
        writeln!(f, "    {}", item.detail)?;
        if item.attempts > 1 {
            writeln!(f, "    tried {} times since {}", item.attempts, item.since)?;
        }
        writeln!(f, "    next: {}", item.next)?;
        if item.answered.is_none() && !item.choices().is_empty() {
            writeln!(f, "    answers: {}", item.takes_words())?;
        }
        Ok(())
    }
}

fn shown(values: Option<&[Value]>) -> String {
    values.map_or_else(|| "[sensitive]".to_owned(), |values| show_values(values, false))
}

impl DeskItem {
    /// What it is and what it is about: `conflict: phone of 17 ↔ 42`.
    pub fn title(&self) -> String {
        let what = match self.reason {
            HoldReason::Conflict => "conflict",
            HoldReason::Reference => "reference",
            HoldReason::Rejected if self.pair.is_some() => "dead letter (one field)",
            HoldReason::Rejected => "dead letter",
            HoldReason::Oscillating => "does not settle",
            HoldReason::Schema => "does not fit",
            HoldReason::Unsettled => "unsettled",
            HoldReason::Ambiguous => "parked",
            HoldReason::UnknownOutcome => "unknown outcome",
            HoldReason::Unreadable => "unreadable",
            HoldReason::Missing => "missing",
            HoldReason::Invalid => "invalid",
            HoldReason::Guard => "withheld by a guard",
            HoldReason::Excluded => "excluded",
        };
        let kind = self.withheld.map(|kind| format!(" ({kind})")).unwrap_or_default();
        let pair = self.pair.as_ref().map(|pair| format!("{pair} of ")).unwrap_or_default();
        format!("{what}{kind}: {pair}{}", names(&self.records))
    }

    /// The choices that it takes, for people.
    pub(super) fn takes_words(&self) -> String {
        let mut words: Vec<String> = self
            .offers
            .choices
            .iter()
            .map(|choice| {
                if let Choice::LinkTo(record) = choice {
                    return format!("link to {record}");
                }
                choice.word().to_owned()
            })
            .collect();
        if self.offers.values.is_some() {
            words.push("set (values of your own)".to_owned());
        }
        if let Some(side) = self.offers.record_of {
            words.push(format!("link to (a {side} record)"));
        }
        if words.is_empty() { "no answer".to_owned() } else { words.join(", ") }
    }
}
