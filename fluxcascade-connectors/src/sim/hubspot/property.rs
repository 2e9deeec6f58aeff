//! The properties of an object type: of what kind each is, and new ones. Those that every account
//! has are in [`super::standard`], what a value of a kind looks like in [`super::value`], how
//! definitions are shown in [`super::schema`].

use std::collections::BTreeMap;

use super::kind::Kind;
use super::refusal::{HubSpotRefusal, Problem};
use super::standard;

/// How many unique properties an object may have.
const UNIQUE_LIMIT: usize = 10;
/// How many properties an object may have.
const PROPERTY_LIMIT: usize = 1000;

/// What a property can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Email,
    Phone,
    Number,
    Bool,
    Date,
    Instant,
    /// One of these options.
    Choice(Vec<String>),
    /// One of these options, which only moves on; it can be cleared.
    Stage(Vec<String>),
    /// Some of these options.
    Many(Vec<String>),
    /// The id of an owner; the options are not listed.
    Owner,
    /// A time that is shown in milliseconds.
    Millis,
}

/// Who may write a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Writable,
    ReadOnly,
}

/// One property.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) group: String,
    pub(super) holds: Holds,
    pub(super) access: Access,
    pub(super) unique: bool,
    pub(super) standard: bool,
}

/// All properties of an object type.
#[derive(Debug)]
pub(super) struct Properties {
    there: BTreeMap<String, Property>,
    gone: BTreeMap<String, (Gone, Property)>,
}

/// Why a property is not there. What records hold in it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// It was archived.
    Archived,
    /// The user whose token it is may not see it.
    Hidden,
}

/// Whether HubSpot alone sets it, record by record.
pub(super) fn is_system(property: &str) -> bool {
    matches!(
        property,
        "createdate"
            | "hs_createdate"
            | "lastmodifieddate"
            | "hs_lastmodifieddate"
            | "hs_object_id"
    )
}

impl Properties {
    /// Those that every account has (of HubSpot's, the ones that are most used).
    pub(super) fn standard(kind: &Kind) -> Self {
        let mut properties = BTreeMap::new();
        for (name, label, holds, access) in standard::of(kind) {
            let property = Property {
                name: name.to_owned(),
                label: label.to_owned(),
                group: kind.group.clone(),
                unique: name == "email",
                standard: true,
                holds,
                access,
            };
            properties.insert(property.name.clone(), property);
        }
        Self { there: properties, gone: BTreeMap::new() }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Property> {
        self.there.values()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.there.get(name)
    }

    pub(super) fn is_unique(&self, name: &str) -> bool {
        self.there.get(name).is_some_and(|property| property.unique)
    }

    /// The property of this name, if it may be written.
    pub(super) fn writable(&self, name: &str) -> Result<&Property, Problem> {
        let problem = |code, message| Problem { property: name.to_owned(), code, message };
        let property = self.there.get(name).ok_or_else(|| {
            problem("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"))
        })?;
        match property.access {
            Access::Writable => Ok(property),
            Access::ReadOnly => Err(problem(
                "READ_ONLY_VALUE",
                format!("\"{name}\" is a read only property; its value cannot be set."),
            )),
        }
    }

    /// Those that were archived.
    pub(super) fn archived(&self) -> impl Iterator<Item = &Property> {
        let archived = self.gone.values().filter(|(why, _)| *why == Gone::Archived);
        archived.map(|(_, property)| property)
    }

    /// Takes a property away from answers and from the list of properties.
    pub(super) fn take_away(&mut self, name: &str, why: Gone) -> Result<(), HubSpotRefusal> {
        let found = self.there.get(name).ok_or_else(|| HubSpotRefusal::not_found(name))?;
        if found.standard && why == Gone::Archived {
            let message = format!("Property '{name}' is HubSpot's own and cannot be archived.");
            return Err(HubSpotRefusal::request(message));
        }
        if let Some(property) = self.there.remove(name) {
            self.gone.insert(name.to_owned(), (why, property));
        }
        Ok(())
    }

    /// Brings back what was taken away.
    pub(super) fn bring_back(&mut self, name: &str) -> Result<(), HubSpotRefusal> {
        let (_, property) =
            self.gone.remove(name).ok_or_else(|| HubSpotRefusal::not_found(name))?;
        self.there.insert(name.to_owned(), property);
        Ok(())
    }

    /// Adds a property.
    pub(super) fn add(&mut self, property: Property) -> Result<(), HubSpotRefusal> {
        let name = &property.name;
        let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !first || !rest || name.len() > 100 {
            return Err(HubSpotRefusal::request(format!(
                "Invalid property name '{name}': lower case letters, digits and underscores"
            )));
        }
        if self.there.contains_key(name) {
            return Err(HubSpotRefusal::exists(format!("Property named '{name}' already exists.")));
        }
        let unique = self.there.values().filter(|p| p.unique && !p.standard).count();
        if self.there.len() >= PROPERTY_LIMIT || (property.unique && unique >= UNIQUE_LIMIT) {
            return Err(HubSpotRefusal::request("You have reached your property limit"));
        }
        self.there.insert(name.clone(), property);
        Ok(())
    }
}
