//! Fields for the other side's ids. No system's schema is altered but by the call that is here, and no
//! run makes it.

use std::fmt::Debug;

use async_trait::async_trait;

use super::ConnectorError;
use crate::model::{FieldName, FieldSchema, ObjectType};

/// A field that is to hold the id of the other side's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalIdField {
    /// The object type that is to have it.
    pub object: ObjectType,
    /// Its name, as the system's own people are to see it in its API. Where a system names fields
    /// itself, the answer says how it is called.
    pub field: FieldName,
    /// Its name for people.
    pub label: String,
}

/// A system in which fields can be made.
#[async_trait]
pub trait Provisioner: Debug + Send + Sync {
    /// Makes a text field for the other side's ids, unique where the system has such fields. The schema
    /// has it afterwards, under the name that is answered. A field that is there is left as it is.
    ///
    /// # Errors
    /// If the system refuses, or has a field of that name that cannot hold ids, with what is wrong with it.
    async fn ensure_external_id_field(
        &self,
        field: ExternalIdField,
    ) -> Result<FieldSchema, ConnectorError>;
}
