//! The one place that makes errors out of Jobber's answers: by status, by the errors of GraphQL,
//! by what a mutation refuses.
//!
//! Jobber's own words are kept, in one line and without addresses; [`super::document`] takes out of them
//! what was sent, and only then are they cut: what is cut before may be the half of a value.

use std::sync::Arc;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::FieldName;

use super::convert;
use super::cost::{Bucket, too_costly};
use super::fields::{Contact, Field as Of, Shape};
use super::object::Object;
use super::version::ServedVersion;
use super::wire::{Envelope, Field, GraphError, Segment, UserError};
use crate::http::{Answer, Dialect, Reported, Verdict};
use crate::scrub;

/// This adapter's own code for an answer that is null whole, for what failed or is hidden in one record.
const TORN: &str = "TORN";

/// Whether an answer is null whole for a field of one record that is never null: the others can be had.
pub(super) fn is_torn(error: &ConnectorError) -> bool {
    error.code.as_deref() == Some(TORN)
}

/// Jobber's way of answering.
#[derive(Debug)]
pub(super) struct JobberDialect {
    pub(super) bucket: Arc<Bucket>,
    pub(super) served: Arc<ServedVersion>,
}

/// Whether Jobber refused a refresh token for good: it is used, or the account let go of the app. What it
/// says of an app that it does not know is another error.
pub(super) fn is_dead_grant(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: Option<String>,
    }
    let refusal: Option<Refusal> = answer.json().ok();
    match refusal.and_then(|refusal| refusal.error).as_deref() {
        Some("invalid_grant") => true,
        Some("invalid_client" | "unauthorized_client" | "invalid_request") => false,
        // `The provided refresh token is not valid.`, in JSON or as plain text: a 401 that speaks of
        // something else may be of whoever stands before Jobber.
        Some(_) | None => {
            let body = String::from_utf8_lossy(&answer.body).to_lowercase();
            answer.status == 401 && body.contains("refresh token")
        }
    }
}

impl Dialect for JobberDialect {
    /// Points are in the bodies, where `judge` takes them from.
    fn limits(&self, _answer: &Answer) -> Vec<Reported> {
        Vec::new()
    }

    fn judge(&self, answer: &Answer, _attempt: u32) -> Verdict {
        let envelope = answer.is_json().then(|| answer.json::<Envelope>());
        if let Some(Ok(envelope)) = &envelope {
            if let Some(cost) = &envelope.extensions.cost {
                self.bucket.learn_level(cost.throttle_status);
            }
            if let Some(versioning) = &envelope.extensions.versioning {
                self.served.note(versioning);
            }
        }
        if let Some(why) = no_entry(answer.status, &said_in(answer, envelope.as_ref())) {
            return Verdict::Refused(ConnectorError::new(ErrorKind::Auth, why));
        }
        match (answer.status, envelope) {
            (200..300 | 400 | 422, Some(Ok(envelope))) if is_graphql(&envelope) => {
                self.judge_envelope(answer.status, &envelope)
            }
            (200..300, Some(Ok(envelope))) => Verdict::Unclear(ConnectorError::new(
                ErrorKind::Protocol,
                format!("jobber answered without data: {}", message_of(&envelope)),
            )),
            (200..300, Some(Err(error))) => Verdict::Unclear(error),
            // A page for people: Jobber is overloaded, and says so with status 200.
            (200..300, None) => Verdict::Unclear(ConnectorError::new(
                ErrorKind::Transient,
                "jobber sent a waiting page instead of an answer; it is overloaded, try again later, \
                 and if it stays so check `base_url`",
            )),
            (status, envelope) => {
                let said = envelope.and_then(Result::ok).map(|envelope| message_of(&envelope));
                self.judge_status(status, &said.unwrap_or_default())
            }
        }
    }
}

impl JobberDialect {
    fn judge_status(&self, status: u16, said: &str) -> Verdict {
        let error = |kind, what: &str| {
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            ConnectorError::new(kind, format!("{what}{said}"))
        };
        match status {
            401 => Verdict::Refused(error(
                ErrorKind::Auth,
                "jobber does not accept the access token; reconnect the account",
            )),
            403 => Verdict::Refused(error(
                ErrorKind::Permission,
                "jobber does not allow this; check the app's scopes",
            )),
            404 => Verdict::Refused(error(
                ErrorKind::Permanent,
                &format!(
                    "jobber does not know the address or the API version; check `version`, which \
                     is {:?}, and `base_url`",
                    self.served.asked()
                ),
            )),
            429 => {
                Verdict::Later(error(ErrorKind::RateLimited, "jobber takes no more requests now"))
            }
            408 | 500.. => Verdict::Unclear(error(ErrorKind::Transient, "jobber failed to answer")),
            _ => Verdict::Refused(error(ErrorKind::Permanent, "jobber refused the request")),
        }
    }

