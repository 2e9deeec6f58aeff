//! Batches: read, create, update, upsert, archive, at most 100 inputs each.
//!
//! If every input of a write has an `objectWriteTraceId`, each stands for itself and the answer
//! is a 207 when one is refused. Otherwise one refusal refuses the whole batch.

use std::collections::HashSet;

use fluxcascade_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::association::{End, Label};
use super::collection::unique_key;
use super::link;
use super::portal::Portal;
use super::record::{Author, iso};
use super::refusal::HubSpotRefusal;
use super::single::shelf;
use super::wire::{Blanks, NewTie, Scalar, Wanted, given, parsed, shown};
use crate::sim::call::{Call, Reply};
use crate::sim::draw::below;

/// How many inputs a batch has at most.
const BATCH: usize = 100;
/// And if it asks for histories.
const BATCH_WITH_HISTORY: usize = 50;

/// What a batch of writes does with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Update,
    Upsert,
}

#[derive(Debug, Deserialize)]
struct Writes {
    inputs: Vec<Input>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    id: Option<Scalar>,
    id_property: Option<String>,
    object_write_trace_id: Option<String>,
    #[serde(default)]
    properties: Map<String, Json>,
    #[serde(default)]
    associations: Vec<NewTie>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    inputs: Vec<Input>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

/// A write that may be done.
struct Prepared {
    /// The record, if there is one already.
    of: Option<u64>,
    changes: Vec<(String, String)>,
    ties: Vec<(End, Label)>,
    trace: Option<String>,
}

/// `POST …/{object}/batch/read`
pub(super) fn read(
    portal: &mut Portal,
    call: &Call,
    object: &str,
) -> Result<Reply, HubSpotRefusal> {
    let asked: Read = parsed(call)?;
    let ids = ids(&asked.inputs)?;
    if !asked.properties_with_history.is_empty() && ids.len() > BATCH_WITH_HISTORY {
        return Err(HubSpotRefusal::request(format!(
            "Invalid batch of {} inputs: with histories it must not have over {BATCH_WITH_HISTORY}",
            ids.len()
        )));
    }
    let shelf = shelf(call)?;
    let wanted = Wanted { properties: asked.properties, history: asked.properties_with_history };
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    let among = portal.of(object)?;
    for id in ids {
        let found = among.find(asked.id_property.as_deref(), &id)?;
        let record = found.and_then(|id| among.record(id));
        match record.filter(|record| record.shelf() == shelf) {
            Some(record) => {
                results.push(shown(among, record, record.state(), &wanted, Blanks::Omitted));
            }
            None => missing.push(id),
        }
    }
    let singular = among.kind.singular.to_uppercase();
    let errors = if missing.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": format!(
                "Could not get some {singular} objects, they may be deleted or not exist. Check \
                 that ids are valid."
            ),
            "context": { "ids": missing },
        })]
    };
    Ok(answer(portal, call.at, 200, results, &errors))
}

/// `POST …/{object}/batch/{create, update, upsert}`
pub(super) fn write(
    portal: &mut Portal,
    call: &Call,
    object: &str,
    kind: Kind,
) -> Result<Reply, HubSpotRefusal> {
    let Writes { inputs } = parsed(call)?;
    match kind {
        Kind::Create => bounded(&inputs)?,
        Kind::Update | Kind::Upsert => drop(ids(&inputs)?),
    }
    let by_mail = |input: &Input| input.id_property.as_deref() == Some("email");
    // By e-mail there is no partial upsert: all inputs are taken, or none.
    let whole = kind == Kind::Upsert && inputs.iter().any(by_mail);
    let traced = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let (results, errors) = if traced && !whole {
        one_by_one(portal, object, call.at, kind, inputs)?
    } else {
        (all_or_none(portal, object, call.at, kind, inputs)?, Vec::new())
    };
    let status = if kind == Kind::Create { 201 } else { 200 };
    Ok(answer(portal, call.at, status, results, &errors))
}

/// `POST …/{object}/batch/archive`
pub(super) fn archive(
    portal: &mut Portal,
    call: &Call,
    object: &str,
) -> Result<Reply, HubSpotRefusal> {
    let Writes { inputs } = parsed(call)?;
    let among = portal.of_mut(object)?;
    for id in ids(&inputs)? {
        if let Some(found) = among.find(None, &id)? {
            among.archive(found, Author::App, call.at);
        }
    }
    Ok(Reply::empty(204))
}

fn one_by_one(
    portal: &mut Portal,
    object: &str,
    at: Timestamp,
    kind: Kind,
    inputs: Vec<Input>,
) -> Result<(Vec<Json>, Vec<Json>), HubSpotRefusal> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let trace = input.object_write_trace_id.clone();
        match prepared(portal, object, kind, input) {
            Ok(write) => results.push(done(portal, object, at, kind, &write)?),
            Err(refusal) => errors.push(refusal.row(trace.as_deref())),
        }
    }
    Ok((results, errors))
}

