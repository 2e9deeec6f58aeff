//! Associations as fields: reading them, and what a field shows of them. Writing them is in `relate`.
//!
//! HubSpot gives them by a request of their own, so they are read only if a field of them is asked
//! for: one more request for each object type and a thousand records. A change of them leaves the
//! record's time as it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, Observation, Projection, RecordId, Slot, State, Value};

use super::catalog::Known;
use super::client::Api;
use super::convert;
use super::error::{self, of_row};
use super::object::{Kind, Shows, Tie};
use super::wire::{
    Associated, AssociationInput, AssociationRow, AssociationSpec, Ends as WireEnds,
    HUBSPOT_DEFINED, Inputs,
};

/// Records in one read of associations, at most.
const BATCH: usize = 1_000;

/// Rounds of paging through one read: half a million associations of one record.
const MOST_ROUNDS: usize = 1_000;

/// What a record is associated with, of one object type: each with the types of it.
pub(super) type Ends = BTreeMap<RecordId, Vec<AssociationSpec>>;

/// What is known of the associations of records. A record that HubSpot could not read is not in it.
pub(super) type Read = HashMap<RecordId, Ends>;

/// The associations of records with one object type.
pub(super) async fn read(
    api: &Api,
    kind: &Kind,
    tie: &Tie,
    ids: &[RecordId],
) -> Result<Read, ConnectorError> {
    let mut read: Read = ids.iter().map(|id| (id.clone(), Ends::new())).collect();
    let input = |id: &RecordId| AssociationInput { id: id.to_string(), after: None };
    let mut open: Vec<AssociationInput> = ids.iter().map(input).collect();
    for _ in 0..MOST_ROUNDS {
        if open.is_empty() {
            return Ok(read);
        }
        let rest = open.split_off(open.len().min(BATCH));
        let to = tie.object.as_str();
        let answer = api.associations(&kind.path, to, &Inputs { inputs: &open }).await?;
        let asked = std::mem::replace(&mut open, rest);
        for row in answer.results {
            open.extend(take(&mut read, &asked, row)?);
        }
        for row in answer.errors.iter().filter(|row| !error::says_that_there_are_none(row)) {
            let named = error::named(row, ids);
            if named.is_empty() || !error::is_rows_own(row) {
                return Err(of_row(row));
            }
            for id in named {
                read.remove(&id);
            }
        }
    }
    Err(protocol("a read of associations does not come to its end"))
}

/// Notes what a row says; gives what is to be asked next, if it is not all.
fn take(
    read: &mut Read,
    asked: &[AssociationInput],
    row: AssociationRow,
) -> Result<Option<AssociationInput>, ConnectorError> {
    let (Some(from), Some(WireEnds::Read(to))) = (row.from, row.to) else {
        return Err(protocol(
            "a row of associations does not say whose they are, or what they lead to",
        ));
    };
    let id = convert::record_id(&from.id)?;
    if let Some(ends) = read.get_mut(&id) {
        for end in &to {
            let types = end.association_types.iter().map(|label| AssociationSpec {
                association_category: label.category.clone(),
                association_type_id: label.type_id,
            });
            ends.entry(end_id(end)?).or_default().extend(types);
        }
    }
    let Some(next) = row.paging.and_then(|paging| paging.next) else { return Ok(None) };
    let after = convert::id_text(&next.after);
    let is_same = |input: &AssociationInput| {
        input.id == id.as_str() && input.after.as_deref() == Some(after.as_str())
    };
    if asked.iter().any(is_same) {
        return Err(protocol("a page of associations says that it is followed by itself"));
    }
    Ok(Some(AssociationInput { id: id.to_string(), after: Some(after) }))
}

fn end_id(end: &Associated) -> Result<RecordId, ConnectorError> {
    convert::record_id(&end.to_object_id)
}

fn protocol(what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Protocol, what)
}

/// Fills the fields of associations that are asked for.
pub(super) async fn fill(
    api: &Api,
    known: &Known,
    projection: &Projection,
    observations: &mut [Observation],
) -> Result<(), ConnectorError> {
    let kind = &known.kind;
    let fields = projection.fields().iter().enumerate();
    let wanted: Vec<(usize, &Tie, Shows)> = fields
        .filter_map(|(slot, field)| kind.tie_of(field).map(|(tie, shows)| (slot, tie, shows)))
        .collect();
    // HubSpot refuses a read that names a record twice.
    let mut named = HashSet::new();
    let live = observations.iter().filter(|seen| seen.known().is_some());
    let live = live.filter(|seen| named.insert(&seen.record));
    let ids: Vec<RecordId> = live.map(|seen| seen.record.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    for tie in &kind.ties {
        let slots: Vec<_> = wanted.iter().filter(|(_, of, _)| *of == tie).collect();
        if slots.is_empty() {
            continue;
        }
        let read = read(api, kind, tie, &ids).await?;
        for seen in &mut *observations {
            let (Some(ends), State::Known { values, .. }) =
                (read.get(&seen.record), &mut seen.state)
            else {
                continue;
            };
            for (slot, _, shows) in &slots {
                if let Some(place) = values.slots_mut().get_mut(*slot) {
                    *place = shown(tie, *shows, ends);
                }
            }
        }
    }
    Ok(())
}

/// What a field shows: nothing is decided where several records are associated and none is primary.
pub(super) fn shown(tie: &Tie, shows: Shows, ends: &Ends) -> Slot {
    let reference = |id: &RecordId| Value::Ref(tie.reference(id.clone()));
    match shows {
        _ if ends.is_empty() => Slot::Present(Value::Null),
        Shows::All => Slot::Present(Value::Set(ends.keys().map(reference).collect())),
        Shows::One => match the_one(tie, ends) {
            Some(id) => Slot::Present(reference(id)),
            None => Slot::Absent,
        },
    }
}

/// The only record that there is, or the primary one.
pub(super) fn the_one<'a>(tie: &Tie, ends: &'a Ends) -> Option<&'a RecordId> {
    let mut primary =
        ends.iter().filter(|(_, types)| types.iter().any(|spec| is_primary(tie, spec)));
    match (primary.next(), primary.next()) {
        (Some((id, _)), None) => Some(id),
        _ if ends.len() == 1 => ends.keys().next(),
        _ => None,
    }
}

fn is_primary(tie: &Tie, spec: &AssociationSpec) -> bool {
    spec.association_category == HUBSPOT_DEFINED && tie.primary == Some(spec.association_type_id)
}

/// Whether a name is of a field of associations.
pub(super) fn is_field(kind: &Kind, field: &FieldName) -> bool {
    kind.tie_of(field).is_some()
}
