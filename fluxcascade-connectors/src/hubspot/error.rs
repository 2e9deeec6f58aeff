//! The one place that makes errors out of HubSpot's statuses, headers and bodies.
//!
//! HubSpot's own words are kept, without what looks like a person's address; where a request's
//! values are known, [`Scrub`] takes them out, too. Names and codes of HubSpot's are kept as they are, if
//! they are such.

use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, RecordId};

use super::wire::{ErrorBody, InvalidProperty, Texts};
use crate::http::{Answer, Dialect, Reported, Verdict};
use crate::scrub::{self, Scrub};

/// HubSpot begins refusals of values with this, and puts JSON after it.
const INVALID_VALUES: &str = "Property values were not valid:";
/// The daily budget comes back at midnight in the account's time zone; asking every hour is enough.
const DAILY_WAIT: Duration = Duration::from_secs(3600);

/// How HubSpot answers.
#[derive(Debug)]
pub(super) struct HubSpotDialect;

/// Requests of all kinds but searches, in ten seconds.
pub(super) const REQUESTS: &str = "requests";
/// Searches, in a second.
pub(super) const SEARCHES: &str = "search";
/// Everything, in a day of the account's.
pub(super) const DAILY: &str = "daily";

/// What HubSpot's headers say of its limits: of the ten seconds on every answer but a search's, of the day
/// on those of private apps. A refusal says which limit was met.
fn limits(answer: &Answer) -> Vec<Reported> {
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u32>().ok());
    let interval = interval(answer);
    let mut told = Vec::new();
    if let Some(left) = number("x-hubspot-ratelimit-remaining") {
        let of = number("x-hubspot-ratelimit-max");
        told.push(Reported { limit: REQUESTS, of, left, holds_for: interval });
    }
    if let Some(left) = number("x-hubspot-ratelimit-daily-remaining") {
        let of = number("x-hubspot-ratelimit-daily");
        told.push(Reported { limit: DAILY, of, left, holds_for: DAILY_WAIT });
    }
    if answer.status == 429 {
        let body: ErrorBody = answer.json().unwrap_or_default();
        let none = |limit, holds_for| Reported { limit, of: None, left: 0, holds_for };
        told.extend(match body.policy_name.as_deref() {
            Some("DAILY") => Some(none(DAILY, DAILY_WAIT)),
            Some("SECONDLY") => Some(none(SEARCHES, Duration::from_secs(1))),
            Some("TEN_SECONDLY_ROLLING") => Some(none(REQUESTS, interval)),
            Some(_) | None => None,
        });
    }
    told
}

/// The window of the limit that the headers are about.
fn interval(answer: &Answer) -> Duration {
    answer
        .header("x-hubspot-ratelimit-interval-milliseconds")
        .and_then(|text| text.parse().ok())
        .map_or(Duration::from_secs(10), Duration::from_millis)
        .min(DAILY_WAIT)
}

impl Dialect for HubSpotDialect {
    fn limits(&self, answer: &Answer) -> Vec<Reported> {
        limits(answer)
    }

    fn judge(&self, answer: &Answer, attempt: u32) -> Verdict {
        let body: ErrorBody = match answer.status {
            // Archives are answered with nothing at all.
            200..300 if answer.is_json() || answer.body.is_empty() => return Verdict::Accepted,
            200..300 => {
                let what = "is no JSON, so it is not of HubSpot; check base address and proxies";
                return Verdict::Unclear(answer.unexpected(what));
            }
            _ => answer.json().unwrap_or_default(),
        };
        match answer.status {
            300..400 => Verdict::Refused(
                answer.unexpected("is a redirect, which is not followed; check the base address"),
            ),
            401 => Verdict::Refused(of(
                &body,
                ErrorKind::Auth,
                "HubSpot does not accept the token; reconnect the account, or, if it is a private app's, \
                 make a new one in the app's settings",
            )),
            403 => Verdict::Refused(permission(&body)),
            404 if !body.message.is_empty() => {
                Verdict::Refused(of(&body, ErrorKind::NotFound, "HubSpot does not know it"))
            }
            // Not a word of HubSpot's own: the address is wrong, and says nothing of the record.
            404 => Verdict::Refused(
                answer.unexpected("is that there is no such address; check base address and paths"),
            ),
            408 => {
                Verdict::Unclear(of(&body, ErrorKind::Transient, "HubSpot gave up on the request"))
            }
            409 => Verdict::Refused(of(
                &body,
                ErrorKind::Validation,
                "HubSpot already has a record with this unique value",
            )),
            413 | 414 => Verdict::Refused(of(
                &body,
                ErrorKind::Permanent,
                "HubSpot refused the request as too long, or the record has been merged too often",
            )),
            423 => Verdict::Later(locked(&body)),
            429 => Verdict::Later(rate_limited(&body, answer, attempt)),
            477 => Verdict::Later(moving(&body, answer)),
            400 | 422 => {
                Verdict::Refused(of(&body, ErrorKind::Validation, "HubSpot refused the request"))
            }
            400..500 => Verdict::Refused(of(
                &body,
                ErrorKind::Protocol,
                "HubSpot does not take such requests; check base address and paths",
            )),
            522 | 525 | 526 => Verdict::Unclear(of(
                &body,
                ErrorKind::Transient,
                "HubSpot's own network is broken; if it stays so, tell their support",
            )),
            _ => Verdict::Unclear(of(
                &body,
                ErrorKind::Transient,
                "HubSpot is in trouble; it is tried again later",
            )),
        }
    }
}

