//! What an object's fields are: those that this adapter knows and the served version has, and those
//! that the account has made itself.

use std::sync::Arc;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{ObjectSchema, ObjectType};

use super::client::Api;
use super::custom::Catalog;
use super::document::Document;
use super::fields::Field;
use super::object::Object;
use super::wire::TypeAnswer;

/// Reads the schema of an object. Custom fields that the app may not see are not in it.
pub(super) async fn read(
    api: &Api,
    catalog: &Catalog,
    named: &ObjectType,
) -> Result<ObjectSchema, ConnectorError> {
    let object = Object::named(named)?;
    let served = catalog.served(api, object).await?;
    let known = Field::all_known(object)
        .filter(|field| served.as_ref().is_none_or(|served| served.contains(field.key())));
    let customs = match catalog.customs(api, object).await {
        Err(error) if error.kind == ErrorKind::Permission => Arc::default(),
        customs => customs?,
    };
    let fields = known.chain(customs.all()).filter_map(|field| field.schema());
    Ok(ObjectSchema { object: named.clone(), fields: fields.collect() })
}

/// The names of the fields that the type has in the version that is served; none where the server
/// does not say what its schema is.
pub(super) async fn served_fields(
    api: &Api,
    object: Object,
) -> Result<Option<std::collections::BTreeSet<String>>, ConnectorError> {
    let reply = match api.read(&Document::type_fields(object)).await {
        // Somebody between here and Jobber lets no such question pass: nothing is left out then.
        Err(error) if is_refused_question(&error) => return Ok(None),
        reply => reply?,
    };
    let answer: TypeAnswer = reply.data()?;
    let fields = answer.object.and_then(|of| of.fields);
    Ok(fields.map(|fields| fields.into_iter().map(|field| field.name).collect()))
}

fn is_refused_question(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Permission | ErrorKind::Permanent | ErrorKind::Validation)
        && error.status.is_some_and(|status| matches!(status, 200 | 400 | 403 | 422))
}
