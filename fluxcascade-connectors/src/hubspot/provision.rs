//! Fields for the other side's ids: unique properties of text, made on request.
//!
//! HubSpot lets an object type have ten unique properties, and a property's uniqueness cannot be changed
//! once it is there. Whether notes and tasks take unique properties is not documented: what HubSpot says
//! to it is the answer.

use async_trait::async_trait;
use fluxcascade_core::connector::{ConnectorError, ErrorKind, ExternalIdField, Provisioner};
use fluxcascade_core::model::{FieldSchema, ObjectType};

use super::HubSpot;
use super::client::Api;
use super::convert;
use super::wire::{NewGroup, NewProperty, Property};
use crate::scrub::Scrub;

/// The group of a property, where an object type has none yet.
const GROUP: NewGroup = NewGroup { name: "fluxcascade", label: "FluxCascade" };

#[async_trait]
impl Provisioner for HubSpot {
    async fn ensure_external_id_field(
        &self,
        field: ExternalIdField,
    ) -> Result<FieldSchema, ConnectorError> {
        let made = self.ensure(&field).await.map_err(|error| Scrub::default().apply(error))?;
        convert::made(&made).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Protocol,
                "HubSpot's answer has a property without a name",
            )
        })
    }
}

impl HubSpot {
    async fn ensure(&self, field: &ExternalIdField) -> Result<Property, ConnectorError> {
        check_name(field)?;
        let path = self.known(&field.object).await?.kind.path.clone();
        let name = field.field.as_str();
        if let Some(found) = self.api.property(&path, name).await? {
            return usable(found, &field.object);
        }
        let group = group(&self.api, &path).await?;
        let new = NewProperty {
            group_name: &group,
            name,
            label: &field.label,
            value_type: "string",
            field_type: "text",
            has_unique_value: true,
            hidden: false,
            form_field: false,
        };
        let made = match self.api.make_property(&path, &new).await {
            Ok(made) => made,
            // It may have been made by this request or by another process: then it is there now.
            Err(error) => match self.api.property(&path, name).await {
                Ok(Some(found)) => found,
                Ok(None) | Err(_) => return Err(error),
            },
        };
        self.catalog.renew(&self.api, &field.object).await?;
        usable(made, &field.object)
    }
}

/// HubSpot's rule for the names of properties.
fn check_name(field: &ExternalIdField) -> Result<(), ConnectorError> {
    let name = field.field.as_str();
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if first && rest && name.len() <= 100 {
        return Ok(());
    }
    Err(refused(
        field,
        "HubSpot's properties have names of lower case letters, digits and underscores",
    ))
}

fn refused(field: &ExternalIdField, why: &str) -> ConnectorError {
    let what = format!("`{}` cannot be made: {why}; give another name", field.field);
    ConnectorError {
        fields: vec![field.field.clone()],
        ..ConnectorError::new(ErrorKind::Validation, what)
    }
}

/// The property, if it can hold ids.
fn usable(property: Property, object: &ObjectType) -> Result<Property, ConnectorError> {
    let read_only =
        property.modification_metadata.as_ref().is_some_and(|meta| meta.read_only_value);
    let wrong = if property.value_type != "string" {
        format!("is of the type {}, and not of text", property.value_type)
    } else if !property.has_unique_value {
        "is not unique, which HubSpot lets nobody change".to_owned()
    } else if read_only || property.calculated {
        "cannot be written".to_owned()
    } else {
        return Ok(property);
    };
    Err(ConnectorError::new(
        ErrorKind::Validation,
        format!(
            "HubSpot's {object} have a property `{}` that cannot hold ids: it {wrong}; give another name",
            property.name
        ),
    ))
}

/// A group to put the property into: the object type's own if it has one, else one of ours.
async fn group(api: &Api, path: &str) -> Result<String, ConnectorError> {
    let groups = api.property_groups(path).await?;
    let open: Vec<String> = groups
        .results
        .into_iter()
        .filter(|group| !group.archived)
        .map(|group| group.name)
        .collect();
    let usual = |name: &&String| name.ends_with("information");
    if let Some(name) = open.iter().find(usual).or_else(|| open.first()) {
        return Ok(name.clone());
    }
    api.make_property_group(path, &GROUP).await?;
    Ok(GROUP.name.to_owned())
}
