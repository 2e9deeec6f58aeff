//! Reading records by id, and finding them by a value.

use std::collections::{HashMap, HashSet};

use fluxcascade_core::connector::{ConnectorError, ErrorKind, FetchRequest, FindRequest, Found};
use fluxcascade_core::model::{
    FieldSchema, FieldType, Observation, Provenance, RecordId, State, Value,
};

use super::association;
use super::catalog::{Known, Reading};
use super::client::{Api, Shelf};
use super::convert;
use super::error::{self, of_row};
use super::wire::{
    BatchAnswer, BatchRead, ErrorBody, Filter, FilterGroup, IdInput, Record, Search,
};

/// Records in one read by id, at most.
pub(super) const BATCH: usize = 100;

/// HubSpot refuses a search with more characters; some are left for what is not values.
const LONGEST_SEARCH: usize = 2_500;

/// Pages that a search for values may have; a value with more holders identifies nothing.
const MOST_PAGES: usize = 20;

/// What a read by id gives. An id that is in neither is not there.
#[derive(Debug)]
pub(super) struct Batch {
    /// In no order.
    pub(super) records: Vec<Record>,
    /// Why others cannot be read; the rest does not wait for them.
    pub(super) unreadable: HashMap<RecordId, String>,
}

/// Who holds these values of a unique property, by the values as they are [compared](unique_form); of live
/// records.
pub(super) async fn holders(
    api: &Api,
    known: &Known,
    property: &str,
    values: &[&str],
) -> Result<HashMap<String, RecordId>, ConnectorError> {
    let object = &known.kind.path;
    let mut seen = HashSet::new();
    let asked: Vec<&str> =
        values.iter().copied().filter(|value| seen.insert(unique_form(value))).collect();
    let mut found = HashMap::new();
    for chunk in asked.chunks(BATCH) {
        let inputs = chunk.iter().map(|value| IdInput { id: value }).collect();
        let names = ["hs_object_id", property];
        let records = read_whole(api, object, Some(property), inputs, &names).await?;
        for record in &records {
            let id = convert::record_id(&record.id)?;
            let shown = convert::shown(record, property).map(unique_form);
            // An answer to one value alone is about that one, whatever it shows: a contact may have it as
            // its second address.
            let own = match chunk {
                [value] => Some(unique_form(value)),
                _ => shown,
            };
            found.extend(own.map(|own| (own, id)));
        }
    }
    Ok(found)
}

/// A unique value as HubSpot compares it: without case, and without white space around it.
pub(super) fn unique_form(value: &str) -> String {
    value.trim().to_lowercase()
}

/// Live or archived records by id.
pub(super) async fn batch(
    api: &Api,
    object: &str,
    which: Shelf,
    ids: &[RecordId],
    properties: &[&str],
) -> Result<Batch, ConnectorError> {
    let inputs = ids.iter().map(|id| IdInput { id: id.as_str() }).collect();
    let answer = read_inputs(api, object, which, None, inputs, properties).await?;
    let mut unreadable = HashMap::new();
    for row in failures(&answer.errors) {
        let named = error::named(row, ids);
        if named.is_empty() || !error::is_rows_own(row) {
            return Err(of_row(row));
        }
        for id in named {
            unreadable.entry(id).or_insert_with(|| error::unreadable(of_row(row)));
        }
    }
    Ok(Batch { records: answer.results, unreadable })
}

async fn read_inputs(
    api: &Api,
    object: &str,
    which: Shelf,
    id_property: Option<&str>,
    inputs: Vec<IdInput<'_>>,
    properties: &[&str],
) -> Result<BatchAnswer, ConnectorError> {
    let request = BatchRead { properties, properties_with_history: &[], id_property, inputs };
    api.read(object, which, &request).await
}

/// The rows that could not be read: they are no missing records.
pub(super) fn failures(rows: &[ErrorBody]) -> impl Iterator<Item = &ErrorBody> {
    rows.iter().filter(|row| row.category != "OBJECT_NOT_FOUND")
}

