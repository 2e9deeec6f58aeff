//! Plans and log rows as rows of text. How rows look as a table is the parent's.

use fluxcascade_core::model::{Cause, LogKind, LogRow, Side};
use fluxcascade_core::plan::Entry;
use fluxcascade_core::{Plan, Value};

use super::Show;

/// One write, of a field or of a whole new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) record: String,
    pub(super) to: Side,
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) why: String,
}

/// The first so many rows of each sort, sort by sort: rows with the same side, and the same reason
/// but for what comes after a colon, which is about the one case.
pub(super) fn some_of_each(rows: Vec<Row>, most: usize) -> Vec<Row> {
    let mut sorts: Vec<((Side, String), Vec<Row>)> = Vec::new();
    for row in rows {
        let sort = (row.to, row.why.split(':').next().unwrap_or_default().to_owned());
        match sorts.iter_mut().find(|(known, _)| *known == sort) {
            Some((_, kept)) if kept.len() >= most => {}
            Some((_, kept)) => kept.push(row),
            None => sorts.push((sort, vec![row])),
        }
    }
    sorts.into_iter().flat_map(|(_, kept)| kept).collect()
}

/// A row for every pair that is written, and one for every record that is created.
pub(super) fn plan_rows(show: &Show<'_>, plan: &Plan) -> Vec<Row> {
    plan.entries.iter().flat_map(|entry| entry_rows(show, plan, entry)).collect()
}

fn entry_rows(show: &Show<'_>, plan: &Plan, entry: &Entry) -> Vec<Row> {
    let record = show.name(&entry.records);
    let mut rows = Vec::new();
    let mut new = Vec::new();
    for pair in &entry.pairs {
        let Some(title) = plan.pairs.get(pair.index) else { continue };
        for (to, send, cause) in pair.writes() {
            if entry.create == Some(to) {
                new.push(send);
                continue;
            }
            rows.push(Row {
                record: record.clone(),
                to,
                field: title.id.to_string(),
                before: show.values(title.id.as_str(), &pair.values[to]),
                after: show.values(title.id.as_str(), send),
                why: cause.to_string(),
            });
        }
    }
    if let Some(to) = entry.create {
        rows.push(new_record(record, to, &new));
    }
    rows
}

/// A whole record is too much for a table: its values are counted.
fn new_record(record: String, to: Side, values: &[&[Value]]) -> Row {
    let known = values.iter().filter(|values| !values.iter().all(Value::is_blank)).count();
    Row {
        record,
        to,
        field: "(new)".into(),
        before: String::new(),
        after: format!("{known} fields"),
        why: Cause::Create.to_string(),
    }
}

/// A row for every pair of a log row, or one for the record as a whole.
pub(super) fn log_rows(show: &Show<'_>, row: &LogRow) -> Vec<Row> {
    let record = show.name(&row.records);
    let values = |pair: &str, values: &[_]| show.values(pair, values);
    match row.kind {
        LogKind::Create => {
            let new: Vec<&[Value]> = row.pairs.iter().map(|pair| pair.after.as_slice()).collect();
            vec![new_record(record, row.side, &new)]
        }
        LogKind::Link
        | LogKind::Archive
        | LogKind::Delete
        | LogKind::Restore
        | LogKind::Suspend
        | LogKind::Resume
        | LogKind::End
        | LogKind::Follow => vec![Row {
            record,
            to: row.side,
            field: format!("({})", row.kind),
            before: String::new(),
            after: String::new(),
            why: row.note.clone(),
        }],
        LogKind::Update | LogKind::Note => {
            let changed = row.pairs.iter().map(|pair| Row {
                record: record.clone(),
                to: row.side,
                field: pair.pair.to_string(),
                before: values(pair.pair.as_str(), &pair.before),
                after: values(pair.pair.as_str(), &pair.after),
                why: pair.cause.to_string(),
            });
            changed.collect()
        }
    }
}
