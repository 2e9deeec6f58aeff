//! The object types of an account: what HubSpot calls each, and what its records need. Their
//! properties are in [`super::property`].

use super::property::Properties;
use super::refusal::{HubSpotRefusal, Problem};

/// An object type.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// `0-1`, or `2-…` of a custom one.
    pub(super) id: String,
    /// As paths name it.
    pub(super) name: String,
    /// As messages and events name it: `contact`.
    pub(super) singular: String,
    /// What people see.
    pub(super) label: String,
    /// The property that has the time of the last change. Contacts alone have another.
    pub(super) modified: &'static str,
    /// The group that its properties are in.
    pub(super) group: String,
    /// What a new record needs.
    pub(super) needs: Needs,
    /// What is returned if nothing is asked for.
    pub(super) usual: Vec<String>,
    /// What people find it by in HubSpot's pages.
    pub(super) display: String,
}

/// What a new record needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needs {
    All(Vec<String>),
    OneOf(Vec<String>),
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Kind {
    /// The object types that every account has, of those that are simulated.
    pub(super) fn standard() -> Vec<(Self, Properties)> {
        let all = |names: &[&str]| Needs::All(owned(names));
        let list = [
            ("0-1", "contacts", "contact", all(&[]), &["email", "firstname", "lastname"][..]),
            (
                "0-2",
                "companies",
                "company",
                Needs::OneOf(owned(&["name", "domain"])),
                &["name", "domain"],
            ),
            (
                "0-3",
                "deals",
                "deal",
                all(&["dealname", "dealstage", "pipeline"]),
                &["dealname", "dealstage", "pipeline", "amount", "closedate"],
            ),
            ("0-27", "tasks", "task", all(&["hs_timestamp"]), &[]),
            ("0-46", "notes", "note", all(&["hs_timestamp"]), &[]),
        ];
        list.into_iter()
            .map(|(id, name, singular, needs, usual)| {
                let kind = Self {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    singular: singular.to_owned(),
                    label: format!("{}{}", singular[..1].to_uppercase(), &singular[1..]),
                    modified: if name == "contacts" {
                        "lastmodifieddate"
                    } else {
                        "hs_lastmodifieddate"
                    },
                    group: format!("{singular}information"),
                    needs,
                    usual: owned(usual),
                    display: usual.first().copied().unwrap_or("hs_object_id").to_owned(),
                };
                let properties = Properties::standard(&kind);
                (kind, properties)
            })
            .collect()
    }

    /// Whether this is one of its names in a path.
    pub(super) fn is_called(&self, name: &str, portal_id: u64) -> bool {
        let qualified = || name.strip_prefix(&format!("p{portal_id}_")) == Some(&self.name);
        self.id == name || self.name == name || (self.is_custom() && qualified())
    }

    /// The property that has the time of the making.
    pub(super) fn created(&self) -> &'static str {
        match self.name.as_str() {
            "contacts" | "companies" | "deals" => "createdate",
            _ => "hs_createdate",
        }
    }

    /// Whether the account's owner made it.
    pub(super) fn is_custom(&self) -> bool {
        self.id.starts_with("2-")
    }

    /// Refuses a new record that lacks what it needs.
    pub(super) fn check_new(&self, changes: &[(String, String)]) -> Result<(), HubSpotRefusal> {
        let has = |name: &&String| changes.iter().any(|(n, value)| n == *name && !value.is_empty());
        let missing: Vec<&String> = match &self.needs {
            Needs::All(names) => names.iter().filter(|name| !has(name)).collect(),
            Needs::OneOf(names) if names.iter().any(|name| has(&name)) => Vec::new(),
            Needs::OneOf(names) => names.iter().collect(),
        };
        if missing.is_empty() {
            return Ok(());
        }
        let problem = |name: &&String| Problem {
            property: (*name).clone(),
            code: "REQUIRED_FIELD",
            message: format!("Property \"{name}\" is required to create a {}", self.singular),
        };
        Err(HubSpotRefusal::invalid(missing.iter().map(problem).collect()))
    }
}
