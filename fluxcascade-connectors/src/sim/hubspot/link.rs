//! The associations API, version 4: reading, default and labelled creates, archiving; each for one
//! record and for batches. What ties records is in [`super::association`].
//!
//! A record that is not tied to anything has no row in a batch's results: it is named among the
//! errors, and the answer is a 207, as HubSpot's is.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::association::{End, Label};
use super::portal::Portal;
use super::record::{Author, iso};
use super::refusal::HubSpotRefusal;
use super::wire::{ById, NewTie, Scalar, TypeSpec, parsed};
use crate::sim::call::{Call, Reply};

/// Inputs of a batch that reads, and of one that creates.
const READ: usize = 1_000;
const CREATE: usize = 2_000;
/// Associations of one record on a page.
const PAGE: usize = 500;

/// What a create ties the new record to.
pub(super) fn ties(
    portal: &Portal,
    object: &str,
    asked: &[NewTie],
) -> Result<Vec<(End, Label)>, HubSpotRefusal> {
    let from = portal.resolve(object)?;
    let mut ties = Vec::with_capacity(asked.len());
    for tie in asked {
        let id = String::from(tie.to.id.clone());
        for spec in &tie.types {
            let (category, number) = (&spec.association_category, spec.association_type_id);
            let found = portal.associations.by_type(&from, category, number);
            let (to, label) = found.ok_or_else(|| unknown_type(spec))?;
            ties.push((portal.end(&to, &id)?, label));
        }
    }
    Ok(ties)
}

fn unknown_type(spec: &TypeSpec) -> HubSpotRefusal {
    HubSpotRefusal::request(format!(
        "{} association type {} doesn't exist between these objects",
        spec.association_category, spec.association_type_id
    ))
}

/// The associations beside a record, for the object types of a comma-separated list.
pub(super) fn beside(
    portal: &Portal,
    object: &str,
    id: u64,
    asked: &str,
) -> Result<Json, HubSpotRefusal> {
    let mut beside = Map::new();
    for name in asked.split(',').filter(|name| !name.is_empty()) {
        let to = portal.of(name)?;
        let from = portal.of(object)?;
        let kind = format!("{}_to_{}", from.kind.singular, to.kind.singular);
        let rows: Vec<Json> = tied(portal, &(object.to_owned(), id), &to.kind.id)
            .map(|(id, _)| json!({ "id": id.to_string(), "type": kind }))
            .collect();
        if !rows.is_empty() {
            beside.insert(to.kind.name.clone(), json!({ "results": rows }));
        }
    }
    Ok(Json::Object(beside))
}

/// What a record is tied to, of the live ones.
fn tied<'a>(
    portal: &'a Portal,
    from: &End,
    to: &'a str,
) -> impl Iterator<Item = (u64, Vec<Label>)> + use<'a> {
    portal
        .associations
        .of(from, to)
        .filter(|(id, _)| portal.is_live(&(to.to_owned(), *id)))
        .map(|(id, labels)| (id, labels.iter().copied().collect()))
}

/// One page of a record's associations: its rows, and the id that the next begins at.
fn page(
    portal: &Portal,
    from: &End,
    to: &str,
    after: u64,
    limit: usize,
) -> (Vec<Json>, Option<u64>) {
    let mut all = tied(portal, from, to).filter(|(id, _)| *id >= after);
    let rows = all.by_ref().take(limit);
    let row = |(id, labels): (u64, Vec<Label>)| {
        let types: Vec<Json> = labels
            .iter()
            .filter_map(|label| {
                let of = portal.associations.type_of(&from.0, to, *label)?;
                let name = match label {
                    Label::Unlabelled => Json::Null,
                    Label::Primary => json!("Primary"),
                };
                Some(json!({ "category": of.category, "typeId": of.id, "label": name }))
            })
            .collect();
        json!({ "toObjectId": id, "associationTypes": types })
    };
    let rows: Vec<Json> = rows.map(row).collect();
    (rows, all.next().map(|(id, _)| id))
}

fn after_of(text: Option<String>) -> Result<u64, HubSpotRefusal> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| HubSpotRefusal::request("Invalid after token")),
    }
}