fn all_or_none(
    portal: &mut Portal,
    object: &str,
    at: Timestamp,
    kind: Kind,
    inputs: Vec<Input>,
) -> Result<Vec<Json>, HubSpotRefusal> {
    let mut writes = Vec::with_capacity(inputs.len());
    let mut claimed = HashSet::new();
    for input in inputs {
        let write = prepared(portal, object, kind, input)?;
        let properties = &portal.of(object)?.properties;
        let set = write.changes.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in set.filter(|(name, _)| properties.is_unique(name)) {
            if !claimed.insert(unique_key(name, value)) {
                return Err(HubSpotRefusal::taken(name, None));
            }
        }
        writes.push(write);
    }
    writes.iter().map(|write| done(portal, object, at, kind, write)).collect()
}

/// Looks whether an input may be done.
fn prepared(
    portal: &Portal,
    object: &str,
    kind: Kind,
    input: Input,
) -> Result<Prepared, HubSpotRefusal> {
    let among = portal.of(object)?;
    let id = input.id.map(String::from).unwrap_or_default();
    let property = input.id_property.as_deref();
    let mut given = given(input.properties)?;
    let ties = link::ties(portal, object, &input.associations)?;
    let of = match kind {
        Kind::Create => None,
        Kind::Update => {
            let found = among.find(property, &id)?.filter(|found| among.is_live(*found));
            Some(found.ok_or_else(|| HubSpotRefusal::not_found(&id))?)
        }
        Kind::Upsert => {
            let Some(property) = property.filter(|name| !matches!(*name, "" | "hs_object_id"))
            else {
                return Err(HubSpotRefusal::request("idProperty must be set for an upsert"));
            };
            let found = among.find(Some(property), &id)?;
            if found.is_none() && !given.iter().any(|(name, _)| name == property) {
                given.push((property.to_owned(), id));
            }
            found
        }
    };
    let changes = among.prepared(of, given)?;
    Ok(Prepared { of, changes, ties, trace: input.object_write_trace_id })
}

fn done(
    portal: &mut Portal,
    object: &str,
    at: Timestamp,
    kind: Kind,
    write: &Prepared,
) -> Result<Json, HubSpotRefusal> {
    let among = portal.of_mut(object)?;
    let id = match write.of {
        Some(id) => {
            among.write(id, &write.changes, Author::App, at);
            id
        }
        None => among.create_prepared(&write.changes, Author::App, at),
    };
    let from = (among.kind.id.clone(), id);
    for (to, label) in &write.ties {
        portal.associate(&from, to, *label, Author::App, at)?;
    }
    let among = portal.of(object)?;
    let record = among.record(id).ok_or_else(|| HubSpotRefusal::not_found(&id.to_string()))?;
    let wanted = Wanted::written(&write.changes);
    let mut body = shown(among, record, record.state(), &wanted, Blanks::Omitted);
    if let Some(trace) = &write.trace {
        body["objectWriteTraceId"] = json!(trace);
    }
    if kind == Kind::Upsert {
        body["new"] = json!(write.of.is_none());
    }
    Ok(body)
}

fn bounded(inputs: &[Input]) -> Result<(), HubSpotRefusal> {
    if inputs.is_empty() || inputs.len() > BATCH {
        return Err(HubSpotRefusal::request(format!(
            "Invalid batch of {} inputs: it must have between 1 and {BATCH}",
            inputs.len()
        )));
    }
    Ok(())
}

/// The ids of the inputs, which must differ.
fn ids(inputs: &[Input]) -> Result<Vec<String>, HubSpotRefusal> {
    bounded(inputs)?;
    let mut seen = HashSet::new();
    let mut repeated = Vec::new();
    let mut ids = Vec::with_capacity(inputs.len());
    for input in inputs {
        let id = input.id.clone().map(String::from);
        let id = id.ok_or_else(|| HubSpotRefusal::request("every input must have an id"))?;
        if !seen.insert(id.clone()) && !repeated.contains(&id) {
            repeated.push(id.clone());
        }
        ids.push(id);
    }
    if repeated.is_empty() {
        return Ok(ids);
    }
    let repeated = repeated.join(", ");
    let message = format!("Duplicate IDs found in batch input: [{repeated}]. IDs must be unique");
    Err(HubSpotRefusal::request(message))
}

/// A batch's answer. HubSpot promises no order of the results, so they are shuffled.
fn answer(
    portal: &mut Portal,
    at: Timestamp,
    status: u16,
    mut results: Vec<Json>,
    errors: &[Json],
) -> Reply {
    let seed = portal.draw_next();
    for last in (1..results.len()).rev() {
        let other = usize::try_from(below(last as u64 + 1, seed, &[last as u64])).unwrap_or(last);
        results.swap(last, other);
    }
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(at),
        "completedAt": iso(at),
    });
    if errors.is_empty() {
        return Reply::json(status, &body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = json!(errors);
    Reply::json(207, &body)
}