/// Whether HubSpot refused a refresh token for good. It says so in the form of OAuth, and in its own.
pub(super) fn is_dead_grant(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: Option<String>,
        status: Option<String>,
    }
    let refusal: Option<Refusal> = answer.json().ok();
    refusal.is_some_and(|refusal| {
        refusal.error.as_deref() == Some("invalid_grant")
            || refusal.status.as_deref() == Some("BAD_REFRESH_TOKEN")
    })
}

/// The error of one row of a batch that was answered as a whole.
pub(super) fn of_row(row: &ErrorBody) -> ConnectorError {
    match row.category.as_str() {
        "VALIDATION_ERROR" => of(row, ErrorKind::Validation, "HubSpot refused the record"),
        "CONFLICT" => {
            of(row, ErrorKind::Validation, "HubSpot already has a record with this unique value")
        }
        "OBJECT_NOT_FOUND" => of(row, ErrorKind::NotFound, "HubSpot does not know the record"),
        "MISSING_SCOPES" => permission(row),
        "RATE_LIMIT" | "RATE_LIMITS" => {
            of(row, ErrorKind::RateLimited, "HubSpot had too many requests for this record")
        }
        _ => of(row, ErrorKind::Transient, "HubSpot could not finish this record"),
    }
}

/// Whether a row's error in a read is about its record alone, and would be the same next time.
///
/// A category that is not known here is taken so: one record then waits where people see it, while
/// otherwise every later read would fail on it.
pub(super) fn is_rows_own(row: &ErrorBody) -> bool {
    let of_all = matches!(
        row.category.as_str(),
        "MISSING_SCOPES" | "INVALID_AUTHENTICATION" | "EXPIRED_AUTHENTICATION"
    );
    let passing = matches!(
        row.category.as_str(),
        "RATE_LIMIT"
            | "RATE_LIMITS"
            | "INTERNAL_ERROR"
            | "INTERNAL_SERVER_ERROR"
            | "SERVER_ERROR"
            | "SERVICE_UNAVAILABLE"
            | "TIMEOUT"
            | "REQUEST_TIMEOUT"
            | "GATEWAY_TIMEOUT"
            | "LOCKED"
    );
    !of_all && !passing
}

/// Whether a row's error in a read of associations says that its record has none. A record that HubSpot
/// does not know any more has the same category.
pub(super) fn says_that_there_are_none(row: &ErrorBody) -> bool {
    let mut said = row.sub_category.iter().flat_map(Texts::iter);
    said.any(|what| what == "crm.associations.NO_ASSOCIATIONS_FOUND")
}

/// Whether a request for one record was refused for that record, and would be the next time.
pub(super) fn is_records_own(error: &ConnectorError) -> bool {
    error.status.is_some_and(|status| (400..500).contains(&status))
        && matches!(error.kind, ErrorKind::Validation | ErrorKind::Permanent)
}