    fn judge_envelope(&self, status: u16, envelope: &Envelope) -> Verdict {
        if matches!(envelope.data, Field::Value(_)) {
            return Verdict::Accepted;
        }
        if envelope.errors.iter().any(|error| kind(error) == ErrorKind::RateLimited) {
            return self.throttled(envelope);
        }
        let Some(first) = envelope.errors.first() else {
            return Verdict::Unclear(ConnectorError::new(
                ErrorKind::Protocol,
                "jobber answered with neither data nor an error",
            ));
        };
        let mut error = of_graph(first);
        error.status = Some(status);
        let is_below = |error: &GraphError| error.path.len() > 1;
        if matches!(envelope.data, Field::Null) && envelope.errors.iter().all(is_below) {
            error.code = Some(TORN.to_owned());
        }
        match (&envelope.data, error.kind) {
            // Without the key, nothing was begun.
            (Field::Missing, ErrorKind::Transient) | (Field::Null | Field::Value(_), _) => {
                Verdict::Unclear(error)
            }
            (Field::Missing, _) => Verdict::Refused(error),
        }
    }

    /// Refused for its cost; nothing was begun.
    fn throttled(&self, envelope: &Envelope) -> Verdict {
        let cost = envelope.extensions.cost.as_ref();
        let requested = cost.and_then(|cost| cost.requested);
        let level = cost.and_then(|cost| cost.throttle_status);
        if let (Some(requested), Some(level)) = (requested, level)
            && requested > level.maximum_available
        {
            return Verdict::Refused(too_costly(requested, level.maximum_available));
        }
        Verdict::Later(ConnectorError {
            code: Some("THROTTLED".to_owned()),
            retry_after: requested.and_then(|requested| self.bucket.wait_for(requested)),
            ..ConnectorError::new(
                ErrorKind::RateLimited,
                "jobber takes no more queries now: the account's points are used up",
            )
        })
    }
}

/// What an answer says: in the forms that Jobber gives errors in, or as a plain text.
fn said_in(answer: &Answer, envelope: Option<&Result<Envelope, ConnectorError>>) -> String {
    match envelope {
        Some(Ok(envelope)) if matches!(envelope.data, Field::Value(_)) => String::new(),
        Some(Ok(envelope)) => message_of(envelope),
        Some(Err(_)) => String::new(),
        None => said(&String::from_utf8_lossy(answer.body.get(..300).unwrap_or(&answer.body))),
    }
}

/// Why neither this account nor any token of it is let in, if Jobber says so: no renewal and no waiting
/// mends that.
fn no_entry(status: u16, said: &str) -> Option<&'static str> {
    let said = said.to_lowercase();
    match status {
        200 | 401 | 403 if is_inactive(&said) => Some(
            "jobber says that this account is not active: its subscription has ended or is on hold; set \
             that right in jobber, and the sync goes on, or disconnect the account here",
        ),
        200 | 401 | 403 if is_disconnection(&said) => Some(
            "jobber says that the user has disconnected this app: connect the account anew, or \
             disconnect it here, too",
        ),
        _ => None,
    }
}

fn is_inactive(said: &str) -> bool {
    said.contains("account is not active")
}

fn is_disconnection(said: &str) -> bool {
    said.contains("disconnected this app")
}

/// Whether Jobber says that there is nobody to tell: the account has let go of this app, or is not active
/// and takes nothing from anybody.
pub(super) fn is_let_go(answer: &Answer) -> bool {
    let envelope = answer.is_json().then(|| answer.json::<Envelope>());
    let said = said_in(answer, envelope.as_ref()).to_lowercase();
    matches!(answer.status, 200 | 401 | 403) && (is_disconnection(&said) || is_inactive(&said))
}

/// Whether an answer comes from GraphQL, and not from what stands before it.
fn is_graphql(envelope: &Envelope) -> bool {
    envelope.outside().is_none() || !matches!(envelope.data, Field::Missing)
}

fn message_of(envelope: &Envelope) -> String {
    let first = envelope.errors.first().map(|error| error.message.as_str());
    scrub::line(envelope.outside().or(first).unwrap_or_default())
}

/// Jobber's words, cut short, of what has no person's values or was rid of them.
pub(super) fn said(text: &str) -> String {
    scrub::line(text).chars().take(300).collect()
}

/// Whether Jobber says that it hides something from this app.
pub(super) fn is_hidden(error: &GraphError) -> bool {
    kind(error) == ErrorKind::Permission
}

