//! Single writes: what HubSpot makes of values, and what it refuses.

use super::*;

#[tokio::test]
async fn values_are_stored_in_hubspots_own_form() {
    let portal = portal().await;
    let given = json!({
        "email": "  Ann.Lee@Example.COM ", "phone": " (256) 555-0142 ", "firstname": " Ann ",
        "annualrevenue": 1500, "closedate": "1772373600000",
    });
    let (status, made) = portal.post(OBJECTS, contact(given)).await;
    assert_eq!(status, 201);
    let stored = &made["properties"];
    assert_eq!(stored["email"], "ann.lee@example.com");
    assert_eq!(stored["phone"], "(256) 555-0142");
    assert_eq!(stored["firstname"], " Ann ");
    assert_eq!(stored["annualrevenue"], "1500");
    assert_eq!(stored["closedate"], "2026-03-01T14:00:00.000Z");
}

#[tokio::test]
async fn phones_are_normalised_as_the_portal_is_told() {
    let digits = |text: &str| text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let portal = portal_with(HubSpotOptions { phone: digits, ..HubSpotOptions::default() }).await;
    let id = portal.sim.seed_contact([("mobilephone", "+1 (256) 555-0142")]).unwrap();
    assert_eq!(portal.sim.contact(&id).unwrap().value("mobilephone"), "+12565550142");
}

