//! Object types beside contacts: what their records need, and what is their own.

use super::*;

const DEAL: [(&str, &str); 3] =
    [("dealname", "Fence"), ("dealstage", "qualifiedtobuy"), ("pipeline", "default")];

#[tokio::test]
async fn each_object_type_says_what_a_new_record_needs() {
    let portal = portal().await;
    for (object, given, missing) in [
        ("companies", json!({"city": "Tampa"}), vec!["name", "domain"]),
        ("deals", json!({"dealname": "Fence"}), vec!["dealstage", "pipeline"]),
        ("notes", json!({"hs_note_body": "called"}), vec!["hs_timestamp"]),
        ("tasks", json!({"hs_task_subject": "call"}), vec!["hs_timestamp"]),
    ] {
        let (status, refusal) =
            portal.post(&format!("/crm/v3/objects/{object}"), contact(given)).await;
        let errors = refusal["errors"].as_array().unwrap();
        let named: Vec<_> =
            errors.iter().map(|e| e["context"]["propertyName"][0].clone()).collect();
        assert_eq!((status, named), (400, missing.into_iter().map(Json::from).collect()));
    }
    let made = portal.post("/crm/objects/2026-03/0-2", contact(json!({"domain": "oak.example"})));
    assert_eq!(made.await.0, 201);
}

#[tokio::test]
async fn contacts_alone_have_their_time_under_another_name() {
    let portal = portal().await;
    let ann = portal.sim.seed_contact([("email", "ann@example.com")]).unwrap();
    let fence = portal.sim.seed("deals", DEAL).unwrap();
    let since = |name: &str| {
        json!({"filterGroups": [{"filters": [
            {"propertyName": name, "operator": "GTE", "value": "1000"},
        ]}]})
    };
    let found = async |object: &str, name: &str| {
        portal.post(&format!("/crm/v3/objects/{object}/search"), since(name)).await
    };
    assert_eq!(ids(&found("contacts", "lastmodifieddate").await.1), [ann]);
    assert_eq!(ids(&found("deals", "hs_lastmodifieddate").await.1), [fence]);
    let (status, silent) = found("contacts", "hs_lastmodifieddate").await;
    assert_eq!((status, ids(&silent).len()), (200, 0), "no error, and no rows");
    assert_eq!(found("deals", "lastmodifieddate").await.0, 400);
}

#[tokio::test]
async fn records_of_two_types_may_have_one_id_and_merged_deals_get_a_new_one() {
    let portal = portal().await;
    let ann = portal.sim.seed_contact([("email", "ann@example.com")]).unwrap();
    let (one, two) =
        (portal.sim.seed("deals", DEAL).unwrap(), portal.sim.seed("deals", DEAL).unwrap());
    assert_eq!(ann, one);
    portal.sim.associate(("deals", &two), ("contacts", &ann)).unwrap();
    let merge = json!({"primaryObjectId": one, "objectIdToMerge": two});
    let (status, merged) = portal.post("/crm/v3/objects/0-3/merge", merge).await;
    let id = merged["id"].as_str().unwrap();
    assert_eq!(status, 200);
    assert!(id != one && id != two);
    for old in [&one, &two] {
        assert_eq!(portal.get(&format!("/crm/v3/objects/deals/{old}")).await.1["id"], id);
    }
    assert_eq!(portal.sim.associated(("deals", id), "contacts"), [(ann, false)]);
    let stored = portal.sim.record("deals", id).unwrap();
    assert_eq!(stored.value("hs_merged_object_ids"), format!("{one};{two}"));
}

#[tokio::test]
async fn a_custom_object_is_defined_listed_and_used() {
    let portal = portal().await;
    let property = |name: &str, unique: bool| {
        json!({"name": name, "label": name, "type": "string", "fieldType": "text",
               "hasUniqueValue": unique})
    };
    let schema = json!({
        "name": "pets",
        "labels": {"singular": "Pet", "plural": "Pets"},
        "primaryDisplayProperty": "call_name",
        "requiredProperties": ["call_name"],
        "properties": [property("call_name", false), property("chip", true)],
        "associatedObjects": ["CONTACT"],
    });
    let (status, made) = portal.post("/crm-object-schemas/v3/schemas", schema).await;
    let number = made["objectTypeId"].as_str().unwrap().to_owned();
    assert_eq!((status, &made["requiredProperties"]), (201, &json!(["call_name"])));
    let (_, all) = portal.get("/crm-object-schemas/2026-03/schemas").await;
    assert_eq!(all["results"][0]["objectTypeId"], number.as_str());
    for name in [number.as_str(), "pets", "p62515_pets"] {
        let rex = contact(json!({"call_name": "Rex"}));
        assert_eq!(portal.post(&format!("/crm/v3/objects/{name}"), rex).await.0, 201);
    }
    let nameless = contact(json!({"chip": "1"}));
    assert_eq!(portal.post(&format!("/crm/v3/objects/{number}"), nameless).await.0, 400);
    let rex = portal.sim.records("pets")[0].id.clone();
    let ann = portal.sim.seed_contact([("email", "ann@example.com")]).unwrap();
    portal.sim.associate(("pets", &rex), ("contacts", &ann)).unwrap();
    let (_, labels) = portal.get(&format!("/crm/associations/v4/{number}/contacts/labels")).await;
    assert_eq!(labels["results"][0]["category"], "USER_DEFINED");
    assert_eq!(made["associations"][0]["id"], labels["results"][0]["typeId"].to_string());
}

#[tokio::test]
async fn deals_have_a_pipeline_whose_stages_are_their_choices() {
    let portal = portal().await;
    let (_, pipelines) = portal.get("/crm/v3/pipelines/deals").await;
    let stages = pipelines["results"][0]["stages"].as_array().unwrap();
    for stage in stages {
        let fence = [DEAL[0], ("dealstage", stage["id"].as_str().unwrap()), DEAL[2]];
        portal.sim.seed("deals", fence).unwrap();
    }
    assert!(portal.sim.seed("deals", [DEAL[0], ("dealstage", "nowhere"), DEAL[2]]).is_err());
}
