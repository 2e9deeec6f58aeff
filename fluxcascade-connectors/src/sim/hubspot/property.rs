//! The properties of contacts: which there are, of what kind, and new ones. What a value of a
//! kind looks like is in [`super::value`], how definitions are shown in [`super::schema`].

use std::collections::BTreeMap;

use super::refusal::{HubSpotRefusal, Problem};

/// How many unique properties an object may have.
const UNIQUE_LIMIT: usize = 10;
/// How many properties an object may have.
const PROPERTY_LIMIT: usize = 1000;

/// What a property can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
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
    pub(super) kind: Kind,
    pub(super) access: Access,
    pub(super) unique: bool,
    pub(super) standard: bool,
}

/// All properties of contacts.
#[derive(Debug)]
pub(super) struct Properties(BTreeMap<String, Property>);

const STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];
const LEAD_STATUS: [&str; 8] = [
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];

/// Whether HubSpot alone sets it, record by record.
pub(super) fn is_system(property: &str) -> bool {
    matches!(property, "createdate" | "lastmodifieddate" | "hs_object_id")
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

impl Properties {
    /// Those that every account has (of HubSpot's, the ones that are most used).
    pub(super) fn standard() -> Self {
        use Access::{ReadOnly, Writable};
        let list = [
            ("email", "Email", Kind::Email, Writable),
            ("firstname", "First Name", Kind::Text, Writable),
            ("lastname", "Last Name", Kind::Text, Writable),
            ("phone", "Phone Number", Kind::Phone, Writable),
            ("mobilephone", "Mobile Phone Number", Kind::Phone, Writable),
            ("fax", "Fax Number", Kind::Phone, Writable),
            ("company", "Company Name", Kind::Text, Writable),
            ("jobtitle", "Job Title", Kind::Text, Writable),
            ("salutation", "Salutation", Kind::Text, Writable),
            ("website", "Website URL", Kind::Text, Writable),
            ("message", "Message", Kind::Text, Writable),
            ("address", "Street Address", Kind::Text, Writable),
            ("city", "City", Kind::Text, Writable),
            ("state", "State/Region", Kind::Text, Writable),
            ("zip", "Postal Code", Kind::Text, Writable),
            ("country", "Country/Region", Kind::Text, Writable),
            ("annualrevenue", "Annual Revenue", Kind::Number, Writable),
            ("closedate", "Close Date", Kind::Instant, Writable),
            ("lifecyclestage", "Lifecycle Stage", Kind::Stage(owned(&STAGES)), Writable),
            ("hs_lead_status", "Lead Status", Kind::Choice(owned(&LEAD_STATUS)), Writable),
            ("hubspot_owner_id", "Contact owner", Kind::Owner, Writable),
            ("createdate", "Create Date", Kind::Instant, ReadOnly),
            ("lastmodifieddate", "Last Modified Date", Kind::Instant, ReadOnly),
            ("hs_object_id", "Record ID", Kind::Number, ReadOnly),
            ("hs_merged_object_ids", "Merged record IDs", Kind::Text, ReadOnly),
            ("hs_additional_emails", "Additional email addresses", Kind::Text, ReadOnly),
        ];
        let property = |(name, label, kind, access): (&str, &str, Kind, Access)| Property {
            name: name.to_owned(),
            label: label.to_owned(),
            group: "contactinformation".to_owned(),
            unique: name == "email",
            standard: true,
            kind,
            access,
        };
        Self(list.into_iter().map(property).map(|p| (p.name.clone(), p)).collect())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Property> {
        self.0.values()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.0.get(name)
    }

    pub(super) fn is_unique(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|property| property.unique)
    }

    /// The property of this name, if it may be written.
    pub(super) fn writable(&self, name: &str) -> Result<&Property, Problem> {
        let problem = |code, message| Problem { property: name.to_owned(), code, message };
        let property = self.0.get(name).ok_or_else(|| {
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
        if self.0.contains_key(name) {
            return Err(HubSpotRefusal::exists(format!("Property named '{name}' already exists.")));
        }
        let unique = self.0.values().filter(|p| p.unique && !p.standard).count();
        if self.0.len() >= PROPERTY_LIMIT || (property.unique && unique >= UNIQUE_LIMIT) {
            return Err(HubSpotRefusal::request("You have reached your property limit"));
        }
        self.0.insert(name.clone(), property);
        Ok(())
    }
}