#[tokio::test]
async fn an_update_is_partial_an_empty_text_clears_and_the_time_moves() {
    let portal = portal().await;
    let id = portal.sim.seed_contact([("firstname", "Ann"), ("city", "Austin")]).unwrap();
    portal.clock.advance(Duration::from_millis(1_234));
    let path = format!("{OBJECTS}/{id}");
    let (status, after) = portal.patch(&path, contact(json!({"city": ""}))).await;
    assert_eq!(status, 200);
    assert_eq!(after["updatedAt"], "2026-03-01T14:00:01.234Z");
    assert_eq!(after["properties"]["lastmodifieddate"], after["updatedAt"]);
    let stored = portal.sim.contact(&id).unwrap();
    assert_eq!((stored.value("firstname"), stored.value("city")), ("Ann", ""));
    portal.clock.advance(Duration::from_secs(1));
    portal.patch(&path, contact(json!({"firstname": "Ann"}))).await;
    let same = portal.sim.contact(&id).unwrap();
    assert_eq!(same.updated_at.since(stored.updated_at), Duration::from_secs(1));
    portal.clock.advance(Duration::from_secs(1));
    portal.sim.edit_contact(&id, [("firstname", "Bea")]).unwrap();
    let edited = portal.sim.contact(&id).unwrap();
    assert_eq!(
        (edited.value("firstname"), edited.updated_at),
        ("Bea", portal.sim.now().floor_to(Duration::from_millis(1)))
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_by_property_and_code() {
    let portal = portal().await;
    let id = portal.seed(1).remove(0);
    let long = "x".repeat(65_537);
    for (property, value, code) in [
        ("shoe_size", json!("44"), "PROPERTY_DOESNT_EXIST"),
        ("lastmodifieddate", json!("2026-01-01T00:00:00Z"), "READ_ONLY_VALUE"),
        ("hs_object_id", json!("1"), "READ_ONLY_VALUE"),
        ("email", json!("not a mail"), "INVALID_EMAIL"),
        ("email", json!("a@b"), "INVALID_EMAIL"),
        ("lifecyclestage", json!("Lead"), "INVALID_OPTION"),
        ("annualrevenue", json!("much"), "INVALID_INTEGER"),
        ("closedate", json!("soon"), "INVALID_DATE"),
        ("firstname", json!(long), "INVALID_LENGTH"),
        ("firstname", Json::Null, "INVALID_JSON_VALUE"),
    ] {
        let body = contact(json!({ property: value, "lastname": "Lee" }));
        let (status, refusal) = portal.patch(&format!("{OBJECTS}/{id}"), body).await;
        assert_eq!((status, &refusal["category"]), (400, &json!("VALIDATION_ERROR")));
        assert_eq!(refusal["errors"][0]["code"], code);
        assert_eq!(refusal["errors"][0]["context"]["propertyName"][0], property);
    }
    assert_eq!(portal.sim.contact(&id).unwrap().value("lastname"), "", "nothing was written");
    let answer = portal.http.post(portal.sim.base_url() + OBJECTS).bearer_auth("t").body("{");
    let (status, refusal) = opened(answer.send().await.unwrap()).await;
    assert_eq!(status, 400);
    assert!(refusal["message"].as_str().unwrap().starts_with("Invalid input JSON on line 1"));
}

#[tokio::test]
async fn a_taken_email_is_a_conflict_that_names_who_has_it() {
    let portal = portal().await;
    let first = portal.sim.seed_contact([("email", "a@example.com")]).unwrap();
    let second = portal.sim.seed_contact([("email", "b@example.com")]).unwrap();
    let taken = || contact(json!({"email": "A@example.com"}));
    for (status, refusal) in [
        portal.post(OBJECTS, taken()).await,
        portal.patch(&format!("{OBJECTS}/{second}"), taken()).await,
    ] {
        assert_eq!((status, &refusal["category"]), (409, &json!("CONFLICT")));
        assert_eq!(refusal["message"], format!("Contact already exists. Existing ID: {first}"));
    }
    assert_eq!(portal.patch(&format!("{OBJECTS}/{first}"), taken()).await.0, 200);
    portal.sim.archive_contact(&first).unwrap();
    assert_eq!(portal.post(OBJECTS, taken()).await.0, 201);
    assert!(portal.sim.restore_contact(&first).is_err(), "its e-mail is taken");
}

#[tokio::test]
async fn a_lifecycle_stage_only_moves_on_unless_it_is_cleared() {
    let portal = portal().await;
    let id = portal.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    let path = format!("{OBJECTS}/{id}");
    let stage = async |to: &str| {
        let (status, after) = portal.patch(&path, contact(json!({"lifecyclestage": to}))).await;
        assert_eq!(status, 200);
        after["properties"]["lifecyclestage"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(stage("lead").await, "customer");
    assert_eq!(stage("").await, "");
    assert_eq!(stage("lead").await, "lead");
}

#[tokio::test]
async fn a_unique_property_of_ones_own_can_be_made_and_used() {
    let portal = portal().await;
    let property = json!({
        "groupName": "contactinformation", "name": "fluxcascade_id", "label": "FluxCascade ID",
        "type": "string", "fieldType": "text", "hasUniqueValue": true,
    });
    let (status, made) = portal.post("/crm/v3/properties/contacts", property.clone()).await;
    assert_eq!((status, &made["hasUniqueValue"]), (201, &json!(true)));
    assert_eq!(portal.post("/crm/v3/properties/contacts", property).await.0, 409);
    let id = portal.sim.seed_contact([("fluxcascade_id", "j-1")]).unwrap();
    let path = format!("{OBJECTS}/j-1?idProperty=fluxcascade_id");
    assert_eq!(portal.patch(&path, contact(json!({"city": "Tampa"}))).await.1["id"], id.as_str());
    let (status, refusal) = portal.post(OBJECTS, contact(json!({"fluxcascade_id": "j-1"}))).await;
    assert_eq!((status, &refusal["errors"][0]["code"]), (400, &json!("CONFLICTING_UNIQUE_VALUE")));
}

#[tokio::test]
async fn a_merged_away_id_leads_to_the_survivor_in_single_requests_only() {
    let portal = portal().await;
    let winner = portal.sim.seed_contact([("email", "a@example.com"), ("city", "Tampa")]).unwrap();
    let loser = portal
        .sim
        .seed_contact([("email", "b@example.com"), ("city", "Boise"), ("zip", "83701")])
        .unwrap();
    let merge = json!({"primaryObjectId": winner, "objectIdToMerge": loser});
    let (status, merged) = portal.post(&format!("{OBJECTS}/merge"), merge).await;
    assert_eq!((status, merged["id"].as_str()), (200, Some(winner.as_str())));
    assert_eq!(merged["properties"]["hs_merged_object_ids"], loser.as_str());
    let stored = portal.sim.contact(&winner).unwrap();
    assert_eq!((stored.value("city"), stored.value("zip")), ("Tampa", "83701"));

    assert_eq!(portal.get(&format!("{OBJECTS}/{loser}")).await.1["id"], winner.as_str());
    let edit = contact(json!({"city": "Austin"}));
    assert_eq!(portal.patch(&format!("{OBJECTS}/{loser}"), edit).await.1["id"], winner.as_str());
    let read = json!({"inputs": [{"id": loser}]});
    assert_eq!(portal.post(&format!("{OBJECTS}/batch/read"), read).await.0, 207);
    assert_eq!(ids(&portal.get(OBJECTS).await.1), [winner.as_str()]);
    assert!(ids(&portal.get(&format!("{OBJECTS}?archived=true")).await.1).is_empty());
    let again = portal.post(OBJECTS, contact(json!({"email": "b@example.com"}))).await;
    assert_eq!(again.0, 409, "the loser's e-mail is the survivor's second one");
}

#[tokio::test]
async fn a_merge_may_give_a_new_id() {
    use fluxcascade_connectors::sim::hubspot::MergedId;
    let portal =
        portal_with(HubSpotOptions { merged_id: MergedId::New, ..HubSpotOptions::default() }).await;
    let seeded = portal.seed(2);
    let id = portal.sim.merge_contacts(&seeded[0], &seeded[1]).unwrap();
    assert!(!seeded.contains(&id));
    for old in &seeded {
        assert_eq!(portal.get(&format!("{OBJECTS}/{old}")).await.1["id"], id.as_str());
    }
    let stored = portal.sim.contact(&id).unwrap();
    assert_eq!(stored.value("hs_merged_object_ids"), format!("{};{}", seeded[0], seeded[1]));
    assert_eq!(stored.value("email"), "p0@example.com");
}
