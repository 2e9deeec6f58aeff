//! Batches: their size, their order, and rows that are refused.

use super::*;

fn batch(kind: &str) -> String {
    format!("{OBJECTS}/batch/{kind}")
}

#[tokio::test]
async fn a_batch_has_at_most_a_hundred_inputs_and_no_id_twice() {
    let portal = portal().await;
    let ids = portal.seed(101);
    let inputs = |n: usize| {
        let rows: Json = ids.iter().take(n).map(|id| json!({"id": id})).collect();
        json!({ "inputs": rows })
    };
    assert_eq!(portal.post(&batch("read"), inputs(100)).await.0, 200);
    assert_eq!(portal.post(&batch("read"), inputs(101)).await.0, 400);
    assert_eq!(portal.post(&batch("read"), inputs(0)).await.0, 400);
    let twice = json!({"inputs": [{"id": ids[0]}, {"id": ids[1]}, {"id": ids[0]}]});
    for kind in ["read", "update", "archive"] {
        let (status, refusal) = portal.post(&batch(kind), twice.clone()).await;
        assert_eq!(status, 400);
        let words = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids[0]);
        assert_eq!(refusal["message"], words);
    }
}

#[tokio::test]
async fn a_batch_answers_in_another_order_which_the_seed_gives() {
    let read = async || {
        let portal = portal().await;
        let seeded = portal.seed(40);
        let inputs: Json = seeded.iter().map(|id| json!({"id": id})).collect();
        let (_, body) = portal.post(&batch("read"), json!({"inputs": inputs})).await;
        (seeded, ids(&body))
    };
    let (seeded, answered) = read().await;
    assert_ne!(seeded, answered);
    assert_eq!(sorted(seeded.clone()), sorted(answered.clone()));
    assert_eq!((seeded, answered), read().await);
}

#[tokio::test]
async fn a_batch_read_names_what_it_does_not_find() {
    let portal = portal().await;
    let seeded = portal.seed(2);
    portal.sim.archive_contact(&seeded[1]).unwrap();
    let asked = json!({
        "properties": ["email"],
        "inputs": [{"id": seeded[0]}, {"id": seeded[1]}, {"id": "17"}],
    });
    let (status, body) = portal.post(&batch("read"), asked.clone()).await;
    assert_eq!((status, ids(&body)), (207, vec![seeded[0].clone()]));
    assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(body["errors"][0]["context"]["ids"], json!([seeded[1], "17"]));
    let (_, archived) = portal.post(&batch("read?archived=true"), asked).await;
    assert_eq!(ids(&archived), [seeded[1].as_str()]);
    let by_mail = json!({"idProperty": "email", "inputs": [{"id": "P0@example.com"}]});
    assert_eq!(ids(&portal.post(&batch("read"), by_mail).await.1), [seeded[0].as_str()]);
}

#[tokio::test]
async fn with_trace_ids_each_row_stands_for_itself() {
    let portal = portal().await;
    let taken = portal.sim.seed_contact([("email", "taken@example.com")]).unwrap();
    let row = |trace: &str, properties: Json| {
        let mut row = contact(properties);
        row["objectWriteTraceId"] = json!(trace);
        row
    };
    let inputs = json!({"inputs": [
        row("t0", json!({"email": "new@example.com"})),
        row("t1", json!({"email": "Taken@example.com"})),
        row("t2", json!({"nope": "1"})),
        row("t3", json!({"email": "new@example.com"})),
    ]});
    let (status, body) = portal.post(&batch("create"), inputs).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(3)));
    let made = &body["results"][0];
    assert_eq!(made["objectWriteTraceId"], "t0");
    let error = |trace: &str| {
        let errors = body["errors"].as_array().unwrap();
        errors.iter().find(|e| e["context"]["objectWriteTraceId"][0] == trace).unwrap().clone()
    };
    assert_eq!(error("t1")["category"], "CONFLICT");
    assert_eq!(error("t1")["context"]["existingId"], json!([taken]));
    assert_eq!(error("t2")["category"], "VALIDATION_ERROR");
    assert_eq!(error("t2")["errors"][0]["context"]["propertyName"][0], "nope");
    assert_eq!(error("t3")["context"]["existingId"][0], made["id"]);
    assert_eq!(portal.sim.contacts().len(), 2);

    let update = json!({"inputs": [
        {"id": taken, "objectWriteTraceId": "a", "properties": {"city": "Tampa"}},
        {"id": "17", "objectWriteTraceId": "b", "properties": {"city": "Tampa"}},
    ]});
    let (status, body) = portal.post(&batch("update"), update).await;
    assert_eq!((status, ids(&body)), (207, vec![taken]));
    assert_eq!(body["errors"][0]["context"], json!({"ids": ["17"]}));
}

