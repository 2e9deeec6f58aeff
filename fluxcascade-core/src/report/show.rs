//! A report for people: what was done, what waits and why, and the next step for each.

use std::fmt;

use super::{HeldItem, SyncReport};
use crate::model::{RecordId, RunStatus, Side, Sides};

impl fmt::Display for SyncReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "run {} of {}: {}, {} linked, {} decided, {} held, {} waiting, {} failed",
            self.run,
            self.mapping,
            counted(self.writes(), "write"),
            self.linked,
            counted(self.conflicts_decided, "conflict"),
            self.held.len(),
            self.waiting,
            self.failed.len()
        )?;
        let withheld: u64 = self.guards.iter().map(|stop| stop.count).sum();
        if withheld > 0 {
            write!(f, ", {withheld} withheld by guards")?;
        }
        if !self.moved.is_empty() {
            write!(f, ", {} moved since the plan", self.moved.len())?;
        }
        writeln!(f, "{}", if self.status == RunStatus::Partial { " (partial)" } else { "" })?;
        self.show_sides(f)?;
        self.held.iter().try_for_each(|held| show_held(held, f))?;
        self.guards.iter().try_for_each(|stop| writeln!(f, "  guard: {stop}"))?;
        self.show_failed(f)?;
        self.show_moved(f)?;
        for (pair, count) in &self.retransformed {
            writeln!(
                f,
                "  {pair}: its transform was changed, and {} not mean the same by it",
                if *count == 1 { "1 link does".into() } else { format!("{count} links do") }
            )?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "  warning: {warning}"))
    }
}

impl SyncReport {
    fn show_sides(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (side, report) in self.sides.iter() {
            write!(
                f,
                "  {}: {} listed on {}, {} looked at, {} fetched, {} created, {} updated",
                self.ends[side],
                report.listed,
                counted(report.pages, "page"),
                report.taken,
                report.fetched,
                report.created,
                report.updated
            )?;
            if report.removed > 0 {
                write!(f, ", {} removed", report.removed)?;
            }
            if report.restored > 0 {
                write!(f, ", {} restored", report.restored)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn show_failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failed {
            let what = failure.record.as_ref().map_or_else(
                || format!("a new record for {}", failure.origin),
                RecordId::to_string,
            );
            writeln!(f, "  failed: {} {what}: {}", self.ends[failure.side], failure.error)?;
            writeln!(f, "    next: {}", failure.error.kind.next_step())?;
        }
        Ok(())
    }

    fn show_moved(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for moved in &self.moved {
            writeln!(f, "  moved since the plan, not carried out: {}", names(&moved.records))?;
            moved.planned.iter().skip(1).try_for_each(|line| writeln!(f, "    was: {line}"))?;
            moved.now.iter().try_for_each(|line| writeln!(f, "    now: {line}"))?;
            writeln!(f, "    next: the next run decides it anew, or make a new plan")?;
        }
        Ok(())
    }
}

fn show_held(held: &HeldItem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "  held ({}): {}: {}", held.reason, names(&held.records), held.detail)?;
    if !held.candidates.is_empty() {
        let candidates: Vec<String> =
            held.candidates.iter().map(|(side, record)| format!("{side} {record}")).collect();
        writeln!(f, "    could be: {}", candidates.join(", "))?;
    }
    writeln!(f, "    next: {}", held.next)
}

/// Both records, as far as there are both.
pub(crate) fn names(records: &Sides<Option<RecordId>>) -> String {
    let name = |side: Side| records[side].as_ref().map_or("-", RecordId::as_str);
    format!("{} ↔ {}", name(Side::Source), name(Side::Target))
}

/// `1 write`, `2 writes`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