/// What sort of error it is.
pub(super) fn kind(error: &GraphError) -> ErrorKind {
    match error.extensions.code.as_deref() {
        _ if error.message.contains("hidden due to permissions") => ErrorKind::Permission,
        Some("UNAUTHENTICATED") => ErrorKind::Auth,
        Some("FORBIDDEN") => ErrorKind::Permission,
        Some("NOT_FOUND") => ErrorKind::NotFound,
        Some("BAD_USER_INPUT") => ErrorKind::Validation,
        Some("INTERNAL_SERVER_ERROR") => ErrorKind::Transient,
        Some("THROTTLED") => ErrorKind::RateLimited,
        None if is_bad_variable(error) => ErrorKind::Validation,
        Some(_) | None => ErrorKind::Permanent,
    }
}

/// Whether a variable was refused for its value: Jobber gives that neither a code nor a path, as its page
/// "Handling API errors" shows.
fn is_bad_variable(error: &GraphError) -> bool {
    error.extensions.problems.is_some() || error.message.contains("was provided invalid value")
}

/// Whether a mutation was not let through at all: what is hidden stands at the mutation itself, or
/// nowhere, and not in what it answers.
pub(super) fn lacks_write_scope(error: &GraphError) -> bool {
    is_hidden(error) && error.path.len() <= 1
}

/// What such an app is to be given.
pub(super) fn no_write_scope(object: Object, error: &GraphError) -> ConnectorError {
    let many = object.many();
    ConnectorError {
        message: format!(
            "jobber does not let this app write {many}: give it the scope to write them in jobber's \
             developer center, then reconnect the account: {}",
            said(&error.message)
        ),
        ..of_graph(error)
    }
}

/// An error out of one of GraphQL's.
pub(super) fn of_graph(error: &GraphError) -> ConnectorError {
    let kind = kind(error);
    let what = match kind {
        ErrorKind::Auth => "jobber does not accept the access token; reconnect the account",
        ErrorKind::Permission => "jobber does not allow this; check the app's scopes",
        ErrorKind::NotFound => "jobber does not know the record",
        ErrorKind::Validation => "jobber refused the content",
        ErrorKind::Transient => "jobber failed inside; try again later",
        ErrorKind::RateLimited => "jobber takes no more queries now",
        ErrorKind::Permanent
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Protocol => {
            "jobber refused the query; where it does not know a field, take the field out of the \
             mapping or set another `version`"
        }
    };
    ConnectorError {
        code: error.extensions.code.as_deref().map(said),
        ..ConnectorError::new(kind, format!("{what}: {}", scrub::line(&error.message)))
    }
}

/// What a mutation refused, and the written fields that it named.
pub(super) fn of_user_errors(
    object: Object,
    errors: &[UserError],
    written: &[Of],
) -> (Vec<FieldName>, ConnectorError) {
    let mut named: Vec<&Of> = Vec::new();
    for error in errors {
        for field in fields_at(&error.path, written) {
            if !named.contains(&field) {
                named.push(field);
            }
        }
    }
    let words: Vec<String> = errors.iter().map(|error| scrub::line(&error.message)).collect();
    let fields = convert::names(named);
    let error = ConnectorError {
        fields: fields.clone(),
        ..ConnectorError::new(
            ErrorKind::Validation,
            format!("jobber refused the {}: {}", object.one(), words.join("; ")),
        )
    };
    (fields, error)
}

/// The written fields that a path like `input.emailsToAdd.0.address` is about.
fn fields_at<'a>(path: &[Segment], written: &'a [Of]) -> Vec<&'a Of> {
    let keys: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(camel(key)),
            Segment::Index(_) => None,
        })
        .collect();
    let is_about = |field: &&Of| match field {
        Of::Known(known) => {
            let input = [known.create, known.edit].into_iter().flatten();
            // The last key of its place: the ones before are shared with other fields.
            let mut own = input.filter_map(|place| place.rsplit('.').next()).chain([known.key]);
            match known.shape {
                Shape::Contact(contact, _) => keys.iter().any(|key| is_list(key, contact)),
                Shape::Plain(_) | Shape::Part(_) | Shape::Amount(_) | Shape::Ref(_) => {
                    own.any(|own| keys.iter().any(|key| key == own))
                }
            }
        }
        Of::Custom(_) => keys.iter().any(|key| key == "customFields"),
        Of::Gone(_) => false,
    };
    let about: Vec<&Of> = written.iter().filter(is_about).collect();
    // A path that goes into the address names one of its parts.
    let is_part =
        |field: &&Of| field.part().is_some_and(|part| keys.iter().any(|key| key == part.key()));
    let parts: Vec<&Of> = about.iter().copied().filter(is_part).collect();
    if parts.is_empty() { about } else { parts }
}

fn is_list(key: &str, contact: Contact) -> bool {
    let list = contact.key();
    key == list || key.strip_prefix(list).is_some_and(|rest| rest.starts_with("To"))
}

/// `first_name` as `firstName`: both are seen in paths.
fn camel(key: &str) -> String {
    let mut parts = key.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut chars = part.chars();
        text.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        text.push_str(chars.as_str());
    }
    text
}

#[cfg(test)]
mod tests;