/// One observation per id asked, in the order asked.
pub(super) async fn fetch(
    reading: &Reading<'_>,
    request: &FetchRequest,
) -> Result<Vec<Observation>, ConnectorError> {
    let mut seen = HashSet::new();
    let ids: Vec<RecordId> = request
        .records
        .iter()
        .filter(|id| convert::is_record_id(id) && seen.insert((*id).clone()))
        .cloned()
        .collect();
    let mut states: HashMap<RecordId, State> = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(BATCH) {
        fetch_live(reading, request, chunk, &mut states).await?;
        fetch_gone(reading, request, chunk, &mut states).await?;
    }
    let state = |id: &RecordId| states.get(id).cloned().unwrap_or(State::Missing);
    let mut seen: Vec<Observation> =
        request.records.iter().map(|id| Observation::fetched(id.clone(), state(id))).collect();
    association::fill(reading.api, reading.known, &request.projection, &mut seen).await?;
    Ok(seen)
}

async fn fetch_live(
    reading: &Reading<'_>,
    request: &FetchRequest,
    ids: &[RecordId],
    states: &mut HashMap<RecordId, State>,
) -> Result<(), ConnectorError> {
    let (api, known, projection) = (reading.api, reading.known, &request.projection);
    let properties = convert::properties(projection, &known.schema);
    let read = batch(api, &known.kind.path, Shelf::Live, ids, &properties).await?;
    let shown = reading.as_shown(projection, &read.records).await?;
    for record in &read.records {
        let seen = convert::observation(record, projection, &shown.schema, Provenance::Fetched)?;
        // HubSpot may answer an old id with the record that it lives on in.
        for loser in convert::merged_ids(record) {
            if ids.contains(&loser) && loser != seen.record {
                states.entry(loser).or_insert_with(|| State::MergedInto(seen.record.clone()));
            }
        }
        if ids.contains(&seen.record) {
            states.insert(seen.record, seen.state);
        }
    }
    add_unreadable(states, read.unreadable);
    Ok(())
}

/// What is known of a record in another way is kept.
fn add_unreadable(states: &mut HashMap<RecordId, State>, unreadable: HashMap<RecordId, String>) {
    for (id, why) in unreadable {
        states.entry(id).or_insert(State::Unreadable(why));
    }
}

/// Why ids gave no live record: archived, merged into another, or not known. One request for the
/// first, then one per id, because only a read of a single record follows a merge.
async fn fetch_gone(
    reading: &Reading<'_>,
    request: &FetchRequest,
    ids: &[RecordId],
    states: &mut HashMap<RecordId, State>,
) -> Result<(), ConnectorError> {
    let open: Vec<RecordId> = ids.iter().filter(|id| !states.contains_key(*id)).cloned().collect();
    if open.is_empty() {
        return Ok(());
    }
    let (api, known) = (reading.api, reading.known);
    let properties = convert::properties(&request.projection, &known.schema);
    let read = batch(api, &known.kind.path, Shelf::Archived, &open, &properties).await?;
    for record in &read.records {
        let id = convert::record_id(&record.id)?;
        if open.contains(&id) {
            let values = convert::archived(record, &request.projection, &known.schema);
            states.insert(id, State::Archived(values));
        }
    }
    add_unreadable(states, read.unreadable);
    for id in open {
        if states.contains_key(&id) {
            continue;
        }
        let record = match api.resolve(&known.kind.path, &id).await {
            Ok(Some(record)) => record,
            Ok(None) => continue,
            Err(refusal) if error::is_records_own(&refusal) => {
                states.insert(id, State::Unreadable(error::unreadable(refusal)));
                continue;
            }
            Err(error) => return Err(error),
        };
        let lives_as = convert::record_id(&record.id)?;
        if lives_as != id {
            states.insert(id, State::MergedInto(lives_as));
        } else if record.archived {
            let values = convert::archived(&record, &request.projection, &known.schema);
            states.insert(id, State::Archived(values));
        } else {
            // It has come back since the first request.
            fetch_live(reading, request, std::slice::from_ref(&id), states).await?;
        }
    }
    Ok(())
}

