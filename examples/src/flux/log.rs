//! The log for people: what was written, what was there before, and why. It is read from the store, and no
//! system is asked.

use fluxcascade_core::Mapping;
use fluxcascade_core::model::{
    LogKind, LogPair, LogRow, MappingKey, RecordId, RunNumber, Side, Value,
};
use fluxcascade_core::store::{Page, Store};

use super::config::Config;
use super::{Exit, Host, Outcome, named};

/// What is wanted of the log.
pub(super) struct Wanted<'w> {
    pub(super) mapping: &'w Option<String>,
    pub(super) record: &'w Option<String>,
    pub(super) run: Option<u64>,
    pub(super) limit: usize,
}

/// Shows the log of one mapping, or of each.
pub(super) async fn show(
    config: &Config<'_, '_>,
    wanted: &Wanted<'_>,
    host: &mut Host<'_>,
) -> Outcome<Exit> {
    let names = named(config, wanted.mapping.as_slice())?;
    let Some(store) = &config.store else { return Err("there is no store".into()) };
    let store = store.open(config.mappings()).await?.store;
    for mapping in config.mappings().filter(|mapping| names.contains(&mapping.name)) {
        let tenant = config.engine.tenant.clone().unwrap_or_default();
        let key = MappingKey { tenant, mapping: mapping.name.clone() };
        let rows = read(&*store, &key, wanted).await?;
        writeln!(host.out, "log of {}: {}", mapping.name, counted(rows.len(), wanted.limit))?;
        for row in &rows {
            show_row(mapping, row, host)?;
        }
    }
    Ok(Exit::Done)
}

fn counted(rows: usize, limit: usize) -> String {
    match rows {
        0 => "nothing".to_owned(),
        1 => "1 row".to_owned(),
        rows if rows == limit => format!("the newest {rows} rows"),
        rows => format!("{rows} rows"),
    }
}

/// The newest rows; those about a record may be of either side.
async fn read(store: &dyn Store, key: &MappingKey, wanted: &Wanted<'_>) -> Outcome<Vec<LogRow>> {
    let runs = wanted.run.map(|run| (RunNumber(run), RunNumber(run)));
    let page = Page { runs, limit: wanted.limit, ..Page::default() };
    let Some(record) = wanted.record else { return Ok(store.log(key, &page).await?) };
    let record = RecordId::new(record)?;
    let mut rows: Vec<LogRow> = Vec::new();
    for side in Side::BOTH {
        let page = Page { record: Some((side, record.clone())), ..page.clone() };
        for row in store.log(key, &page).await? {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.run, row.at)));
    rows.truncate(wanted.limit);
    Ok(rows)
}

fn show_row(mapping: &Mapping, row: &LogRow, host: &mut Host<'_>) -> Outcome<()> {
    let end = |side: Side| {
        let id = row.records[side].as_ref().map_or("-", RecordId::as_str);
        format!("{} {id}", mapping.endpoint(side))
    };
    let about = match row.kind {
        LogKind::Create
        | LogKind::Update
        | LogKind::Note
        | LogKind::Archive
        | LogKind::Delete
        | LogKind::Restore => format!("{} (from {})", end(row.side), end(row.side.other())),
        LogKind::Link | LogKind::Suspend | LogKind::Resume | LogKind::End | LogKind::Follow => {
            format!("{} ↔ {}", end(Side::Source), end(Side::Target))
        }
    };
    let note = if row.note.is_empty() { String::new() } else { format!(": {}", row.note) };
    writeln!(host.out, "{}  run {}  {}  {about}{note}", row.at, row.run, row.kind)?;
    for pair in &row.pairs {
        let values = |values: &[Value]| shown(mapping, pair, values);
        let before = match row.kind {
            LogKind::Create => String::new(),
            LogKind::Update
            | LogKind::Note
            | LogKind::Link
            | LogKind::Archive
            | LogKind::Delete
            | LogKind::Restore
            | LogKind::Suspend
            | LogKind::Resume
            | LogKind::End
            | LogKind::Follow => format!("{} → ", values(&pair.before)),
        };
        writeln!(host.out, "    {}: {before}{}  ({})", pair.pair, values(&pair.after), pair.cause)?;
    }
    Ok(())
}

/// A pair's values, if the mapping says that they may be shown.
fn shown(mapping: &Mapping, pair: &LogPair, values: &[Value]) -> String {
    let known = mapping.pairs.iter().find(|known| known.id() == pair.pair);
    let foreign = mapping
        .foreign_ids
        .iter()
        .any(|(_, id)| id.as_ref().is_some_and(|id| id.field.as_str() == pair.pair.as_str()));
    match known {
        Some(known) if known.sensitive => return "[sensitive]".to_owned(),
        None if !foreign => return "[not in the mapping any more]".to_owned(),
        Some(_) | None => {}
    }
    if values.iter().all(Value::is_blank) {
        return "(blank)".to_owned();
    }
    values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(" + ")
}
