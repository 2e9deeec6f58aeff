//! Requests that gave no answer: what is known of their fate, and whether their call may be sent again.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};

use super::call::Call;
use super::retry::{Failure, Fate, Repeat};
use super::settings::HttpSettings;
use super::timed::TooLate;

/// Why an attempt gave no answer.
pub(super) enum Lost {
    /// Nothing reached the vendor.
    BeforeSending(ConnectorError),
    /// It was not sent, because its time was over.
    Late(ConnectorError),
    /// It may have reached the vendor.
    AfterSending(ConnectorError),
}

/// Whether sending the call again is safe, and may help.
pub(super) fn may_repeat(call: &Call, failure: &Failure) -> bool {
    if !failure.error.is_transient() {
        return false;
    }
    match (failure.fate, call.repeat) {
        (Fate::NotSent, _) | (Fate::Unknown, Repeat::Safely) => true,
        (Fate::Unknown, Repeat::OnlyIfNotSent) | (Fate::Refused, _) => false,
    }
}

pub(super) fn not_sent(error: ConnectorError) -> Failure {
    Failure { fate: Fate::NotSent, error, answer: None }
}

pub(super) fn too_late(call: &Call) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Transient,
        format!("the {} request was not sent: its time to leave was over", call.kind),
    )
}

pub(super) fn too_large(call: &Call, status: u16, settings: &HttpSettings) -> ConnectorError {
    ConnectorError {
        status: Some(status),
        ..ConnectorError::new(
            ErrorKind::Protocol,
            format!(
                "the answer to the {} request has more than {} bytes; raise `max_answer_bytes` if \
                 that is right",
                call.kind, settings.max_answer_bytes
            ),
        )
    }
}

/// Sorts a fault of the network by whether the vendor may have got the request. The library's own
/// text is left out, it has the address with its query in it.
pub(super) fn lost(call: &Call, error: &reqwest::Error) -> Lost {
    let kind = call.kind;
    let transient = |text: String| ConnectorError::new(ErrorKind::Transient, text);
    if TooLate::is_cause_of(error) {
        Lost::Late(too_late(call))
    } else if error.is_builder() {
        let text = format!("the {kind} request could not be made from these settings");
        Lost::BeforeSending(ConnectorError::new(ErrorKind::Permanent, text))
    } else if error.is_connect() {
        let text = format!("no connection for the {kind} request; check network and base address");
        Lost::BeforeSending(transient(text))
    } else if error.is_timeout() {
        Lost::AfterSending(transient(format!("no answer to the {kind} request in time")))
    } else if error.is_decode() {
        let text = format!("the answer to the {kind} request could not be unpacked");
        Lost::AfterSending(ConnectorError::new(ErrorKind::Protocol, text))
    } else {
        Lost::AfterSending(transient(format!("the connection broke during the {kind} request")))
    }
}