/// Which of the records that were asked for a row's error names. HubSpot has several places for it.
pub(super) fn named(row: &ErrorBody, asked: &[RecordId]) -> Vec<RecordId> {
    let contexts: Vec<_> = std::iter::once(&row.context)
        .chain(row.errors.iter().map(|detail| &detail.context))
        .collect();
    let of_texts = |texts: &Texts| -> Vec<RecordId> {
        let ids = texts.iter();
        ids.filter_map(|text| asked.iter().find(|id| id.as_str() == text).cloned()).collect()
    };
    ["ids", "id", "fromObjectId", "objectWriteTraceId"]
        .iter()
        .map(|key| contexts.iter().filter_map(|c| c.get(*key)).flat_map(of_texts).collect())
        .chain(std::iter::once(row.id.as_ref().map(of_texts).unwrap_or_default()))
        .find(|ids: &Vec<RecordId>| !ids.is_empty())
        .unwrap_or_default()
}

/// Whether a row's error names the association of these two, or one of them alone.
pub(super) fn names_pair(row: &ErrorBody, (from, to): (&RecordId, &RecordId)) -> bool {
    let texts = |key: &str| -> Vec<String> {
        let details = row.errors.iter().map(|detail| &detail.context);
        let contexts = std::iter::once(&row.context).chain(details);
        contexts.filter_map(|context| context.get(key)).flat_map(Texts::iter).collect()
    };
    let has = |texts: &[String], id: &RecordId| texts.iter().any(|text| text == id.as_str());
    let ends = [(texts("fromObjectId"), from), (texts("toObjectId"), to)];
    if ends.iter().all(|(named, _)| named.is_empty()) {
        return !named(row, &[from.clone(), to.clone()]).is_empty();
    }
    ends.iter().all(|(named, id)| named.is_empty() || has(named, id))
}

/// Why a record cannot be read, and what to do. The text is the same each time, so the id of the
/// request is not in it.
pub(super) fn unreadable(error: ConnectorError) -> String {
    const TO_DO: &str = "open the record in HubSpot, and ask their support if it looks right there";
    let error = Scrub::default().apply(error);
    let message = match error.message.split_once("; it says: ") {
        Some((what, words)) => format!("{what}; {TO_DO}; it says: {words}"),
        None => format!("{}; {TO_DO}", error.message),
    };
    ConnectorError { message, correlation: None, ..error }.to_string()
}

/// HubSpot's code for a value of a unique property that another record has. Contacts' e-mails have
/// a conflict instead.
const NOT_UNIQUE: &str = "CONFLICTING_UNIQUE_VALUE";

/// Whether it was refused for a unique value that another record has.
pub(super) fn is_not_unique(error: &ConnectorError) -> bool {
    error.code.as_deref() == Some(NOT_UNIQUE)
}

/// The record that has the unique value which a create would have repeated.
pub(super) fn existing(body: &ErrorBody) -> Option<RecordId> {
    if body.category != "CONFLICT" {
        // "123 already has that value."
        let invalid = invalid_properties(&body.message);
        let taken = invalid.iter().find(|one| one.error.as_deref() == Some(NOT_UNIQUE))?;
        let (id, _) = taken.message.as_deref()?.split_once(" already has")?;
        return id.trim().parse().ok().and_then(super::convert::id_of_number);
    }
    let named = body.context.get("existingId").and_then(|ids| ids.iter().next());
    let digits = named.or_else(|| {
        let (_, rest) = body.message.split_once("Existing ID:")?;
        Some(rest.trim_start().chars().take_while(char::is_ascii_digit).collect())
    })?;
    digits.parse().ok().and_then(super::convert::id_of_number)
}

/// Whether a property is refused because there is none of this name, in whatever record.
pub(super) fn is_unknown_property(error: &ConnectorError) -> bool {
    error
        .code
        .as_deref()
        .is_some_and(|code| matches!(code, "PROPERTY_DOESNT_EXIST" | "PROPERTY_DOES_NOT_EXIST"))
        && !error.fields.is_empty()
}

fn permission(body: &ErrorBody) -> ConnectorError {
    let scopes: Vec<String> = std::iter::once(&body.context)
        .chain(body.errors.iter().map(|detail| &detail.context))
        .filter_map(|context| context.get("requiredGranularScopes"))
        .flat_map(Texts::iter)
        .filter_map(|scope| short(&scope))
        .take(10)
        .collect();
    let what = if scopes.is_empty() {
        "the token does not allow this; check the app's scopes in HubSpot".to_owned()
    } else {
        format!("the token lacks scopes; add {} to the app in HubSpot", scopes.join(", "))
    };
    of(body, ErrorKind::Permission, &what)
}

