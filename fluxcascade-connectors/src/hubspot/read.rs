//! Reading records by id, and finding them by a value.

use std::collections::{HashMap, HashSet};

use fluxcascade_core::connector::{ConnectorError, ErrorKind, FetchRequest, FindRequest, Found};
use fluxcascade_core::model::{
    FieldSchema, FieldType, ObjectSchema, ObjectType, Observation, Provenance, RecordId, State,
    Value,
};

use super::client::{Api, Shelf};
use super::convert;
use super::error::{self, of_row};
use super::wire::{
    BatchAnswer, BatchRead, ErrorBody, Filter, FilterGroup, IdInput, Record, Search, Sort,
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

/// Live or archived records by id.
pub(super) async fn batch(
    api: &Api,
    object: &ObjectType,
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
    object: &ObjectType,
    which: Shelf,
    id_property: Option<&str>,
    inputs: Vec<IdInput<'_>>,
    properties: &[&str],
) -> Result<BatchAnswer, ConnectorError> {
    let request = BatchRead { properties, properties_with_history: [], id_property, inputs };
    api.read(object, which, &request).await
}

/// The rows that could not be read: they are no missing records.
fn failures(rows: &[ErrorBody]) -> impl Iterator<Item = &ErrorBody> {
    rows.iter().filter(|row| row.category != "OBJECT_NOT_FOUND")
}

/// One observation per id asked, in the order asked.
pub(super) async fn fetch(
    api: &Api,
    schema: &ObjectSchema,
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
        fetch_live(api, schema, request, chunk, &mut states).await?;
        fetch_gone(api, schema, request, chunk, &mut states).await?;
    }
    let state = |id: &RecordId| states.get(id).cloned().unwrap_or(State::Missing);
    Ok(request.records.iter().map(|id| Observation::fetched(id.clone(), state(id))).collect())
}

async fn fetch_live(
    api: &Api,
    schema: &ObjectSchema,
    request: &FetchRequest,
    ids: &[RecordId],
    states: &mut HashMap<RecordId, State>,
) -> Result<(), ConnectorError> {
    let properties = convert::properties(&request.projection, schema);
    let read = batch(api, &request.object, Shelf::Live, ids, &properties).await?;
    for record in &read.records {
        let seen = convert::observation(record, &request.projection, schema, Provenance::Fetched)?;
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
    api: &Api,
    schema: &ObjectSchema,
    request: &FetchRequest,
    ids: &[RecordId],
    states: &mut HashMap<RecordId, State>,
) -> Result<(), ConnectorError> {
    let open: Vec<RecordId> = ids.iter().filter(|id| !states.contains_key(*id)).cloned().collect();
    if open.is_empty() {
        return Ok(());
    }
    let properties = convert::properties(&request.projection, schema);
    let read = batch(api, &request.object, Shelf::Archived, &open, &properties).await?;
    for record in &read.records {
        let id = convert::record_id(&record.id)?;
        if open.contains(&id) {
            let values = convert::archived(record, &request.projection, schema);
            states.insert(id, State::Archived(values));
        }
    }
    add_unreadable(states, read.unreadable);
    for id in open {
        if states.contains_key(&id) {
            continue;
        }
        let record = match api.resolve(&request.object, &id).await {
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
            let values = convert::archived(&record, &request.projection, schema);
            states.insert(id, State::Archived(values));
        } else {
            // It has come back since the first request.
            fetch_live(api, schema, request, std::slice::from_ref(&id), states).await?;
        }
    }
    Ok(())
}

/// Live records, or an error: a holder of a value that cannot be read is one nevertheless, and a
/// match made without it could be wrong.
async fn read_whole(
    api: &Api,
    object: &ObjectType,
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
    api: &Api,
    schema: &ObjectSchema,
    request: &FindRequest,
) -> Result<Vec<Found>, ConnectorError> {
    let field = schema.field(&request.field).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::Validation,
            format!("HubSpot has no property `{}` to look in", request.field),
        )
    })?;
    let wanted = wanted(field, &request.values)?;
    let mut properties = convert::properties(&request.projection, schema);
    if !properties.contains(&field.name.as_str()) {
        properties.push(field.name.as_str());
    }
    let mut records: HashMap<RecordId, Record> = HashMap::new();
    if field.unique {
        for chunk in wanted.chunks(BATCH) {
            let inputs = chunk.iter().map(|text| IdInput { id: text }).collect();
            let name = Some(field.name.as_str());
            let read = read_whole(api, &request.object, name, inputs, &properties);
            keep(&mut records, read.await?)?;
        }
    } else {
        for values in chunks_for_search(&wanted) {
            search(api, &request.object, field, values, &properties, &mut records).await?;
        }
    }
    let mut records: Vec<Record> = records.into_values().collect();
    records.sort_by_key(|record| convert::id_text(&record.id).parse::<u64>().ok());
    let mut found = Vec::new();
    for record in &records {
        matches(record, field, schema, request, &mut found)?;
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
            return Err(ConnectorError::new(
                ErrorKind::Validation,
                format!("there is no look-up by `{}`: use a text, number or choice", field.name),
            ));
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
    object: &ObjectType,
    field: &FieldSchema,
    values: Vec<String>,
    properties: &[&str],
    records: &mut HashMap<RecordId, Record>,
) -> Result<(), ConnectorError> {
    let mut last = "0".to_owned();
    for _ in 0..MOST_PAGES {
        let filters = vec![
            Filter::any_of(field.name.as_str(), values.clone()),
            Filter::one("hs_object_id", "GT", last.as_str()),
        ];
        let search = Search {
            filter_groups: [FilterGroup { filters }],
            sorts: [Sort { property_name: "hs_object_id", direction: "ASCENDING" }],
            properties: &["hs_object_id"],
            limit: BATCH,
        };
        let page = api.search(object, &search).await?.content;
        let ids: Vec<RecordId> =
            page.results.iter().map(|row| convert::record_id(&row.id)).collect::<Result<_, _>>()?;
        if !ids.is_empty() {
            let inputs = ids.iter().map(|id| IdInput { id: id.as_str() }).collect();
            keep(records, read_whole(api, object, None, inputs, properties).await?)?;
        }
        match (page.paging.and_then(|paging| paging.next), ids.last()) {
            (Some(_), Some(id)) => id.as_str().clone_into(&mut last),
            _ => return Ok(()),
        }
    }
    Err(ConnectorError::new(
        ErrorKind::Permanent,
        format!(
            "more than {} contacts have one of the values of `{}`; match on a field that tells \
             them apart",
            MOST_PAGES * BATCH,
            field.name
        ),
    ))
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
    schema: &ObjectSchema,
    request: &FindRequest,
    found: &mut Vec<Found>,
) -> Result<(), ConnectorError> {
    let held = record.properties.get(field.name.as_str()).and_then(Option::as_ref);
    let Ok(held) = convert::from_wire(field, held) else { return Ok(()) };
    for (value, asked) in request.values.iter().enumerate() {
        if !asked.is_blank() && held.equivalent(asked, &field.field_type) {
            let projection = &request.projection;
            let observation =
                convert::observation(record, projection, schema, Provenance::Fetched)?;
            found.push(Found { value, observation });
        }
    }
    Ok(())
}
