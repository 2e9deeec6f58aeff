//! Tables of what the engine decides and does, at most [`WIDTH`] columns wide.
//!
//! Values of sensitive pairs are not shown. Nothing is printed here.

mod rows;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use fluxcascade_core::mapping::CompiledMapping;
use fluxcascade_core::model::{
    Conflict, FieldName, LogRow, PairId, RecordId, Side, Sides, Timestamp, Value, Winner,
};
use fluxcascade_core::report::SideReport;
use fluxcascade_core::{Plan, SyncReport};

use rows::{Row, plan_rows};

/// The widest that a table is, in columns.
pub const WIDTH: u16 = 110;

/// What people call the records of a link, or the one there is.
pub type Naming<'a> = &'a dyn Fn(&Sides<Option<RecordId>>) -> String;

/// Makes tables for one mapping.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    mapping: &'a CompiledMapping,
    naming: Naming<'a>,
}

impl std::fmt::Debug for Show<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Show").field("mapping", &self.mapping.mapping.name).finish_non_exhaustive()
    }
}

impl<'a> Show<'a> {
    /// Tables for this mapping, whose records go by these names.
    pub fn new(mapping: &'a CompiledMapping, naming: Naming<'a>) -> Self {
        Self { mapping, naming }
    }

    /// What the mapping ties to what, and how its conflicts are decided.
    pub fn mapping(&self) -> Table {
        let ends = Side::BOTH.map(|side| self.mapping.endpoint(side).to_string());
        let [source, target] = ends;
        let mut table = table([source, target, "conflicts".into(), "first link".into()]);
        for pair in &self.mapping.pairs {
            let fields = Side::BOTH.map(|side| {
                let names: Vec<&str> =
                    pair.ends[side].names.iter().map(FieldName::as_str).collect();
                names.join(", ")
            });
            let [source, target] = fields;
            let strategies = [pair.conflicts.name(), pair.first_link.name()];
            let [conflicts, first_link] = strategies;
            table.add_row([source, target, conflicts, first_link]);
        }
        table
    }

    /// How many records a plan would link, create and update on each side.
    pub fn plan_counts(&self, plan: &Plan) -> Table {
        let count = |wanted: &dyn Fn(&fluxcascade_core::plan::Entry) -> bool| {
            plan.entries.iter().filter(|entry| wanted(entry)).count() as u64
        };
        let linked = count(&|entry| entry.link.is_some());
        let created = Sides::from_fn(|side| count(&|entry| entry.create == Some(side)));
        let updated = Sides::from_fn(|side| {
            count(&|entry| entry.writes_to(side) && entry.create != Some(side))
        });
        let held: u64 = plan.entries.iter().map(|entry| entry.holds.len() as u64).sum();
        let mut table = self.counted("the plan");
        add_counts(&mut table, "link to the record with the same key", &Sides::from_fn(|_| linked));
        add_counts(&mut table, "create", &created);
        add_counts(&mut table, "update", &updated);
        if held > 0 {
            add_counts(&mut table, "hold for a person", &Sides::from_fn(|_| held));
        }
        table
    }

    /// What a plan would write and why: so many rows of each sort.
    pub fn plan(&self, plan: &Plan, most_of_each: usize) -> Table {
        let mut table = table(["record", "to write", "now", "becomes", "why"]);
        for row in rows::some_of_each(plan_rows(self, plan), most_of_each) {
            let Row { record, to, field, before, after, why } = row;
            table.add_row([record, format!("{} {field}", self.system(to)), before, after, why]);
        }
        widen_why(table)
    }

    /// What a run did on each side. `more` are rows that only the caller knows: requests, say.
    /// Counts of nothing are left out, but for those of writes.
    pub fn report(&self, report: &SyncReport, more: &[(&str, Sides<u64>)]) -> Table {
        let mut table = self.counted(&format!("run {}", report.run));
        let sides = report.sides.as_ref();
        let of = |count: fn(&SideReport) -> u64| sides.map(count);
        let reads = [
            ("records listed as changed", of(|side| side.listed)),
            ("of them to be looked at", of(|side| side.taken)),
            ("records read by id, before and after writing", of(|side| side.fetched)),
        ];
        for (title, counts) in reads.iter().chain(more).filter(|(_, counts)| !is_zero(counts)) {
            add_counts(&mut table, title, counts);
        }
        add_counts(&mut table, "records created", &of(|side| side.created));
        add_counts(&mut table, "records updated", &of(|side| side.updated));
        table
    }

