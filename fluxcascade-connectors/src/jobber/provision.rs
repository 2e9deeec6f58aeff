//! A custom field for the other side's ids: text, for this app alone to write, and not carried over
//! to what is made from a record, where the same id would be another record's.

use async_trait::async_trait;
use fluxcascade_core::connector::{ConnectorError, ErrorKind, ExternalIdField, Provisioner};
use fluxcascade_core::model::FieldSchema;

use super::Jobber;
use super::client::Sending;
use super::custom::{Whose, configurations};
use super::document::Document;
use super::error;
use super::object::Object;
use super::wire::{ByAlias, Configuration, Payload};

/// What a text field's configuration is called in the schema.
const TEXT: &str = "CustomFieldConfigurationText";

/// How long a configuration may be waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[async_trait]
impl Provisioner for Jobber {
    async fn ensure_external_id_field(
        &self,
        field: ExternalIdField,
    ) -> Result<FieldSchema, ConnectorError> {
        let object = Object::named(&field.object)?;
        let applies_to = object.applies_to().ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Permanent,
                format!(
                    "jobber has no custom fields on {}: keep their ids on the other side",
                    object.many()
                ),
            )
        })?;
        let id = match self.made_before(applies_to, &field.label).await? {
            Some(id) => id,
            None => self.make(applies_to, &field.label).await?,
        };
        self.catalog.forget(object);
        let customs = self.catalog.customs(&self.api, object).await?;
        customs.of_id(&id).and_then(|field| field.schema()).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Protocol,
                "jobber does not list the custom field that it made; try again later",
            )
        })
    }
}

impl Jobber {
    /// The id of the configuration of this name that this app has made.
    async fn made_before(
        &self,
        applies_to: &'static str,
        label: &str,
    ) -> Result<Option<String>, ConnectorError> {
        let own = configurations(&self.api, applies_to, Whose::Own).await?;
        let Some(found) = own.into_iter().find(|one| one.name == label) else { return Ok(None) };
        can_hold_ids(&found)?;
        Ok(Some(found.id))
    }

    async fn make(&self, applies_to: &'static str, label: &str) -> Result<String, ConnectorError> {
        let document = Document::external_id_field(applies_to, label);
        let not_after = self.api.now() + PATIENCE;
        let reply = self.api.send(&document, Sending::Write { not_after }).await?;
        let payloads: ByAlias = reply.data()?;
        let Some(raw) = payloads.get("made").and_then(Option::as_deref) else {
            return Err(reply.errors.first().map_or_else(unclear, error::of_graph));
        };
        let payload: Payload = serde_json::from_str(raw.get()).map_err(|_| unclear())?;
        if let Some(first) = payload.user_errors.first() {
            return Err(ConnectorError::new(
                ErrorKind::Validation,
                format!("jobber refused the custom field: {}", error::said(&first.message)),
            ));
        }
        let made = payload.written("customFieldConfiguration").ok_or_else(unclear)?;
        Ok(made.id)
    }
}

fn unclear() -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Protocol,
        "jobber does not say whether it made the custom field; call again, which finds it if so",
    )
}

/// Whether a field that is there can hold ids.
fn can_hold_ids(found: &Configuration) -> Result<(), ConnectorError> {
    let refuse = |what: &str| Err(ConnectorError::new(ErrorKind::Validation, what));
    if found.type_name != TEXT {
        return refuse(
            "the custom field of this name is no text and cannot hold ids; choose another label",
        );
    }
    if found.archived {
        return refuse(
            "the custom field of this name is archived; take it out of the archive in jobber's \
             settings, or choose another label",
        );
    }
    Ok(())
}
