//! Jobber's mutations: which one makes, edits, archives, restores or removes a record of an object,
//! its arguments, and what a create needs besides what is mapped. Names and inputs are those of
//! Jobber's published schema.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, RecordId};
use serde_json::{Map, Value as Json, json};

use super::object::Object;

/// A mutation with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mutation {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// The argument that says which record it is about: its name, its type, the id.
    pub(super) id: Option<(&'static str, &'static str, Json)>,
    /// The argument that has the content: its name, its type, the input.
    pub(super) input: Option<(&'static str, &'static str, Map<String, Json>)>,
    /// The key of its payload under which the record is.
    pub(super) payload: &'static str,
    /// What is selected of that record.
    pub(super) selects: &'static str,
}

/// The type of ids.
const ID: &str = "EncodedId!";
const IDS: &str = "[EncodedId!]!";

/// Puts a record away, or brings it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelve {
    Archive,
    Restore,
}

fn selects(object: Object) -> &'static str {
    if object.has_version() { "id updatedAt" } else { "id" }
}

/// Makes a record. `property` is the property of a job or a quote, where it was found by the client.
///
/// # Errors
/// If what Jobber needs for it is not among the fields written.
pub(super) fn create(
    object: Object,
    mut input: Map<String, Json>,
    property: Option<&RecordId>,
) -> Result<Mutation, ConnectorError> {
    if let Some(property) = property {
        input.insert("propertyId".to_owned(), json!(property.as_str()));
    }
    let lacks = |field| lacking(object, field);
    let (name, id, input_type) = match object {
        Object::Clients => ("clientCreate", None, "ClientCreateInput!"),
        Object::Properties => {
            let client = input.remove("clientId").ok_or_else(|| lacks("client"))?;
            input.entry("address").or_insert_with(|| json!({}));
            input = Map::from_iter([("properties".to_owned(), json!([input]))]);
            ("propertyCreate", Some(("clientId", ID, client)), "PropertyCreateInput!")
        }
        Object::Requests => {
            input.get("clientId").ok_or_else(|| lacks("client"))?;
            ("requestCreate", None, "RequestCreateInput!")
        }
        Object::Jobs => {
            // Its client is that of the property.
            input.remove("clientId");
            input.get("propertyId").ok_or_else(|| lacks("property"))?;
            let invoicing =
                json!({ "invoicingType": "FIXED_PRICE", "invoicingSchedule": "ON_COMPLETION" });
            input.entry("invoicing").or_insert(invoicing);
            ("jobCreate", None, "JobCreateAttributes!")
        }
        Object::Quotes => {
            input.get("clientId").ok_or_else(|| lacks("client"))?;
            input.get("propertyId").ok_or_else(|| lacks("property"))?;
            input.entry("lineItems").or_insert_with(|| json!([]));
            ("quoteCreate", None, "QuoteCreateAttributes!")
        }
        Object::Visits => {
            let job = input.remove("jobId").ok_or_else(|| lacks("job"))?;
            input = Map::from_iter([("visits".to_owned(), json!([input]))]);
            ("visitCreate", Some(("jobId", ID, job)), "VisitCreateInput!")
        }
        Object::Invoices => {
            input.get("clientId").ok_or_else(|| lacks("client"))?;
            input.entry("dueDetails").or_insert_with(|| json!({ "invoiceNet": 0 }));
            input.entry("tax").or_insert_with(|| json!({ "taxCalculationMethod": "EXCLUSIVE" }));
            input.entry("lineItems").or_insert_with(|| json!([]));
            ("invoiceCreate", None, "InvoiceCreateInput!")
        }
    };
    let payload = match object {
        Object::Properties => "properties",
        Object::Visits => "createdVisits",
        Object::Clients | Object::Requests | Object::Jobs | Object::Quotes | Object::Invoices => {
            object.one()
        }
    };
    let argument = if object == Object::Quotes { "attributes" } else { "input" };
    let input = Some((argument, input_type, input));
    Ok(Mutation { name, id, input, payload, selects: selects(object) })
}

/// What a create cannot be made without.
fn lacking(object: Object, field: &'static str) -> ConnectorError {
    let other = match (object, field) {
        (Object::Jobs, _) => ", or client where the client has one property",
        (Object::Quotes, "property") => ", or give the client one property",
        _ => "",
    };
    ConnectorError {
        fields: FieldName::new(field).into_iter().collect(),
        ..ConnectorError::new(
            ErrorKind::Validation,
            format!(
                "a jobber {} cannot be made without its {field}: map {field}{other}",
                object.one()
            ),
        )
    }
}

/// Edits a record. A visit's time is edited apart from the rest.
pub(super) fn edit(object: Object, record: &RecordId, input: Map<String, Json>) -> Vec<Mutation> {
    if object == Object::Visits {
        return edit_visit(record, input);
    }
    let (name, id, argument, input_type) = match object {
        Object::Clients => ("clientEdit", "clientId", "input", "ClientEditInput!"),
        Object::Properties => ("propertyEdit", "propertyId", "input", "PropertyEditInput!"),
        Object::Requests => ("requestEdit", "requestId", "input", "RequestEditInput!"),
        Object::Jobs => ("jobEdit", "jobId", "input", "JobEditInput!"),
        Object::Quotes => ("quoteEdit", "quoteId", "attributes", "QuoteEditAttributes!"),
        Object::Visits => ("visitEdit", "id", "attributes", "VisitEditAttributes!"),
        Object::Invoices => ("invoiceEdit", "invoiceId", "input", "InvoiceEditInput!"),
    };
    vec![Mutation {
        name,
        id: Some((id, ID, json!(record.as_str()))),
        input: Some((argument, input_type, input)),
        payload: object.one(),
        selects: selects(object),
    }]
}

