//! HubSpot's refusals, and how they look as a whole answer or as one row of a batch's.

use std::fmt;

use serde_json::{Value as Json, json};

use crate::sim::call::Reply;

/// What is wrong with one property of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) property: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Why HubSpot would not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSpotRefusal(Box<Reason>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// The values.
    Invalid(Vec<Problem>),
    /// Another contact has the e-mail; its id, if it has one already.
    Taken(Option<u64>),
    /// Another record has the value of this property, which must be unique; its id likewise.
    NotUnique(String, Option<u64>),
    /// No record has this id.
    NotFound(String),
    /// The request.
    Request(String),
    /// Something is there already, with this message.
    Exists(String),
    /// HubSpot's own failure, with this message.
    Broken(String),
}

impl HubSpotRefusal {
    pub(super) fn invalid(problems: Vec<Problem>) -> Self {
        Self(Box::new(Reason::Invalid(problems)))
    }

    /// Contacts' e-mails have a conflict of their own; any other value is simply not valid.
    pub(super) fn taken(property: &str, by: Option<u64>) -> Self {
        Self(Box::new(match property {
            "email" => Reason::Taken(by),
            other => Reason::NotUnique(other.to_owned(), by),
        }))
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self(Box::new(Reason::NotFound(id.to_owned())))
    }

    pub(super) fn request(message: impl Into<String>) -> Self {
        Self(Box::new(Reason::Request(message.into())))
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self(Box::new(Reason::Exists(message.into())))
    }

    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self(Box::new(Reason::Broken(message.into())))
    }

    fn status(&self) -> u16 {
        match &*self.0 {
            Reason::Invalid(_) | Reason::NotUnique(..) | Reason::Request(_) => 400,
            Reason::NotFound(_) => 404,
            Reason::Taken(_) | Reason::Exists(_) => 409,
            Reason::Broken(_) => 500,
        }
    }

    fn category(&self) -> &'static str {
        match &*self.0 {
            Reason::Invalid(_) | Reason::NotUnique(..) | Reason::Request(_) => "VALIDATION_ERROR",
            Reason::NotFound(_) => "OBJECT_NOT_FOUND",
            Reason::Taken(_) => "CONFLICT",
            Reason::Exists(_) => "OBJECT_ALREADY_EXISTS",
            Reason::Broken(_) => "INTERNAL_ERROR",
        }
    }

    /// What is wrong with values.
    fn problems(&self) -> Option<Vec<Problem>> {
        match &*self.0 {
            Reason::Invalid(problems) => Some(problems.clone()),
            Reason::NotUnique(property, by) => {
                let who = by.map_or_else(|| "Another record".to_owned(), |id| id.to_string());
                Some(vec![Problem {
                    property: property.clone(),
                    code: "CONFLICTING_UNIQUE_VALUE",
                    message: format!("{who} already has that value."),
                }])
            }
            Reason::Taken(_)
            | Reason::NotFound(_)
            | Reason::Request(_)
            | Reason::Exists(_)
            | Reason::Broken(_) => None,
        }
    }

    /// The refusal as a whole answer.
    pub(super) fn reply(&self, correlation: &str) -> Reply {
        let mut body = json!({
            "status": "error",
            "message": self.to_string(),
            "correlationId": correlation,
            "category": self.category(),
        });
        if let Some(problems) = self.problems() {
            body["errors"] = details(&problems);
        }
        Reply::json(self.status(), &body)
    }

    /// The refusal as a row of a batch's `errors`. A record that is not there is named by its
    /// id, everything else by the trace id of its input.
    pub(super) fn row(&self, trace: Option<&str>) -> Json {
        let mut context = json!({});
        match &*self.0 {
            Reason::NotFound(id) => context["ids"] = json!([id]),
            Reason::Taken(Some(id)) => context["existingId"] = json!([id.to_string()]),
            Reason::Invalid(_)
            | Reason::NotUnique(..)
            | Reason::Taken(None)
            | Reason::Request(_)
            | Reason::Exists(_)
            | Reason::Broken(_) => {}
        }
        if let (Some(trace), false) = (trace, matches!(&*self.0, Reason::NotFound(_))) {
            context["objectWriteTraceId"] = json!([trace]);
        }
        let mut row = json!({
            "status": "error",
            "category": self.category(),
            "message": self.to_string(),
            "context": context,
        });
        if let Some(problems) = self.problems() {
            row["errors"] = details(&problems);
        }
        row
    }
}

fn details(problems: &[Problem]) -> Json {
    let detail = |problem: &Problem| {
        json!({
            "message": problem.message,
            "code": problem.code,
            "context": { "propertyName": [problem.property] },
        })
    };
    problems.iter().map(detail).collect()
}

/// The message that HubSpot gives.
impl fmt::Display for HubSpotRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problems) = self.problems() {
            let listed = |problem: &Problem| {
                json!({
                    "isValid": false,
                    "message": problem.message,
                    "error": problem.code,
                    "name": problem.property,
                })
            };
            let listed: Json = problems.iter().map(listed).collect();
            return write!(f, "Property values were not valid: {listed}");
        }
        match &*self.0 {
            Reason::Invalid(_) | Reason::NotUnique(..) => Ok(()),
            Reason::Taken(Some(id)) => write!(f, "Contact already exists. Existing ID: {id}"),
            Reason::Taken(None) => f.write_str("Contact already exists."),
            Reason::NotFound(_) => f.write_str("Object not found.  objectIds are usually numeric."),
            Reason::Request(message) | Reason::Exists(message) | Reason::Broken(message) => {
                f.write_str(message)
            }
        }
    }
}

impl std::error::Error for HubSpotRefusal {}
