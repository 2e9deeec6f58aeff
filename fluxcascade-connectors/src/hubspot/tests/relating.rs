//! Associations that are written: what is sent, and what is made of the answers.

use fluxcascade_core::model::Reference;

use super::*;

const ALL: &str = "associations.companies";
const TIES: &str = "/crm/v4/associations/contacts/companies/batch/read";
const MAKE: &str = "/crm/v4/associations/contacts/companies/batch/associate/default";

/// Without any associations.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.answer("POST", TIES, json!({ "results": [] })).await;
    bench
}

fn company(of: &str) -> Value {
    let object = ObjectType::new("companies").unwrap();
    Value::Ref(Reference { object, id: id(of) })
}

/// A contact's only company.
fn tie(contact: &str, to: &str) -> Write {
    update(contact, &[(ALL, Value::Set([company(to)].into()))])
}

fn row(category: &str, message: &str, context: &Json) -> Json {
    json!({ "status": "error", "category": category, "message": message, "context": context })
}

fn refused(outcome: &WriteOutcome) -> &str {
    let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.kind, &**fields), (ErrorKind::Validation, &[name(ALL)][..]));
    &error.message
}

fn unknown(outcome: &WriteOutcome) -> ErrorKind {
    let WriteOutcome::Unknown(error) = outcome else { panic!("{outcome:?}") };
    error.kind
}

#[tokio::test]
async fn each_association_that_is_not_made_has_its_own_error() {
    let ends =
        |from: u64, to: u64| json!({ "fromObjectId": [from.to_string()], "toObjectId": [to] });
    let both = [ends(2, 8), ends(1, 8)];
    let by_from = [json!({ "fromObjectId": ["2"] }), json!({ "fromObjectId": ["1"] })];
    let by_ids = [json!({ "ids": ["2"] }), json!({ "id": "1" })];
    for [second, first] in [both, by_from, by_ids] {
        let bench = bench().await;
        let errors = [
            row("INTERNAL_ERROR", "we are down", &second),
            row("VALIDATION_ERROR", "there is a limit", &first),
        ];
        bench.answer("POST", MAKE, json!({ "results": [], "errors": errors })).await;
        let outcomes = bench.write(vec![tie("1", "8"), tie("2", "8"), tie("3", "8")]).await;
        assert!(refused(&outcomes[0]).contains("there is a limit"), "{outcomes:?}");
        assert_eq!(unknown(&outcomes[1]), ErrorKind::Transient);
        assert_eq!(unknown(&outcomes[2]), ErrorKind::Protocol, "nothing is said of it");
        assert_eq!(bench.bodies(MAKE).await.len(), 1);
    }
}

#[tokio::test]
async fn an_association_is_refused_by_the_record_that_its_error_names() {
    let bench = bench().await;
    let errors = [
        row("OBJECT_NOT_FOUND", "no such company", &json!({ "ids": ["9"] })),
        row("VALIDATION_ERROR", "there is a limit", &json!({ "toObjectId": [8] })),
    ];
    bench.answer("POST", MAKE, json!({ "results": [], "errors": errors })).await;
    let outcomes = bench.write(vec![tie("1", "8"), tie("2", "9")]).await;
    assert!(refused(&outcomes[0]).contains("there is a limit"), "{outcomes:?}");
    assert!(refused(&outcomes[1]).contains("no such company"), "{outcomes:?}");
}

/// HubSpot's answer to some pairs: the first is refused by itself and the second made.
fn alone(request: &Request) -> ResponseTemplate {
    let body: Json = request.body_json().unwrap();
    let inputs = body["inputs"].as_array().unwrap();
    let no = |message: &str| row("VALIDATION_ERROR", message, &json!({}));
    ok(match (inputs.len(), inputs[0]["from"]["id"].as_str().unwrap()) {
        (1, "1") => json!({ "results": [], "errors": [no("there is a limit")] }),
        (1, _) => json!({ "results": [inputs[0]] }),
        _ => json!({ "results": [], "errors": [no("one"), no("another")] }),
    })
}

