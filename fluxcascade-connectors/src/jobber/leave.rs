//! Letting go of an account. How tokens are forgotten is [`crate::http`]'s.

use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};

use super::client::{Api, Sending};
use super::document::Document;
use super::error;
use super::wire::{ByAlias, Payload};

/// How long it may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells Jobber that the app has done with the account. An account that let go of the app before is no
/// error. A token that is not taken says nothing of that: it may have ended just now.
pub(super) async fn account(api: &Api) -> Result<(), ConnectorError> {
    let not_after = api.now() + PATIENCE;
    let reply = match api.send(&Document::app_disconnect(), Sending::Write { not_after }).await {
        Err(failure) if failure.answer.as_deref().is_some_and(error::is_let_go) => return Ok(()),
        reply => reply?,
    };
    let payloads: ByAlias = reply.data()?;
    let unclear = || {
        ConnectorError::new(
            ErrorKind::Protocol,
            "jobber does not say whether it let go of the app; look among the account's apps there",
        )
    };
    let Some(raw) = payloads.get("gone").and_then(Option::as_deref) else {
        return Err(reply.errors.first().map_or_else(unclear, error::of_graph));
    };
    let payload: Payload = serde_json::from_str(raw.get()).map_err(|_| unclear())?;
    match payload.user_errors.first() {
        None => Ok(()),
        Some(refused) => Err(ConnectorError::new(
            ErrorKind::Validation,
            format!("jobber does not let go of the app: {}", error::said(&refused.message)),
        )),
    }
}
