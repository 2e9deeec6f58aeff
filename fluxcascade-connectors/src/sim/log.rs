//! The log of the requests that reached a simulator. Headers are not kept: they have tokens.

use std::collections::VecDeque;

use fluxcascade_core::Timestamp;
use serde::Serialize;

use super::call::Call;

/// The most of one body that is kept, in bytes.
const BODY_KEPT: usize = 64 * 1024;
/// The most requests that are kept; the oldest go first.
const REQUESTS_KEPT: usize = 20_000;
/// The most of all bodies together that is kept, in bytes.
const BODIES_KEPT: usize = 64 * 1024 * 1024;

/// One request that reached a simulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// Counts from 1, also over what the log no longer has.
    pub number: u64,
    /// When it came, by the simulator's clock.
    pub at: Timestamp,
    /// `GET`, `POST`, …
    pub method: String,
    /// As it was sent, percent-encoded.
    pub path: String,
    /// What stands after the `?`, percent-encoded.
    pub query: Option<String>,
    /// The body's first 64 KiB as text; the bodies of token requests are not kept.
    pub body: String,
    /// How long the whole body was, in bytes.
    pub body_bytes: usize,
    /// The answer's status; none while it is open, and if the client never got one.
    pub status: Option<u16>,
    /// The fault that met it, if one did.
    pub fault: Option<String>,
}

impl LoggedRequest {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
    body_bytes: usize,
    last: u64,
}

impl RequestLog {
    /// Notes a request that has come, and gives its number.
    pub(super) fn open(&mut self, call: &Call, fault: Option<String>) -> u64 {
        self.last += 1;
        let body = if call.path.contains("/oauth/") {
            "(not kept)".to_owned()
        } else {
            let kept = call.body.get(..BODY_KEPT).unwrap_or(&call.body);
            String::from_utf8_lossy(kept).into_owned()
        };
        self.body_bytes += body.len();
        self.entries.push_back(LoggedRequest {
            number: self.last,
            at: call.at,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            body,
            body_bytes: call.body.len(),
            status: None,
            fault,
        });
        while self.entries.len() > REQUESTS_KEPT || self.body_bytes > BODIES_KEPT {
            match self.entries.pop_front() {
                Some(oldest) => self.body_bytes -= oldest.body.len(),
                None => break,
            }
        }
        self.last
    }

    /// Notes the status with which a request was answered.
    pub(super) fn close(&mut self, number: u64, status: u16) {
        let first = self.entries.front().map_or(number, |oldest| oldest.number);
        let at = number.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            entry.status = Some(status);
        }
    }

    pub(super) fn all(&self) -> Vec<LoggedRequest> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.body_bytes = 0;
    }
}
