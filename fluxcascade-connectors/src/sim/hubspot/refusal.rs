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
    /// Another record has a value that must be unique; its id, if it has one already.
    Taken(Option<u64>),
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

    pub(super) fn taken(by: u64) -> Self {
        Self(Box::new(Reason::Taken(Some(by))))
    }

    pub(super) fn taken_in_this_batch() -> Self {
        Self(Box::new(Reason::Taken(None)))
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
            Reason::Invalid(_) | Reason::Request(_) => 400,
            Reason::NotFound(_) => 404,
            Reason::Taken(_) | Reason::Exists(_) => 409,
            Reason::Broken(_) => 500,
        }
    }

    fn category(&self) -> &'static str {
        match &*self.0 {
            Reason::Invalid(_) | Reason::Request(_) => "VALIDATION_ERROR",
            Reason::NotFound(_) => "OBJECT_NOT_FOUND",
            Reason::Taken(_) => "CONFLICT",
            Reason::Exists(_) => "OBJECT_ALREADY_EXISTS",
            Reason::Broken(_) => "INTERNAL_ERROR",
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
        if let Reason::Invalid(problems) = &*self.0 {
            body["errors"] = details(problems);
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
        if let Reason::Invalid(problems) = &*self.0 {
            row["errors"] = details(problems);
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
        match &*self.0 {
            Reason::Invalid(problems) => {
                let listed = |problem: &Problem| {
                    json!({
                        "isValid": false,
                        "message": problem.message,
                        "error": problem.code,
                        "name": problem.property,
                    })
                };
                let listed: Json = problems.iter().map(listed).collect();
                write!(f, "Property values were not valid: {listed}")
            }
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
