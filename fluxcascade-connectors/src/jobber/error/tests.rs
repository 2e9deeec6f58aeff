//! The fields that a refusal names.

use fluxcascade_core::model::FieldName;
use serde_json::{Value as Json, json};

use super::*;
use crate::jobber::custom::Fields;

const WRITTEN: [&str; 6] = [
    "firstName",
    "emails.primary",
    "emails.work",
    "phones.primary",
    "billingAddress.city",
    "billingAddress.postalCode",
];

fn named(path: Json) -> Vec<String> {
    let written: Vec<FieldName> = WRITTEN.iter().map(|f| FieldName::new(f).unwrap()).collect();
    let written = Fields::plain(Object::Clients).all_named(&written).unwrap();
    let errors = vec![UserError {
        message: "is not good".into(),
        path: serde_json::from_value(path).unwrap(),
    }];
    let (fields, error) = of_user_errors(Object::Clients, &errors, &written);
    assert_eq!(error.fields, fields);
    assert_eq!(error.message, "jobber refused the client: is not good");
    fields.iter().map(ToString::to_string).collect()
}

#[test]
fn a_refusals_path_is_mapped_to_the_fields_that_were_written() {
    assert_eq!(named(json!(["input", "firstName"])), ["firstName"]);
    assert_eq!(named(json!(["input", "first_name"])), ["firstName"]);
    assert_eq!(named(json!(["input", "emails"])), ["emails.primary", "emails.work"]);
    let emails = named(json!(["clientEdit", "input", "emailsToAdd", 0, "address"]));
    assert_eq!(emails, ["emails.primary", "emails.work"]);
    assert_eq!(named(json!(["input", "phones_to_edit", "0", "number"])), ["phones.primary"]);
    let address = named(json!(["input", "billingAddress"]));
    assert_eq!(address, ["billingAddress.city", "billingAddress.postalCode"]);
    let part = named(json!(["input", "billing_address", "postal_code"]));
    assert_eq!(part, ["billingAddress.postalCode"]);
    assert!(named(json!(["input", "lastName"])).is_empty(), "it was not written");
    assert!(named(json!([])).is_empty());
}

#[test]
fn jobbers_words_are_cut_short_and_kept_on_one_line() {
    assert_eq!(said("a\nb"), "a b");
    assert_eq!(said(&"x".repeat(1000)).len(), 300);
}