fn locked(body: &ErrorBody) -> ConnectorError {
    let error = of(body, ErrorKind::Transient, "HubSpot has the record locked for a moment");
    ConnectorError { retry_after: Some(Duration::from_secs(2)), ..error }
}

/// `Retry-After` counts seconds here, up to a day.
fn moving(body: &ErrorBody, answer: &Answer) -> ConnectorError {
    let wait = answer.retry_after().unwrap_or(Duration::from_secs(3600));
    let error = of(body, ErrorKind::Transient, "HubSpot is moving the account to another place");
    ConnectorError { retry_after: Some(wait), ..error }
}

/// The waits grow with the attempts as those of HubSpot's own client do: others use the same
/// budget.
fn rate_limited(body: &ErrorBody, answer: &Answer, attempt: u32) -> ConnectorError {
    let policy = body.policy_name.as_deref().unwrap_or_default();
    let interval = interval(answer);
    let (what, retry_after) = match policy {
        "DAILY" => (
            "HubSpot's daily number of requests is used up; it comes back at the account's midnight",
            Some(DAILY_WAIT),
        ),
        "SECONDLY" => {
            ("HubSpot had too many requests in a second", Some(Duration::from_secs(1) * attempt))
        }
        "TEN_SECONDLY_ROLLING" => {
            ("HubSpot had too many requests in ten seconds", Some(interval * attempt))
        }
        _ => ("HubSpot had too many requests", None),
    };
    let mut error = of(body, ErrorKind::RateLimited, what);
    error.retry_after = retry_after;
    if !policy.is_empty() {
        error.code = short(policy);
    }
    error
}

fn of(body: &ErrorBody, kind: ErrorKind, what: &str) -> ConnectorError {
    let invalid = invalid_properties(&body.message);
    let mut error = ConnectorError::new(kind, what);
    error.fields = named_fields(body, &invalid);
    error.code = body
        .errors
        .iter()
        .find_map(|detail| detail.code.clone())
        .or_else(|| invalid.iter().find_map(|property| property.error.clone()))
        .or_else(|| (!body.category.is_empty()).then(|| body.category.clone()))
        .and_then(|code| short(&code));
    error.correlation = body.correlation_id.as_deref().and_then(short);
    let words = words(body, &invalid);
    if !words.is_empty() {
        error.message = format!("{what}; it says: {words}");
    }
    error
}

/// A name or a code of HubSpot's, if it is one: what has other characters, or is longer than any of them,
/// may be what a person typed.
fn short(text: &str) -> Option<String> {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    (text.len() <= 100 && text.bytes().all(is_of_it)).then(|| text.to_owned())
}

fn invalid_properties(message: &str) -> Vec<InvalidProperty> {
    message
        .split_once(INVALID_VALUES)
        .and_then(|(_, json)| serde_json::from_str(json.trim()).ok())
        .unwrap_or_default()
}

fn named_fields(body: &ErrorBody, invalid: &[InvalidProperty]) -> Vec<FieldName> {
    let mut fields = Vec::new();
    let contexts =
        std::iter::once(&body.context).chain(body.errors.iter().map(|detail| &detail.context));
    let named = contexts
        .filter_map(|context| context.get("propertyName"))
        .flat_map(Texts::iter)
        .chain(invalid.iter().filter_map(|property| property.name.clone()));
    let named = named.filter_map(|name| short(&name)).filter_map(|name| FieldName::new(name).ok());
    for field in named.take(20) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

/// What HubSpot says. Its JSON of refused values is told by names and codes: it has the values.
fn words(body: &ErrorBody, invalid: &[InvalidProperty]) -> String {
    let details = body.errors.iter().map(|detail| detail.message.as_str());
    let mut said: Vec<&str> = Vec::new();
    for text in std::iter::once(body.message.as_str()).chain(details) {
        if !text.is_empty() && !said.contains(&text) && !text.contains(INVALID_VALUES) {
            said.push(text);
        }
    }
    if !body.message.contains(INVALID_VALUES) {
        return scrub::line(&said.join(" / "));
    }
    let each = invalid.iter().take(20).map(|property| {
        let name =
            property.name.as_deref().and_then(short).unwrap_or_else(|| "a property".to_owned());
        let code =
            property.error.as_deref().and_then(short).unwrap_or_else(|| "not valid".to_owned());
        format!("{name}: {code}")
    });
    format!("property values were not valid ({})", each.collect::<Vec<_>>().join(", "))
}