/// Live records, or an error: a holder of a value that cannot be read is one nevertheless, and a
/// match made without it could be wrong.
async fn read_whole(
    api: &Api,
    object: &str,
    id_property: Option<&str>,
    inputs: Vec<IdInput<'_>>,
    properties: &[&str],
) -> Result<Vec<Record>, ConnectorError> {
    let answer = read_inputs(api, object, Shelf::Live, id_property, inputs, properties).await?;
    match failures(&answer.errors).next() {
        Some(row) => Err(of_row(row)),
        None => Ok(answer.results),
    }
}

/// Records that hold one of the values.
pub(super) async fn find(
    reading: &Reading<'_>,
    request: &FindRequest,
) -> Result<Vec<Found>, ConnectorError> {
    let (api, known) = (reading.api, reading.known);
    let field = known.schema.field(&request.field).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::Validation,
            format!("HubSpot has no property `{}` to look in", request.field),
        )
    })?;
    let wanted = wanted(field, &request.values)?;
    let mut properties = convert::properties(&request.projection, &known.schema);
    if !properties.contains(&field.name.as_str()) {
        properties.push(field.name.as_str());
    }
    let mut records: HashMap<RecordId, Record> = HashMap::new();
    if field.unique {
        for chunk in wanted.chunks(BATCH) {
            let inputs = chunk.iter().map(|text| IdInput { id: text }).collect();
            let name = Some(field.name.as_str());
            let read = read_whole(api, &known.kind.path, name, inputs, &properties);
            keep(&mut records, read.await?)?;
        }
    } else {
        for values in chunks_for_search(&wanted) {
            search(api, known, field, values, &properties, &mut records).await?;
        }
    }
    let mut records: Vec<Record> = records.into_values().collect();
    records.sort_by_key(|record| convert::id_text(&record.id).parse::<u64>().ok());
    let shown = reading.as_shown(&request.projection, &records).await?;
    let mut found = Vec::new();
    for record in &records {
        matches(record, field, &shown, request, &mut found)?;
    }
    let mut seen: Vec<Observation> = found.iter().map(|hit| hit.observation.clone()).collect();
    association::fill(api, known, &request.projection, &mut seen).await?;
    for (hit, observation) in found.iter_mut().zip(seen) {
        hit.observation = observation;
    }
    Ok(found)
}

/// The values as HubSpot is asked for them, each once.
fn wanted(field: &FieldSchema, values: &[Value]) -> Result<Vec<String>, ConnectorError> {
    let lower_case = match field.field_type {
        // The search takes texts in lower case only, and a unique e-mail is kept so.
        FieldType::Text | FieldType::Phone | FieldType::Email => !field.unique || is_email(field),
        FieldType::Choice { .. } | FieldType::Bool | FieldType::Int | FieldType::Decimal => false,
        FieldType::Date
        | FieldType::Time
        | FieldType::Instant
        | FieldType::Zoned
        | FieldType::Set { .. }
        | FieldType::List { .. }
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => {
            let what =
                format!("there is no look-up by `{}`: use a text, number or choice", field.name);
            return Err(ConnectorError::no_look_up(field.name.clone(), what));
        }
    };
    let mut seen = HashSet::new();
    let texts = values
        .iter()
        // A value that the property cannot hold is held by no record.
        .filter_map(|value| convert::to_wire(field, value).ok())
        .flat_map(|text| spellings(field, text.trim()))
        .map(|text| if lower_case { text.to_lowercase() } else { text })
        .filter(|text| !text.is_empty() && seen.insert(text.clone()));
    Ok(texts.collect())
}

/// A phone number is also looked for without the spaces and brackets in it: the search compares
/// texts, and which spelling a record has is not known.
fn spellings(field: &FieldSchema, text: &str) -> Vec<String> {
    let mut spellings = vec![text.to_owned()];
    if field.field_type == FieldType::Phone {
        let plus = if text.starts_with('+') { "+" } else { "" };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        spellings.push(format!("{plus}{digits}"));
    }
    spellings
}

fn is_email(field: &FieldSchema) -> bool {
    field.field_type == FieldType::Email
}

