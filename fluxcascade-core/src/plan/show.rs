//! A plan for people: what would be linked, created, written, held, and why.

use std::fmt;

use super::diff::is_told;
use super::entry::{Entry, PairAction, PairPlan, Plan, RecordAction, Step};
use crate::model::{Cause, Side, Value};

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
        for entry in self.entries.iter().filter(|entry| is_told(entry)) {
            self.words(entry).iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        self.stops.iter().try_for_each(|stop| writeln!(f, "  guard: {stop}"))
    }
}

impl Plan {
    /// An entry in words: a line that names the records, and a line for each thing done.
    pub fn words(&self, entry: &Entry) -> Vec<String> {
        let mut lines = vec![format!(
            "{} ↔ {}",
            self.record_name(entry, Side::Source),
            self.record_name(entry, Side::Target)
        )];
        let mut say = |line: String| lines.push(format!("  {line}"));
        if let Some(link) = &entry.link {
            say(format!("link: same {}", link.rule));
        }
        if let Some(update) = &entry.before {
            say(format!("link: {} ({})", update.kind, update.why));
        }
        for settled in &entry.settled {
            say(format!("settle: a write to the {} without an answer", settled.side));
        }
        if let Some((side, action)) = entry.record {
            say(format!("{} in {}", action.words(), self.ends[side]));
        }
        for pair in &entry.pairs {
            self.pair_words(pair).into_iter().for_each(&mut say);
        }
        for (side, stamp) in entry.stamps.iter() {
            if let Some(stamp) = stamp {
                say(format!("{} in {} becomes {}", stamp.field, self.ends[side], stamp.id));
            }
        }
        for (side, note) in &entry.notes {
            say(format!("note: {} on the {side}: {}", note.pair, note.cause));
        }
        if let Some(update) = &entry.after {
            say(format!("link: {} ({})", update.kind, update.why));
        }
        for hold in &entry.holds {
            say(format!("held ({}): {}", hold.reason, hold.detail));
            say(format!("  next: {}", hold.next_step()));
        }
        match &entry.step {
            Step::Waits { why } => say(format!("waits: {why}")),
            Step::Needs => say("to be read first".into()),
            Step::Unchanged | Step::Decided | Step::Follows | Step::Ignored => {}
        }
        lines
    }

    fn record_name(&self, entry: &Entry, side: Side) -> String {
        match &entry.records[side] {
            Some(record) => format!("{} {record}", self.ends[side]),
            None if entry.create == Some(side) => format!("new record in {}", self.ends[side]),
            None => format!("nothing in {}", self.ends[side]),
        }
    }

    fn pair_words(&self, pair: &PairPlan) -> Vec<String> {
        let Some(title) = self.pairs.get(pair.index) else { return Vec::new() };
        let line = |to: Side, send: &[Value], cause: &Cause| {
            format!(
                "{} in {}: {} becomes {} ({cause})",
                title.label,
                self.ends[to],
                show_values(&pair.values[to], title.sensitive),
                show_values(send, title.sensitive)
            )
        };
        match &pair.action {
            PairAction::Adopt => Vec::new(),
            PairAction::Write { to, send, cause, .. } => vec![line(*to, send, cause)],
            PairAction::WriteBoth { send, cause, .. } => {
                Side::BOTH.map(|to| line(to, &send[to], cause)).to_vec()
            }
        }
    }
}

impl RecordAction {
    /// What is done, for people.
    pub fn words(self) -> &'static str {
        match self {
            RecordAction::Archive => "archive the record",
            RecordAction::Delete => "delete the record for good",
            RecordAction::Restore => "restore the record",
        }
    }
}

/// A pair's values for people, unless they are sensitive.
pub(crate) fn show_values(values: &[Value], sensitive: bool) -> String {
    if sensitive {
        return "[sensitive]".to_owned();
    }
    if values.iter().all(Value::is_blank) {
        return "(blank)".to_owned();
    }
    let texts: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    texts.join(" + ")
}