fn edit_visit(record: &RecordId, input: Map<String, Json>) -> Vec<Mutation> {
    let (schedule, rest): (Map<String, Json>, Map<String, Json>) =
        input.into_iter().partition(|(key, _)| matches!(key.as_str(), "startAt" | "endAt"));
    let part = |name, argument, input_type, input: Map<String, Json>| {
        (!input.is_empty()).then(|| Mutation {
            name,
            id: Some(("id", ID, json!(record.as_str()))),
            input: Some((argument, input_type, input)),
            payload: "visit",
            selects: "id",
        })
    };
    let rest = part("visitEdit", "attributes", "VisitEditAttributes!", rest);
    let schedule = part("visitEditSchedule", "input", "VisitEditScheduleInput!", schedule);
    rest.into_iter().chain(schedule).collect()
}

/// Puts a record away, or brings it back; none if Jobber cannot.
pub(super) fn shelve(object: Object, record: &RecordId, how: Shelve) -> Option<Mutation> {
    let (name, id) = match (object, how) {
        (Object::Clients, Shelve::Archive) => ("clientArchive", "clientId"),
        (Object::Clients, Shelve::Restore) => ("clientUnarchive", "clientId"),
        (Object::Requests, Shelve::Archive) => ("requestArchive", "requestId"),
        (Object::Requests, Shelve::Restore) => ("requestUnarchive", "requestId"),
        (
            Object::Properties | Object::Jobs | Object::Quotes | Object::Visits | Object::Invoices,
            Shelve::Archive | Shelve::Restore,
        ) => return None,
    };
    Some(Mutation {
        name,
        id: Some((id, ID, json!(record.as_str()))),
        input: None,
        payload: object.one(),
        selects: selects(object),
    })
}

/// Removes a visit for good.
pub(super) fn delete_visit(record: &RecordId) -> Mutation {
    Mutation {
        name: "visitDelete",
        id: Some(("visitIds", IDS, json!([record.as_str()]))),
        input: None,
        payload: "visits",
        selects: "id",
    }
}

/// Removes a property for good, which its client does.
pub(super) fn delete_property(record: &RecordId, client: &str) -> Mutation {
    let input = Map::from_iter([("propertiesToDelete".to_owned(), json!([record.as_str()]))]);
    Mutation {
        name: "clientEdit",
        id: Some(("clientId", ID, json!(client))),
        input: Some(("input", "ClientEditInput!", input)),
        payload: "client",
        selects: "id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(fields: Json) -> Map<String, Json> {
        let Json::Object(input) = fields else { panic!() };
        input
    }

    #[test]
    fn a_create_without_what_jobber_needs_says_what_to_map() {
        let without = |object| create(object, Map::new(), None).unwrap_err();
        for (object, field) in [
            (Object::Properties, "client"),
            (Object::Requests, "client"),
            (Object::Jobs, "property"),
            (Object::Quotes, "client"),
            (Object::Visits, "job"),
            (Object::Invoices, "client"),
        ] {
            let error = without(object);
            assert_eq!(error.fields, [FieldName::new(field).unwrap()], "{object:?}");
            assert!(error.message.contains(&format!("map {field}")), "{error}");
        }
        assert!(without(Object::Jobs).message.contains("or client"));
        assert!(create(Object::Clients, Map::new(), None).is_ok());
    }

    #[test]
    fn a_job_is_made_with_its_property_and_never_with_a_client() {
        let fields = input(json!({ "clientId": "c", "propertyId": "p", "title": "Roof" }));
        let mutation = create(Object::Jobs, fields, None).unwrap();
        assert_eq!(
            Json::Object(mutation.input.unwrap().2),
            json!({
                "propertyId": "p", "title": "Roof",
                "invoicing": { "invoicingType": "FIXED_PRICE", "invoicingSchedule": "ON_COMPLETION" },
            })
        );
    }

    #[test]
    fn a_property_and_a_visit_are_made_as_lists_of_one_below_what_has_them() {
        let fields = input(json!({ "clientId": "c", "name": "Yard" }));
        let property = create(Object::Properties, fields, None).unwrap();
        assert_eq!(property.id, Some(("clientId", "EncodedId!", json!("c"))));
        assert_eq!(
            Json::Object(property.input.unwrap().2),
            json!({ "properties": [{ "name": "Yard", "address": {} }] })
        );
        let fields = input(json!({ "jobId": "j", "title": "Mow" }));
        let visit = create(Object::Visits, fields, None).unwrap();
        assert_eq!((visit.name, visit.payload), ("visitCreate", "createdVisits"));
        assert_eq!(Json::Object(visit.input.unwrap().2), json!({ "visits": [{ "title": "Mow" }] }));
    }

    #[test]
    fn a_visits_time_is_edited_apart_from_the_rest() {
        let record = RecordId::new("v").unwrap();
        let names = |fields| -> Vec<&str> {
            edit(Object::Visits, &record, input(fields)).iter().map(|part| part.name).collect()
        };
        assert_eq!(names(json!({ "title": "Mow" })), ["visitEdit"]);
        assert_eq!(names(json!({ "startAt": {} })), ["visitEditSchedule"]);
        let both = json!({ "title": "Mow", "startAt": {}, "endAt": {} });
        assert_eq!(names(both), ["visitEdit", "visitEditSchedule"]);
    }
}