#[tokio::test]
async fn associations_are_sent_one_by_one_where_errors_name_none_of_them() {
    let bench = bench().await;
    Mock::given(method("POST")).and(path(MAKE)).respond_with(alone).mount(&bench.server).await;
    let outcomes = bench.write(vec![tie("1", "8"), tie("2", "9")]).await;
    assert!(refused(&outcomes[0]).contains("there is a limit"), "{outcomes:?}");
    assert!(matches!(outcomes[1], WriteOutcome::Applied { .. }), "{outcomes:?}");
    assert_eq!(bench.bodies(MAKE).await.len(), 3);
}

#[tokio::test]
async fn few_associations_are_sent_one_by_one_and_the_others_are_unknown() {
    let bench = bench().await;
    Mock::given(method("POST")).and(path(MAKE)).respond_with(alone).mount(&bench.server).await;
    let writes = (1..=21).map(|contact| tie(&contact.to_string(), "8")).collect();
    let outcomes = bench.write(writes).await;
    refused(&outcomes[0]);
    let made = outcomes.iter().filter(|one| matches!(one, WriteOutcome::Applied { .. })).count();
    assert_eq!(made, 19);
    assert_eq!(unknown(&outcomes[20]), ErrorKind::Protocol);
    assert_eq!(bench.bodies(MAKE).await.len(), 1 + 20);
}

/// It is an object in the published description of a row's error.
#[tokio::test]
async fn a_sub_category_that_is_no_text_hides_no_answer() {
    for sub in [json!({}), json!({ "name": "NEW" }), json!("crm.associations.NEW"), Json::Null] {
        let bench = bench().await;
        let mut no = row("VALIDATION_ERROR", "there is a limit", &json!({ "fromObjectId": ["1"] }));
        no["subCategory"] = sub;
        bench.answer("POST", MAKE, json!({ "results": [], "errors": [no] })).await;
        let outcomes = bench.write(vec![tie("1", "8")]).await;
        assert!(refused(&outcomes[0]).contains("there is a limit"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn what_is_associated_with_a_label_keeps_those_that_it_has() {
    let bench = Bench::new().await;
    let make = "/crm/v4/associations/contacts/companies/batch/create";
    let own = json!({ "category": "USER_DEFINED", "typeId": 28, "label": "Payer" });
    let plain = json!({ "category": "HUBSPOT_DEFINED", "typeId": 279, "label": null });
    let row = json!({ "from": { "id": "1" }, "to": [
        { "toObjectId": 8, "associationTypes": [plain] },
        { "toObjectId": 9, "associationTypes": [plain, own] },
    ] });
    bench.answer("POST", TIES, json!({ "results": [row] })).await;
    let answer = json!({ "results": [{
        "fromObjectTypeId": "0-1", "fromObjectId": 1, "toObjectTypeId": "0-2", "toObjectId": 9, "labels": []
    }] });
    bench.say("POST", make, status(201, answer)).await;
    let outcomes = bench.write(vec![update("1", &[("association.companies", company("9"))])]).await;
    assert!(matches!(outcomes[0], WriteOutcome::Applied { .. }), "{outcomes:?}");
    let spec = |category: &str, number: u32| json!({ "associationCategory": category, "associationTypeId": number });
    let types =
        [spec("HUBSPOT_DEFINED", 1), spec("HUBSPOT_DEFINED", 279), spec("USER_DEFINED", 28)];
    let pair = json!({ "from": { "id": "1" }, "to": { "id": "9" }, "types": types });
    assert_eq!(bench.bodies(make).await, [json!({ "inputs": [pair] })]);
    assert_eq!(bench.bodies(TIES).await, [json!({ "inputs": [{ "id": "1" }] })]);
    assert_eq!(bench.hubspot.requests().of("update"), 0, "there is nothing else to write");
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_an_association_leaves_the_write_unknown() {
    let bench = bench().await;
    bench.answer("POST", MAKE, json!({ "results": [] })).await;
    let outcomes = bench.write(vec![tie("1", "9")]).await;
    assert_eq!(unknown(&outcomes[0]), ErrorKind::Protocol);
}
