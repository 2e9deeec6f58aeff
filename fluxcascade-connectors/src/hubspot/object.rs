//! The object types: how paths name them, what their records need, and what they are associated with.
//!
//! Facts are from HubSpot's guides to each object, its table of association types, and the schemas of
//! custom objects.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, ObjectType, Reference};

use super::wire::CustomSchema;

/// The object types that have the same numbers in every account.
const FIXED: [Fixed; 5] = [
    Fixed { id: "0-1", name: "contacts", singular: "contact", needs: Needs::All(&[]) },
    Fixed {
        id: "0-2",
        name: "companies",
        singular: "company",
        needs: Needs::Either("name", "domain"),
    },
    Fixed {
        id: "0-3",
        name: "deals",
        singular: "deal",
        needs: Needs::All(&["dealname", "dealstage", "pipeline"]),
    },
    Fixed { id: "0-27", name: "tasks", singular: "task", needs: Needs::All(&["hs_timestamp"]) },
    Fixed { id: "0-46", name: "notes", singular: "note", needs: Needs::All(&["hs_timestamp"]) },
];

#[derive(Debug, Clone, Copy)]
struct Fixed {
    id: &'static str,
    name: &'static str,
    singular: &'static str,
    needs: Needs,
}

#[derive(Debug, Clone, Copy)]
enum Needs {
    All(&'static [&'static str]),
    Either(&'static str, &'static str),
}

/// From, to, the type without a label, and that of a record's primary company.
const TIES: [(&str, &str, u32, Option<u32>); 18] = [
    ("contacts", "companies", 279, Some(1)),
    ("contacts", "deals", 4, None),
    ("contacts", "notes", 201, None),
    ("contacts", "tasks", 203, None),
    ("companies", "contacts", 280, None),
    ("companies", "deals", 342, None),
    ("companies", "notes", 189, None),
    ("companies", "tasks", 191, None),
    ("deals", "contacts", 3, None),
    ("deals", "companies", 341, Some(5)),
    ("deals", "notes", 213, None),
    ("deals", "tasks", 215, None),
    ("notes", "contacts", 202, None),
    ("notes", "companies", 190, None),
    ("notes", "deals", 214, None),
    ("tasks", "contacts", 204, None),
    ("tasks", "companies", 192, None),
    ("tasks", "deals", 216, None),
];

/// An object type, as far as the adapter has to know it.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// As the host names it.
    pub(super) object: ObjectType,
    /// As paths name it.
    pub(super) path: String,
    /// HubSpot's number of it, as events and schemas name it.
    pub(super) id: String,
    /// As the webhooks of its own name it; none if its events are those of objects in general.
    pub(super) singular: Option<&'static str>,
    /// The property that has the time of the last change.
    pub(super) modified: &'static str,
    /// What a new record cannot be without.
    pub(super) required: Vec<String>,
    /// Of these, a new record needs one.
    pub(super) either: Option<[&'static str; 2]>,
    /// What its records are associated with.
    pub(super) ties: Vec<Tie>,
}

/// The associations of an object type with another one, seen from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tie {
    /// The other one, as references name it.
    pub(super) object: ObjectType,
    /// HubSpot's type of an association without a label, where it is the same in every account.
    pub(super) plain: Option<u32>,
    /// HubSpot's type of the one that is primary, where there is such a one.
    pub(super) primary: Option<u32>,
}

impl Tie {
    /// A reference to one of its records.
    pub(super) fn reference(&self, id: fluxcascade_core::model::RecordId) -> Reference {
        Reference { object: self.object.clone(), id }
    }
}

/// What a field of associations shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// All records.
    All,
    /// The only record, or the primary one.
    One,
}

impl Kind {
    /// An object type that every account has; none if the name is of no such one.
    pub(super) fn fixed(object: &ObjectType) -> Option<Self> {
        let fixed = FIXED.iter().find(|fixed| fixed.name == object.as_str())?;
        let ties = TIES.iter().filter(|(from, ..)| *from == fixed.name);
        let ties = ties.filter_map(|(_, to, plain, primary)| {
            let object = ObjectType::new(to).ok()?;
            Some(Tie { object, plain: Some(*plain), primary: *primary })
        });
        let (required, either) = match fixed.needs {
            Needs::All(names) => (names.iter().map(|name| (*name).to_owned()).collect(), None),
            Needs::Either(one, other) => (Vec::new(), Some([one, other])),
        };
        Some(Self {
            object: object.clone(),
            path: fixed.name.to_owned(),
            id: fixed.id.to_owned(),
            // Notes and tasks have no events of their own name.
            singular: match fixed.name {
                "contacts" | "companies" | "deals" => Some(fixed.singular),
                _ => None,
            },
            modified: match fixed.name {
                "contacts" => "lastmodifieddate",
                _ => "hs_lastmodifieddate",
            },
            required,
            either,
            ties: ties.collect(),
        })
    }

    /// A custom object, by its schema.
    pub(super) fn custom(
        object: &ObjectType,
        schema: &CustomSchema,
    ) -> Result<Self, ConnectorError> {
        let id = schema.object_type_id.clone().filter(|id| is_custom_id(id)).ok_or_else(|| {
            let what = "the schema of a custom object has no number like 2-123";
            ConnectorError::new(ErrorKind::Protocol, what)
        })?;
        let mut ties: Vec<Tie> = Vec::new();
        for defined in &schema.associations {
            let ends = (defined.from_object_type_id.as_str(), defined.to_object_type_id.as_str());
            let other = match ends {
                (from, to) if from == id => to,
                (from, to) if to == id => from,
                _ => continue,
            };
            let Some(object) = named(other) else { continue };
            if ties.iter().all(|tie| tie.object != object) {
                // Its types are the account's own: a default association takes the right one.
                ties.push(Tie { object, plain: None, primary: None });
            }
        }
        Ok(Self {
            object: object.clone(),
            path: id.clone(),
            id,
            singular: None,
            modified: "hs_lastmodifieddate",
            required: schema.required_properties.clone(),
            either: None,
            ties,
        })
    }

    /// The association that a field is about, and what it shows of it.
    pub(super) fn tie_of(&self, field: &FieldName) -> Option<(&Tie, Shows)> {
        let (shows, to) = match field.as_str().split_once('.')? {
            ("associations", to) => (Shows::All, to),
            ("association", to) => (Shows::One, to),
            _ => return None,
        };
        Some((self.ties.iter().find(|tie| tie.object.as_str() == to)?, shows))
    }
}

/// Whether this is the number of a custom object.
pub(super) fn is_custom_id(text: &str) -> bool {
    let digits = text.strip_prefix("2-").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The object type of this number, as references and hosts name it.
fn named(id: &str) -> Option<ObjectType> {
    let fixed = FIXED.iter().find(|fixed| fixed.id == id).map(|fixed| fixed.name);
    let custom = is_custom_id(id).then_some(id);
    ObjectType::new(fixed.or(custom)?).ok()
}

/// The names of the object types that every account has.
pub(super) fn names() -> String {
    FIXED.map(|fixed| fixed.name).join(", ")
}