/// Values cut into lists that fit into one search. A value that fits into none is left out: no
/// property that a key is made of is that long.
fn chunks_for_search(values: &[String]) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for value in values {
        let size = serde_json::to_string(value).map_or(usize::MAX, |json| json.len() + 1);
        if size > LONGEST_SEARCH {
            continue;
        }
        match chunks.last_mut() {
            Some(chunk) if size <= room && chunk.len() < BATCH => {
                chunk.push(value.clone());
                room -= size;
            }
            Some(_) | None => {
                chunks.push(vec![value.clone()]);
                room = LONGEST_SEARCH - size;
            }
        }
    }
    chunks
}

/// Adds the records that hold one of the values, page by page behind the last id.
async fn search(
    api: &Api,
    known: &Known,
    field: &FieldSchema,
    values: Vec<String>,
    properties: &[&str],
    records: &mut HashMap<RecordId, Record>,
) -> Result<(), ConnectorError> {
    let object = known.kind.path.as_str();
    let mut last = None;
    for _ in 0..MOST_PAGES {
        let behind = last.as_ref().map_or("0", RecordId::as_str);
        let filters = vec![
            Filter::any_of(field.name.as_str(), values.clone()),
            Filter::one("hs_object_id", "GT", behind),
        ];
        let page = api.search(object, &by_id(filters, &["hs_object_id"], BATCH)).await?.content;
        let next = ascending(&page.results, last.as_ref())?;
        let ids: Vec<RecordId> =
            page.results.iter().map(|row| convert::record_id(&row.id)).collect::<Result<_, _>>()?;
        if !ids.is_empty() {
            let inputs = ids.iter().map(|id| IdInput { id: id.as_str() }).collect();
            keep(records, read_whole(api, object, None, inputs, properties).await?)?;
        }
        match (page.paging.and_then(|paging| paging.next), next) {
            (Some(_), Some(id)) => last = Some(id),
            _ => return Ok(()),
        }
    }
    Err(ConnectorError::new(
        ErrorKind::Permanent,
        format!(
            "more than {} {} have one of the values of `{}`; match on a field that tells them apart",
            MOST_PAGES * BATCH,
            known.kind.object,
            field.name
        ),
    ))
}

/// A search whose rows come in the order of their ids.
pub(super) fn by_id<'a>(
    filters: Vec<Filter>,
    properties: &'a [&'a str],
    limit: usize,
) -> Search<'a> {
    let filter_groups = [FilterGroup { filters }];
    Search { filter_groups, sorts: ["hs_object_id"], properties, limit, after: "0" }
}

/// The last id of rows that must ascend: on another order, paging by id would skip records.
pub(super) fn ascending(
    rows: &[Record],
    behind: Option<&RecordId>,
) -> Result<Option<RecordId>, ConnectorError> {
    let mut last: Option<u64> = behind.and_then(|id| id.as_str().parse().ok());
    let mut last_id = None;
    for row in rows {
        let id = convert::record_id(&row.id)?;
        let number = id.as_str().parse().ok();
        if number <= last {
            let what = "a search's rows are not in the order that was asked for";
            return Err(ConnectorError::new(ErrorKind::Protocol, what));
        }
        last = number;
        last_id = Some(id);
    }
    Ok(last_id)
}

fn keep(records: &mut HashMap<RecordId, Record>, read: Vec<Record>) -> Result<(), ConnectorError> {
    for record in read {
        records.insert(convert::record_id(&record.id)?, record);
    }
    Ok(())
}

/// Adds the record for each value that it really holds: HubSpot also finds a contact by a second
/// address, and an index may be late.
fn matches(
    record: &Record,
    field: &FieldSchema,
    known: &Known,
    request: &FindRequest,
    found: &mut Vec<Found>,
) -> Result<(), ConnectorError> {
    let held = record.properties.get(field.name.as_str()).and_then(Option::as_ref);
    let Ok(held) = convert::from_wire(field, held) else { return Ok(()) };
    for (value, asked) in request.values.iter().enumerate() {
        if !asked.is_blank() && held.equivalent(asked, &field.field_type) {
            let projection = &request.projection;
            let observation =
                convert::observation(record, projection, &known.schema, Provenance::Fetched)?;
            found.push(Found { value, observation });
        }
    }
    Ok(())
}