    /// Log rows: what was written, what was there before, and why.
    pub fn log(&self, log: &[LogRow]) -> Table {
        let mut table = table(["time", "record", "written", "before", "after", "why"]);
        for entry in log {
            for row in rows::log_rows(self, entry) {
                let Row { record, to, field, before, after, why } = row;
                let written = format!("{} {field}", self.system(to));
                table.add_row([clock_time(entry.at), record, written, before, after, why]);
            }
        }
        widen_why(table)
    }

    /// A conflict: what each side held and when, who won and why.
    pub fn conflict(&self, conflict: &Conflict) -> Table {
        let records = conflict.records.as_ref().map(|record| Some(record.clone()));
        let pair = conflict.pair.as_ref().map_or("(record)", PairId::as_str);
        let title = format!("{}: {pair}", (self.naming)(&records));
        let [source, target] = Side::BOTH.map(|side| self.system(side));
        let mut table = table([title, source, target]);
        let mut add = |title: &str, of: &dyn Fn(Side) -> String| {
            table.add_row([title.to_owned(), of(Side::Source), of(Side::Target)]);
        };
        let values = |values: &[Value]| self.values(pair, values);
        add("agreed before", &|side| {
            conflict.base[side].as_deref().map_or_else(|| "never".into(), values)
        });
        add("changed to", &|side| values(&conflict.values[side]));
        add("changed at", &|side| conflict.times[side].map_or("unknown".into(), clock_time));
        add("outcome", &|side| match conflict.winner {
            None => "waits for a person".into(),
            Some(Winner::Merged) => "merged".into(),
            Some(winner) if winner == Winner::from(side) => "wins".into(),
            Some(_) => "overwritten, and kept here".into(),
        });
        table
    }

    /// Who won a conflict by what strategy, and why, in two lines.
    pub fn verdict(&self, conflict: &Conflict) -> String {
        let strategy = &conflict.strategy;
        let outcome = match conflict.winner {
            None => "a person must decide".into(),
            Some(Winner::Source) => format!("{} wins", self.system(Side::Source)),
            Some(Winner::Target) => format!("{} wins", self.system(Side::Target)),
            Some(Winner::Merged) => "both are merged".into(),
        };
        let why = conflict.why.strip_prefix(strategy.as_str()).unwrap_or(&conflict.why);
        format!("By {strategy} {outcome}:\n{}.", why.trim_start_matches(": "))
    }

    /// A pair's values for people: blanks left out, nothing of a sensitive pair.
    pub fn values(&self, pair: &str, values: &[Value]) -> String {
        let known = self.mapping.pairs.iter().find(|known| known.id.as_str() == pair);
        if known.is_some_and(|pair| pair.sensitive) {
            return "[sensitive]".into();
        }
        let texts: Vec<String> =
            values.iter().filter(|value| !value.is_blank()).map(Value::to_string).collect();
        if texts.is_empty() { "(blank)".into() } else { texts.join(", ") }
    }

    fn system(&self, side: Side) -> String {
        self.mapping.endpoint(side).connection.to_string()
    }

    fn name(&self, records: &Sides<Option<RecordId>>) -> String {
        (self.naming)(records)
    }

    fn counted(&self, title: &str) -> Table {
        let [source, target] = Side::BOTH.map(|side| self.mapping.endpoint(side).to_string());
        table([title.to_owned(), source, target])
    }
}

/// The time of day in UTC: `14:05:00`.
pub fn clock_time(at: Timestamp) -> String {
    at.to_chrono().map_or_else(|| at.to_string(), |time| time.format("%H:%M:%S").to_string())
}

fn table<const N: usize>(header: [impl Into<String>; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.map(Into::into));
    table
}

/// The last column holds sentences: narrow, it would make rows tall.
fn widen_why(mut table: Table) -> Table {
    if let Some(why) = table.column_iter_mut().last() {
        why.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(27)));
    }
    table
}

fn is_zero(counts: &Sides<u64>) -> bool {
    counts.source == 0 && counts.target == 0
}

fn add_counts(table: &mut Table, title: &str, counts: &Sides<u64>) {
    let number = |count: u64| Cell::new(count).set_alignment(CellAlignment::Right);
    table.add_row([Cell::new(title), number(counts.source), number(counts.target)]);
}