#[tokio::test]
async fn without_trace_ids_one_bad_row_refuses_the_batch() {
    let portal = portal().await;
    portal.seed(1);
    for (bad, status) in [
        (json!({"email": "p0@example.com"}), 409),
        (json!({"email": "new@example.com"}), 409),
        (json!({"nope": "1"}), 400),
    ] {
        let inputs =
            json!({"inputs": [{"properties": {"email": "new@example.com"}}, {"properties": bad}]});
        assert_eq!(portal.post(&batch("create"), inputs).await.0, status);
    }
    assert_eq!(portal.sim.contacts().len(), 1);
    let inputs = json!({"inputs": [
        {"properties": {"email": "a@example.com"}},
        {"properties": {"email": "b@example.com"}},
    ]});
    let (status, body) = portal.post(&batch("create"), inputs).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (201, 2));
    assert!(body.get("errors").is_none());
}

#[tokio::test]
async fn an_upsert_makes_what_is_not_there_and_says_which() {
    let portal = portal().await;
    let property = json!({
        "groupName": "contactinformation", "name": "fluxcascade_id", "label": "FluxCascade ID",
        "type": "string", "fieldType": "text", "hasUniqueValue": true,
    });
    portal.post("/crm/v3/properties/contacts", property).await;
    let upsert = |city: &str| {
        json!({"inputs": [{
            "idProperty": "fluxcascade_id", "id": "j-1", "objectWriteTraceId": "t",
            "properties": {"city": city},
        }]})
    };
    let (status, first) = portal.post(&batch("upsert"), upsert("Tampa")).await;
    assert_eq!((status, &first["results"][0]["new"]), (200, &json!(true)));
    let (_, second) = portal.post(&batch("upsert"), upsert("Boise")).await;
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(ids(&first), ids(&second));
    let stored = portal.sim.contact(&ids(&first)[0]).unwrap();
    assert_eq!((stored.value("fluxcascade_id"), stored.value("city")), ("j-1", "Boise"));
    let by_id = json!({"inputs": [{"id": stored.id, "properties": {"city": "Austin"}}]});
    assert_eq!(portal.post(&batch("upsert"), by_id).await.0, 400);

    let by_mail = json!({"inputs": [
        {"idProperty": "email", "id": "new@example.com", "objectWriteTraceId": "a"},
        {"idProperty": "email", "id": "broken", "objectWriteTraceId": "b"},
    ]});
    assert_eq!(portal.post(&batch("upsert"), by_mail).await.0, 400, "by e-mail there is no 207");
    assert_eq!(portal.sim.contacts().len(), 1);
}

#[tokio::test]
async fn a_batch_archive_takes_the_records_out_of_the_list() {
    let portal = portal().await;
    let seeded = portal.seed(3);
    let inputs = json!({"inputs": [{"id": seeded[0]}, {"id": seeded[2]}]});
    assert_eq!(portal.post(&batch("archive"), inputs).await.0, 204);
    assert_eq!(ids(&portal.get(OBJECTS).await.1), [seeded[1].as_str()]);
}
