//! Looking clients up: what of a candidate is compared.

use fluxcascade_core::connector::FindRequest;

use super::*;

/// How Jobber shows numbers is no one else's affair.
#[tokio::test]
async fn a_client_is_found_by_its_number_however_jobber_shows_it() {
    let phone = |kind: &str, primary: bool, number: &str, normalized: Json| {
        json!({
            "id": number, "number": number, "normalizedPhoneNumber": normalized,
            "description": kind, "primary": primary,
        })
    };
    let number = "(256) 593-8310";
    let nodes = [
        json!({ "id": "a", "phones": [phone("Main", true, number, json!("+12565938310"))] }),
        json!({ "id": "b", "phones": [
            phone("Main", true, "(256) 593-0000", json!("+12565930000")),
            phone("Work", false, number, json!("+12565938310")),
        ] }),
        json!({ "id": "c", "phones": [phone("Main", true, number, Json::Null)] }),
    ];
    let stage = Stage::with(vec![data(&list(&nodes, None))]).await;
    let find = async |field: &str, value: &str| {
        let field = FieldName::new(field).unwrap();
        let values = vec![Value::from(value)];
        let projection = projection(&["firstName"]);
        let request = FindRequest { object: clients(), projection, field, values };
        let found = stage.jobber.find(request).await.unwrap();
        found.iter().map(|of| of.observation.record.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(find("phones.primary", "+12565938310").await, ["a"]);
    assert_eq!(find("phones.work", "+12565938310").await, ["b"]);
    assert_eq!(find("phones.primary", "256 593 8310").await, ["a", "c"]);
    assert!(find("phones.primary", "+12565938311").await.is_empty());
}
