//! A request as a simulator sees it, its answer, and the wall between the server and a vendor.

use std::borrow::Cow;
use std::fmt::{Debug, Write};
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use fluxcascade_core::Timestamp;
use serde_json::Value as Json;

use super::oauth::Habits;
use super::outbox::Outbox;

/// A system that can be simulated: what it does with a request, and how it refuses one.
#[async_trait]
pub(crate) trait Vendor: Debug + Send + Sync + 'static {
    /// Does what the request asks for, and answers: credentials and limits are its own affair.
    async fn perform(&self, call: &Call) -> Reply;

    /// The vendor's answer to a request over its limit.
    fn over_limit(&self, call: &Call) -> Reply;

    /// What its OAuth server does.
    fn habits(&self) -> Habits;

    /// Where its webhooks wait, if it sends any.
    fn outbox(&self) -> Option<&Arc<Outbox>> {
        None
    }

    /// The vendor's answer with this status, when something is wrong on its side.
    fn failure(&self, call: &Call, status: u16) -> Reply;

    /// The vendor's answer to an app that the account has let go of.
    fn let_go(&self, call: &Call) -> Reply {
        self.failure(call, 401)
    }

    /// The account lets go of the app.
    fn disconnect(&self) {}

    /// Whether the account and the app have let go of each other since this was last asked.
    fn is_disconnected_now(&self) -> bool {
        false
    }

    /// What people do in the system, asked for below `/__sim`; none if there is no such control.
    fn control(&self, _call: &Call) -> Option<Reply> {
        None
    }
}

/// A request, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// When it came, by the simulator's clock.
    pub(crate) at: Timestamp,
    pub(crate) method: Method,
    /// Percent-encoded, as it was sent.
    pub(crate) path: String,
    /// Percent-encoded, as it was sent.
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// The path's parts, decoded. A part may have a slash of its own.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').skip(1).map(|part| percent_decoded(part).into_owned()).collect()
    }

    /// The query's pairs, decoded, in order.
    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        self.query.as_deref().map(form_pairs).unwrap_or_default()
    }

    /// The last value of this name in the query.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        let named = |(key, value): (String, String)| (key == name).then_some(value);
        self.query_pairs().into_iter().rev().find_map(named)
    }

    /// The token of an `Authorization: Bearer` header; none if it is missing or blank.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let header = self.headers.get("authorization")?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }
}

/// A text as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The pairs of a form or a query, decoded.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (form_decoded(key), form_decoded(value)))
        .collect()
}

fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " ")).into_owned()
}

/// Takes `%41` as `A`; what is not two hex digits stays as it is.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        if let Some(code) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(code);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::typed(status, "application/json;charset=utf-8", body.to_string())
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer of this content type.
    pub(crate) fn typed(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: body.into().into_bytes() }
    }

    /// The same with one header more.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
