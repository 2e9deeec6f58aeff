//! An answer as it came: status, headers, body. What it means is the vendor's dialect.

use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use serde::de::DeserializeOwned;

/// A vendor's answer to a call, of any status.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Never shows the body: it is full of people's data.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// Whether the status is 200 to 299.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header by its name in lower case, the first if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The server's clock when it answered, in whole seconds.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        http_date(self.header("date")?)
    }

    /// How long the server asks to wait: `Retry-After` in seconds, or as a time by its own clock.
    /// At most 30 days: more is a mistake, and could not be reckoned with.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => http_date(text)?.since(self.date()?),
        };
        Some(wait.min(Duration::from_secs(30 * 24 * 3600)))
    }

    /// Whether the body says that it is JSON, or at least looks like it.
    pub(crate) fn is_json(&self) -> bool {
        let named = self.header("content-type").is_some_and(|kind| kind.contains("json"));
        named
            || self
                .body
                .iter()
                .find(|byte| !byte.is_ascii_whitespace())
                .is_some_and(|byte| matches!(byte, b'{' | b'['))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `Protocol`, with the place but never the text: the body may hold anything.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ConnectorError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let mut found = self.unexpected("is not the JSON that was expected");
            let place = format!(" (line {}, column {})", error.line(), error.column());
            found.message.push_str(&place);
            found
        })
    }

    /// A `Protocol` error about this answer, told by its kind and size.
    pub(crate) fn unexpected(&self, what: &str) -> ConnectorError {
        let kind = self.header("content-type").unwrap_or("no content type");
        let kind: String = kind.chars().filter(|c| !c.is_control()).take(60).collect();
        ConnectorError {
            status: Some(self.status),
            ..ConnectorError::new(
                ErrorKind::Protocol,
                format!("the answer {what}: {kind}, {} bytes", self.body.len()),
            )
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|at| at.to_utc().into())
}
