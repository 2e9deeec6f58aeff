//! An explanation in words.

use std::fmt;

use super::{ExplainedPair, Explanation, Waiting};
use crate::model::{ConflictStatus, LinkStatus, LogKind, Side, Value, Winner};
use crate::plan::show_values;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} {}", self.field, self.ends[self.side], self.record)?;
        match &self.link {
            None => writeln!(f, "  the record is not linked: nothing is written for it")?,
            Some(link) => {
                let partner = &link.records[self.side.other()];
                let use_ = match link.status {
                    LinkStatus::Active => "",
                    LinkStatus::Suspended => ", and the link is suspended: nothing is written",
                    LinkStatus::Tombstone => ", and the link has ended: nothing is written",
                };
                writeln!(f, "  linked to {} {partner}{use_}", self.ends[self.side.other()])?;
            }
        }
        self.waits.iter().try_for_each(|waiting| show_waiting("the record", waiting, f))?;
        if self.pairs.is_empty() {
            writeln!(f, "  no pair of the mapping has this field: it is left alone")?;
        }
        self.pairs.iter().try_for_each(|pair| self.show_pair(pair, f))
    }
}

impl Explanation {
    fn show_pair(&self, pair: &ExplainedPair, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", pair.label)?;
        let shown = |values: Option<&[Value]>| match values {
            Some(values) => show_values(values, false),
            None => show_values(&[], pair.sensitive).replace("(blank)", "nothing yet"),
        };
        for side in Side::BOTH {
            let held = shown(pair.confirmed[side].as_deref());
            writeln!(f, "    {} was last confirmed to hold {held}", self.ends[side])?;
        }
        for told in &pair.log {
            let end = &self.ends[told.side];
            let (at, run, cause) = (told.at, told.run, &told.cause);
            let after = shown(told.after.as_deref());
            match told.kind {
                LogKind::Note => {
                    writeln!(f, "    {at}, run {run}: {end} holds {after}, left so: {cause}")?;
                }
                LogKind::Create => {
                    writeln!(f, "    {at}, run {run}: {end} was created with {after}: {cause}")?;
                }
                LogKind::Update
                | LogKind::Link
                | LogKind::Archive
                | LogKind::Delete
                | LogKind::Restore
                | LogKind::Suspend
                | LogKind::Resume
                | LogKind::End
                | LogKind::Follow => {
                    let before = shown(told.before.as_deref());
                    writeln!(
                        f,
                        "    {at}, run {run}: {end} was written, {before} became {after}: {cause}"
                    )?;
                }
            }
        }
        for conflict in &pair.conflicts {
            let [source, target] = Side::BOTH.map(|side| shown(conflict.values[side].as_deref()));
            let stands = match (conflict.status, conflict.winner) {
                (ConflictStatus::Open, _) => "it waits for a person".to_owned(),
                (ConflictStatus::Stale, _) => "a side moved on before it was decided".to_owned(),
                (_, Some(Winner::Source)) => format!("{} won", self.ends.source),
                (_, Some(Winner::Target)) => format!("{} won", self.ends.target),
                (_, Some(Winner::Merged)) => "both were merged".to_owned(),
                (_, None) => "both stayed as they were".to_owned(),
            };
            writeln!(
                f,
                "    {}, run {}: conflict between {source} and {target}: {stands} ({}: {})",
                conflict.at, conflict.run, conflict.strategy, conflict.why
            )?;
        }
        pair.waits.iter().try_for_each(|waiting| show_waiting("it", waiting, f))
    }
}

fn show_waiting(what: &str, waiting: &Waiting, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "    {what} waits since {} ({}): {}; next: {}",
        waiting.since, waiting.reason, waiting.detail, waiting.next
    )
}
