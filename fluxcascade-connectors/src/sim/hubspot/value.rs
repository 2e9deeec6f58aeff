//! What HubSpot makes of a value that is written: refuses it, or stores it in its own form.

use fluxcascade_core::Timestamp;

use super::property::{Holds, Property};
use super::record::iso;
use super::refusal::Problem;

/// The longest value, in characters.
const LONGEST: usize = 65_536;
/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The value as it is stored. Empty clears.
pub(super) fn stored(
    property: &Property,
    text: &str,
    before: &str,
    phone: fn(&str) -> String,
) -> Result<String, Problem> {
    let problem = |code, message| Problem { property: property.name.clone(), code, message };
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.chars().count() > LONGEST {
        let message = format!("{} is longer than {LONGEST} characters.", quoted(text));
        return Err(problem("INVALID_LENGTH", message));
    }
    accepted(&property.holds, text, before, phone).ok_or_else(|| {
        let (code, what) = complaint(&property.holds);
        problem(code, format!("{} was not a valid {what}.", quoted(text)))
    })
}

/// The value in HubSpot's own form; none if it is none of this kind.
fn accepted(kind: &Holds, text: &str, before: &str, phone: fn(&str) -> String) -> Option<String> {
    let as_is = || text.to_owned();
    match kind {
        Holds::Text => Some(as_is()),
        Holds::Phone => Some(phone(text)),
        Holds::Email => email(text),
        Holds::Number => number(text),
        Holds::Owner => text.bytes().all(|b| b.is_ascii_digit()).then(as_is),
        Holds::Bool => matches!(text, "true" | "false").then(as_is),
        Holds::Date => date(text),
        Holds::Instant => instant(text).map(iso),
        Holds::Millis => instant(text).map(|at| at.millis().to_string()),
        Holds::Choice(options) => options.iter().any(|option| option == text).then(as_is),
        Holds::Stage(options) => stage(options, text, before),
        Holds::Many(options) => many(options, text, before),
    }
}

/// The code of a value that is not accepted, and what it should have been.
fn complaint(kind: &Holds) -> (&'static str, &'static str) {
    match kind {
        Holds::Email => ("INVALID_EMAIL", "email address"),
        Holds::Number => ("INVALID_INTEGER", "number"),
        Holds::Owner => ("INVALID_OWNER_ID", "owner id"),
        Holds::Date | Holds::Instant | Holds::Millis => ("INVALID_DATE", "date"),
        Holds::Bool | Holds::Choice(_) | Holds::Stage(_) | Holds::Many(_) => {
            ("INVALID_OPTION", "option")
        }
        Holds::Text | Holds::Phone => ("INVALID_STRING", "text"),
    }
}

/// A value as it may stand in a message: short.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

fn email(text: &str) -> Option<String> {
    let mail = text.trim().to_lowercase();
    let (local, domain) = mail.split_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | ',' | ';');
    let even = !local.contains(odd) && !domain.contains(odd);
    let labels = domain.split('.').all(|label| !label.is_empty());
    let valid = !local.is_empty() && domain.contains('.') && labels && even;
    valid.then_some(mail)
}

fn number(text: &str) -> Option<String> {
    let text = text.trim();
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| text.to_owned())
}

/// `2026-03-01`, or milliseconds at midnight UTC.
fn date(text: &str) -> Option<String> {
    let at = match text.parse::<i64>() {
        Ok(millis) if millis % DAY == 0 => Timestamp::from_millis(millis),
        Ok(_) => return None,
        Err(_) => format!("{text}T00:00:00Z").parse().ok()?,
    };
    iso(at).get(..10).map(str::to_owned)
}

/// A time of RFC 3339, a day, or milliseconds.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(millis) = text.parse::<i64>() {
        return Some(Timestamp::from_millis(millis));
    }
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// A stage only moves on: a step back is accepted and not done.
fn stage(options: &[String], text: &str, before: &str) -> Option<String> {
    let at = |stage: &str| options.iter().position(|option| option == stage);
    let to = at(text)?;
    let back = at(before).is_some_and(|from| to < from);
    Some(if back { before } else { text }.to_owned())
}

/// `A;B` replaces, `;B` adds.
fn many(options: &[String], text: &str, before: &str) -> Option<String> {
    let given = text.split(';').filter(|part| !part.is_empty());
    let mut chosen: Vec<&str> = match text.strip_prefix(';') {
        Some(_) => before.split(';').filter(|part| !part.is_empty()).collect(),
        None => Vec::new(),
    };
    for part in given {
        if !options.iter().any(|option| option == part) {
            return None;
        }
        if !chosen.contains(&part) {
            chosen.push(part);
        }
    }
    Some(chosen.join(";"))
}