/// `GET …/{object}/{id}/associations/{to}`
pub(super) fn list(
    portal: &Portal,
    call: &Call,
    object: &str,
    id: &str,
    to: &str,
) -> Result<Reply, HubSpotRefusal> {
    let (from, to) = (portal.end(object, id)?, portal.resolve(to)?);
    let limit = call.query_value("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE);
    let (rows, next) =
        page(portal, &from, &to, after_of(call.query_value("after"))?, limit.clamp(1, PAGE));
    let mut body = json!({ "results": rows });
    if let Some(next) = next {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(Reply::json(200, &body))
}

/// `PUT …/{object}/{id}/associations/default/{to}/{to_id}`
pub(super) fn put_default(
    portal: &mut Portal,
    call: &Call,
    [object, id, to, to_id]: [&str; 4],
) -> Result<Reply, HubSpotRefusal> {
    let (from, to) = (portal.end(object, id)?, portal.end(to, to_id)?);
    portal.associate(&from, &to, Label::Unlabelled, Author::App, call.at)?;
    Ok(batch_answer(call, 200, &[made(portal, &from, &to)], &[]))
}

/// `PUT …/{object}/{id}/associations/{to}/{to_id}`
pub(super) fn put(
    portal: &mut Portal,
    call: &Call,
    [object, id, to, to_id]: [&str; 4],
) -> Result<Reply, HubSpotRefusal> {
    let specs: Vec<TypeSpec> = parsed(call)?;
    let (from, to) = (portal.end(object, id)?, portal.end(to, to_id)?);
    label(portal, call, &from, &to, &specs)?;
    Ok(Reply::json(201, &labelled(&from, &to, &specs)))
}

/// `DELETE …/{object}/{id}/associations/{to}/{to_id}`
pub(super) fn delete(
    portal: &mut Portal,
    call: &Call,
    [object, id, to, to_id]: [&str; 4],
) -> Result<Reply, HubSpotRefusal> {
    let (from, to) = (portal.end(object, id)?, portal.end(to, to_id)?);
    portal.dissociate(&from, &to, Author::App, call.at);
    Ok(Reply::empty(204))
}

/// The labels of the request replace those that the pair had.
fn label(
    portal: &mut Portal,
    call: &Call,
    from: &End,
    to: &End,
    specs: &[TypeSpec],
) -> Result<(), HubSpotRefusal> {
    let mut labels = Vec::with_capacity(specs.len());
    for spec in specs {
        let (category, id) = (&spec.association_category, spec.association_type_id);
        let found = portal.associations.label_of(&from.0, &to.0, category, id);
        labels.push(found.ok_or_else(|| unknown_type(spec))?);
    }
    portal.associations.replace(from, to, &[]);
    for label in labels {
        portal.associate(from, to, label, Author::App, call.at)?;
    }
    Ok(())
}

fn labelled(from: &End, to: &End, specs: &[TypeSpec]) -> Json {
    let is_primary = |spec: &&TypeSpec| matches!(spec.association_type_id, 1 | 2 | 5 | 6);
    json!({
        "fromObjectTypeId": from.0,
        "fromObjectId": from.1,
        "toObjectTypeId": to.0,
        "toObjectId": to.1,
        "labels": specs.iter().filter(is_primary).map(|_| "Primary").collect::<Vec<_>>(),
    })
}

fn made(portal: &Portal, from: &End, to: &End) -> Json {
    let of = portal.associations.type_of(&from.0, &to.0, Label::Unlabelled);
    json!({
        "from": { "id": from.1.to_string() },
        "to": { "id": to.1.to_string() },
        "associationSpec": {
            "associationCategory": of.map_or("HUBSPOT_DEFINED", |of| of.category),
            "associationTypeId": of.map_or(0, |of| of.id),
        },
    })
}

#[derive(Debug, Deserialize)]
struct Batch<T> {
    inputs: Vec<T>,
}

fn inputs<T: serde::de::DeserializeOwned>(
    call: &Call,
    most: usize,
) -> Result<Vec<T>, HubSpotRefusal> {
    let Batch { inputs } = parsed(call)?;
    if inputs.is_empty() || inputs.len() > most {
        return Err(HubSpotRefusal::request(format!(
            "Invalid batch of {} inputs: it must have between 1 and {most}",
            inputs.len()
        )));
    }
    Ok(inputs)
}

#[derive(Debug, Deserialize)]
struct ReadInput {
    id: Scalar,
    after: Option<String>,
}

/// `POST …/associations/{from}/{to}/batch/read`
pub(super) fn read(
    portal: &Portal,
    call: &Call,
    object: &str,
    to: &str,
) -> Result<Reply, HubSpotRefusal> {
    let (object, to) = (portal.resolve(object)?, portal.resolve(to)?);
    let singular = |id: &str| portal.kind(id).map_or("record", |kind| kind.singular.as_str());
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs::<ReadInput>(call, READ)? {
        let id = String::from(input.id);
        let live = portal.of(&object)?.find(None, &id)?.map(|id| (object.clone(), id));
        let live = live.filter(|end| portal.is_live(end));
        let (rows, next) = match live {
            Some(from) => page(portal, &from, &to, after_of(input.after)?, PAGE),
            None => (Vec::new(), None),
        };
        if rows.is_empty() {
            let (from, other) = (singular(&object), singular(&to));
            errors.push(json!({
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": format!("No {other} is associated with {from} {id}."),
                "context": { "fromObjectId": [id], "fromObjectType": [from], "toObjectType": [other] },
            }));
            continue;
        }
        let mut row = json!({ "from": { "id": id }, "to": rows });
        if let Some(next) = next {
            row["paging"] = json!({ "next": { "after": next.to_string() } });
        }
        results.push(row);
    }
    Ok(batch_answer(call, 200, &results, &errors))
}

#[derive(Debug, Deserialize)]
struct Pair {
    from: ById,
    to: ById,
    #[serde(default)]
    types: Vec<TypeSpec>,
}

impl Pair {
    fn ends(&self, portal: &Portal, from: &str, to: &str) -> Result<(End, End), HubSpotRefusal> {
        let (one, other) = (self.from.id.clone(), self.to.id.clone());
        Ok((portal.end(from, &String::from(one))?, portal.end(to, &String::from(other))?))
    }
}

/// `POST …/associations/{from}/{to}/batch/associate/default`
pub(super) fn associate_default(
    portal: &mut Portal,
    call: &Call,
    from: &str,
    to: &str,
) -> Result<Reply, HubSpotRefusal> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for pair in inputs::<Pair>(call, CREATE)? {
        let done = pair.ends(portal, from, to).and_then(|(from, to)| {
            portal.associate(&from, &to, Label::Unlabelled, Author::App, call.at)?;
            Ok((from, to))
        });
        match done {
            Ok((from, to)) => {
                results.push(made(portal, &from, &to));
                results.push(made(portal, &to, &from));
            }
            Err(refusal) => errors.push(refusal.row(None)),
        }
    }
    // Here the published description has no 207: errors come with a 200.
    let mut body = batch_body(call, &results);
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    Ok(Reply::json(200, &body))
}

/// `POST …/associations/{from}/{to}/batch/create`
pub(super) fn create(
    portal: &mut Portal,
    call: &Call,
    from: &str,
    to: &str,
) -> Result<Reply, HubSpotRefusal> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for pair in inputs::<Pair>(call, CREATE)? {
        let done = pair.ends(portal, from, to).and_then(|(from, to)| {
            label(portal, call, &from, &to, &pair.types)?;
            Ok(labelled(&from, &to, &pair.types))
        });
        match done {
            Ok(row) => results.push(row),
            Err(refusal) => errors.push(refusal.row(None)),
        }
    }
    Ok(batch_answer(call, 201, &results, &errors))
}

