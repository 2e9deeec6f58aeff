//! Writes in HubSpot's words, and how they are cut into requests.

use std::collections::{BTreeMap, HashSet};

use fluxcascade_core::connector::{ErrorKind, Write, WriteAction, WriteOutcome};
use fluxcascade_core::model::{FieldName, RecordId};

use super::super::catalog::Known;
use super::super::client::Verb;
use super::super::convert;
use super::super::object::Kind;
use super::super::relate::{self, Wish};
use super::super::wire::{NewAssociation, WriteInput};
use super::{BATCH, rejected};

/// A write in HubSpot's words.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its place among the writes, and its trace id.
    pub(super) place: usize,
    pub(super) verb: Verb,
    pub(super) record: Option<RecordId>,
    /// An upsert's unique property, and its value.
    pub(super) key: Option<(FieldName, String)>,
    pub(super) properties: BTreeMap<String, String>,
    /// What the record is to be associated with. A create has those with it whose types are known.
    pub(super) wishes: Vec<Wish>,
    /// What is done if a create is told that the record exists.
    pub(super) on_existing: OnExisting,
}

/// What is done if a create is told that the record exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnExisting {
    /// It is said.
    Say,
    /// The record is changed instead: by e-mail HubSpot has no upsert that takes some fields only.
    Change,
}

impl Row {
    pub(super) fn of(
        place: usize,
        write: &Write,
        known: &Known,
    ) -> Result<Self, Box<WriteOutcome>> {
        let no_tag = |tag: &Option<Box<str>>| {
            let what = "HubSpot has no conditional writes; write without a tag";
            if tag.is_none() {
                Ok(())
            } else {
                Err(rejected(Vec::new(), ErrorKind::Permanent, what))
            }
        };
        let (verb, record) = match &write.action {
            WriteAction::Create => (Verb::Create, None),
            WriteAction::Upsert { .. } => (Verb::Upsert, None),
            WriteAction::Update { record, if_tag } => {
                no_tag(if_tag)?;
                (Verb::Update, Some(record.clone()))
            }
            WriteAction::Archive { record, if_tag } => {
                no_tag(if_tag)?;
                (Verb::Archive, Some(record.clone()))
            }
            WriteAction::Delete { .. } | WriteAction::Restore { .. } => {
                let what = "HubSpot's API archives records, and neither deletes them for good nor brings \
                            them back; do that in HubSpot's own pages";
                return Err(rejected(Vec::new(), ErrorKind::Permanent, what));
            }
        };
        if let Some(id) = record.as_ref().filter(|id| !convert::is_record_id(id)) {
            let what = format!("no HubSpot record has the id {id}");
            return Err(rejected(Vec::new(), ErrorKind::NotFound, what));
        }
        let refused =
            |(field, why): (FieldName, String)| rejected(vec![field], ErrorKind::Validation, why);
        let row = Self {
            place,
            verb,
            record,
            key: None,
            properties: convert::to_properties(&write.fields, &known.schema).map_err(refused)?,
            wishes: relate::wishes(&write.fields, &known.kind).map_err(refused)?,
            on_existing: OnExisting::Say,
        };
        match &write.action {
            WriteAction::Create => row.lack(&known.kind).map_or(Ok(row), Err),
            WriteAction::Upsert { by } => row.upsert(by, known),
            WriteAction::Update { .. }
            | WriteAction::Archive { .. }
            | WriteAction::Delete { .. }
            | WriteAction::Restore { .. } => Ok(row),
        }
    }

    fn upsert(self, by: &FieldName, known: &Known) -> Result<Self, Box<WriteOutcome>> {
        let is_unique = known.schema.field(by).is_some_and(|field| field.unique);
        let value = self.properties.get(by.as_str()).filter(|value| !value.is_empty()).cloned();
        let Some(value) = value.filter(|_| is_unique) else {
            let what = format!(
                "a record is made or changed by a property whose values are unique, and by a value of \
                 it: `{by}` is none, or has none"
            );
            return Err(rejected(vec![by.clone()], ErrorKind::Validation, what));
        };
        if convert::is_address(&known.kind, by) {
            let on_existing = OnExisting::Change;
            return Ok(Self { verb: Verb::Create, on_existing, ..self });
        }
        Ok(Self { key: Some((by.clone(), value)), ..self })
    }

