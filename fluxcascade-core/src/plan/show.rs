//! A plan for people: what would be linked, created, written, held, and why.

use std::fmt;

use super::entry::{Entry, PairAction, PairPlan, Plan, Step};
use crate::model::{Side, Value};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writes = self.writes();
        let links = self.entries.iter().filter(|entry| entry.link.is_some()).count();
        let holds = self.entries.iter().map(|entry| entry.holds.len()).sum::<usize>();
        writeln!(
            f,
            "plan for {}: {links} to link, {} to write in {}, {} in {}, {holds} to hold",
            self.mapping, writes.source, self.ends.source, writes.target, self.ends.target
        )?;
        self.entries.iter().filter(|entry| is_shown(entry)).try_for_each(|e| self.show(e, f))
    }
}

fn is_shown(entry: &Entry) -> bool {
    !entry.is_quiet() || matches!(entry.step, Step::Waits { .. } | Step::Needs)
}

impl Plan {
    fn show(&self, entry: &Entry, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |side: Side| match &entry.records[side] {
            Some(record) => format!("{} {record}", self.ends[side]),
            None if entry.create == Some(side) => format!("new record in {}", self.ends[side]),
            None => format!("nothing in {}", self.ends[side]),
        };
        writeln!(f, "  {} ↔ {}", name(Side::Source), name(Side::Target))?;
        if let Some(link) = &entry.link {
            writeln!(f, "    link: same {}", link.rule)?;
        }
        for settled in &entry.settled {
            writeln!(f, "    settle: a write to the {} without an answer", settled.side)?;
        }
        for pair in &entry.pairs {
            self.show_pair(pair, f)?;
        }
        for (side, note) in &entry.notes {
            writeln!(f, "    note: {} on the {side}: {}", note.pair, note.cause)?;
        }
        for hold in &entry.holds {
            writeln!(f, "    held ({}): {}", hold.reason, hold.detail)?;
        }
        match &entry.step {
            Step::Waits { why } => writeln!(f, "    waits: {why}"),
            Step::Needs => writeln!(f, "    to be read first"),
            Step::Unchanged | Step::Decided | Step::Follows | Step::Ignored => Ok(()),
        }
    }

    fn show_pair(&self, pair: &PairPlan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PairAction::Write { to, send, cause, .. } = &pair.action else { return Ok(()) };
        let Some(title) = self.pairs.get(pair.index) else { return Ok(()) };
        let shown = |values: &[Value]| show_values(values, title.sensitive);
        writeln!(
            f,
            "    {} in {}: {} becomes {} ({cause})",
            title.label,
            self.ends[*to],
            shown(&pair.values[*to]),
            shown(send)
        )
    }
}

/// A pair's values for people, unless they are sensitive.
fn show_values(values: &[Value], sensitive: bool) -> String {
    if sensitive {
        return "[sensitive]".to_owned();
    }
    if values.iter().all(Value::is_blank) {
        return "(blank)".to_owned();
    }
    let texts: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    texts.join(" + ")
}