#[derive(Debug, Deserialize)]
struct Ended {
    from: ById,
    to: Vec<ById>,
}

/// `POST …/associations/{from}/{to}/batch/archive`
pub(super) fn archive(
    portal: &mut Portal,
    call: &Call,
    from: &str,
    to: &str,
) -> Result<Reply, HubSpotRefusal> {
    for ended in inputs::<Ended>(call, CREATE)? {
        let one = String::from(ended.from.id);
        for other in ended.to {
            let ends = (portal.end(from, &one), portal.end(to, &String::from(other.id)));
            if let (Ok(from), Ok(to)) = ends {
                portal.dissociate(&from, &to, Author::App, call.at);
            }
        }
    }
    // The published descriptions of the two families differ in this.
    let is_dated = call.path.starts_with("/crm/associations/2");
    Ok(if is_dated { Reply::empty(200) } else { Reply::empty(204) })
}

/// `GET …/associations/{from}/{to}/labels`
pub(super) fn labels(portal: &Portal, from: &str, to: &str) -> Result<Reply, HubSpotRefusal> {
    let (from, to) = (portal.resolve(from)?, portal.resolve(to)?);
    let shown = |(label, name): (Label, Json)| {
        let of = portal.associations.type_of(&from, &to, label)?;
        Some(json!({ "category": of.category, "typeId": of.id, "label": name }))
    };
    let all = [(Label::Unlabelled, Json::Null), (Label::Primary, json!("Primary"))];
    let results: Vec<Json> = all.into_iter().filter_map(shown).collect();
    Ok(Reply::json(200, &json!({ "results": results })))
}

fn batch_body(call: &Call, results: &[Json]) -> Json {
    json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(call.at),
        "completedAt": iso(call.at),
    })
}

fn batch_answer(call: &Call, status: u16, results: &[Json], errors: &[Json]) -> Reply {
    let mut body = batch_body(call, results);
    if errors.is_empty() {
        return Reply::json(status, &body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = json!(errors);
    Reply::json(207, &body)
}