    /// The refusal of a create that HubSpot would refuse, or worse: a company without a name and a domain
    /// can be told from no other.
    pub(super) fn lack(&self, kind: &Kind) -> Option<Box<WriteOutcome>> {
        let has = |name: &str| self.properties.get(name).is_some_and(|value| !value.is_empty());
        let missing: Vec<&str> =
            kind.required.iter().map(String::as_str).filter(|name| !has(name)).collect();
        let either = kind.either.filter(|names| !names.iter().any(|name| has(name)));
        if missing.is_empty() && either.is_none() {
            return None;
        }
        let quoted = |names: &[&str], word: &str| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(word)
        };
        let (object, names) = (&kind.object, either.map_or(missing, |names| names.to_vec()));
        let word = if either.is_some() { " or " } else { " and " };
        let what =
            format!("HubSpot's {object} need {}, which the write has not", quoted(&names, word));
        let fields = names.into_iter().filter_map(|name| FieldName::new(name).ok()).collect();
        Some(rejected(fields, ErrorKind::Validation, what))
    }

    /// The row as a request has it.
    pub(super) fn input(&self) -> WriteInput<'_> {
        let id = match self.verb {
            Verb::Create => None,
            Verb::Upsert => self.key.as_ref().map(|(_, value)| value.as_str()),
            Verb::Update | Verb::Archive => self.record.as_ref().map(RecordId::as_str),
        };
        WriteInput {
            id,
            id_property: self.key.as_ref().map(|(name, _)| name.as_str()),
            object_write_trace_id: self.place.to_string(),
            properties: &self.properties,
            associations: match self.verb {
                Verb::Create => Some(self.brings()),
                Verb::Update | Verb::Upsert | Verb::Archive => None,
            },
        }
    }

    /// What a create brings with it.
    fn brings(&self) -> Vec<NewAssociation<'_>> {
        self.wishes.iter().flat_map(Wish::inline).collect()
    }

    /// What is left to be associated once the row itself is written.
    pub(super) fn later(&self) -> impl Iterator<Item = &Wish> {
        let is_create = self.verb == Verb::Create;
        self.wishes.iter().filter(move |wish| !is_create || !wish.is_inline())
    }

    /// Whether it has nothing but associations.
    pub(super) fn only_relates(&self) -> bool {
        self.verb == Verb::Update && self.properties.is_empty() && !self.wishes.is_empty()
    }

    /// Whether, sent again, it would change the record that it has made.
    pub(super) fn is_upsert(&self) -> bool {
        self.key.is_some() || self.on_existing == OnExisting::Change
    }

    /// What HubSpot takes in a request once only.
    fn once(&self) -> Option<String> {
        let key = self.key.as_ref().map(|(name, value)| format!("{name} {}", value.to_lowercase()));
        key.or_else(|| self.record.as_ref().map(ToString::to_string))
    }
}

/// Cuts rows into requests of one verb, and of one unique property. A record that is written twice is
/// in two of them, in the order of its writes.
pub(super) fn batches<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<Vec<&'a Row>> {
    let mut open: Vec<(Vec<&Row>, HashSet<String>)> = Vec::new();
    let alike = |one: &Row, other: &Row| {
        let property = |row: &'_ Row| row.key.as_ref().map(|(name, _)| name.clone());
        one.verb == other.verb && property(one) == property(other)
    };
    for row in rows {
        let once = row.once();
        // Behind the last request that has the record, so that its later write is sent later.
        let first = match &once {
            Some(id) => open.iter().rposition(|(_, ids)| ids.contains(id)).map_or(0, |at| at + 1),
            None => 0,
        };
        let fitting = open[first..]
            .iter_mut()
            .find(|(batch, _)| batch.len() < BATCH && batch.iter().all(|other| alike(other, row)));
        match fitting {
            Some((batch, seen)) => {
                seen.extend(once);
                batch.push(row);
            }
            None => open.push((vec![row], once.into_iter().collect())),
        }
    }
    open.into_iter().map(|(batch, _)| batch).collect()
}
