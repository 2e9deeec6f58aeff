//! Lists, single reads, credentials, the schema.

use super::*;

#[tokio::test]
async fn a_list_is_paged_by_record_id_in_both_families_of_paths() {
    let portal = portal().await;
    let seeded = portal.seed(25);
    for root in [OBJECTS, "/crm/objects/2026-03/contacts", "/crm/objects/2026-03/0-1"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = portal.get(&format!("{root}?limit=10{after}")).await;
            assert_eq!(status, 200);
            seen.extend(ids(&page));
            let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
            assert!(seeded.contains(&next.to_owned()), "the next record's id");
            after = format!("&after={next}");
        }
        assert_eq!(seen, seeded);
    }
    assert_eq!(portal.get(&format!("{OBJECTS}?limit=100")).await.0, 200);
    assert_eq!(portal.get(&format!("{OBJECTS}?limit=101")).await.0, 400);
    assert_eq!(portal.get(&format!("{OBJECTS}?limit=51&propertiesWithHistory=email")).await.0, 400);
    let (status, refusal) = portal.get(&format!("{OBJECTS}?after=abc")).await;
    assert_eq!(status, 400);
    assert!(refusal["message"].as_str().unwrap().starts_with("Cannot deserialize value of type"));
}

#[tokio::test]
async fn only_what_is_asked_for_is_returned_and_every_value_is_a_text() {
    let portal = portal().await;
    let seed = [("email", "a@example.com"), ("phone", "1"), ("annualrevenue", "1500.00")];
    let id = portal.sim.seed_contact(seed).unwrap();
    let (_, usual) = portal.get(&format!("{OBJECTS}/{id}")).await;
    assert_eq!(usual["properties"]["email"], "a@example.com");
    assert!(usual["properties"].get("phone").is_none());
    assert_eq!(usual["properties"]["hs_object_id"], id.as_str());
    assert_eq!(usual["properties"]["lastmodifieddate"], "2026-03-01T14:00:00.000Z");
    assert_eq!(usual["updatedAt"], "2026-03-01T14:00:00.000Z");
    assert_eq!(usual["archived"], false);
    let asked = format!("{OBJECTS}/{id}?properties=phone,city&properties=annualrevenue");
    let (_, asked) = portal.get(&asked).await;
    assert_eq!(asked["properties"]["annualrevenue"], "1500.00");
    assert_eq!(asked["properties"]["phone"], "1");
    assert!(asked["properties"].get("city").is_none(), "it has no value");
    assert!(asked["properties"].get("email").is_none(), "it was not asked for");
}

#[tokio::test]
async fn a_record_is_read_by_a_unique_property() {
    let portal = portal().await;
    let id = portal.sim.seed_contact([("email", "a+b@example.com")]).unwrap();
    let by_mail = format!("{OBJECTS}/A%2BB%40example.com?idProperty=email");
    assert_eq!(portal.get(&by_mail).await.1["id"], id.as_str());
    assert_eq!(portal.get(&format!("{OBJECTS}/x?idProperty=firstname")).await.0, 400);
    let (status, refusal) = portal.get(&format!("{OBJECTS}/1")).await;
    assert_eq!((status, &refusal["category"]), (404, &json!("OBJECT_NOT_FOUND")));
}

#[tokio::test]
async fn archived_records_are_in_the_archived_list_only_and_keep_their_time() {
    let portal = portal().await;
    let seeded = portal.seed(3);
    portal.clock.advance(Duration::from_secs(60));
    let gone = format!("{OBJECTS}/{}", seeded[1]);
    for _ in 0..2 {
        assert_eq!(portal.send(Method::DELETE, &gone, None).await.status(), 204);
    }
    let (_, live) = portal.get(OBJECTS).await;
    assert_eq!(ids(&live), [seeded[0].as_str(), &seeded[2]]);
    let (_, archived) = portal.get(&format!("{OBJECTS}?archived=true")).await;
    assert_eq!(ids(&archived), [seeded[1].as_str()]);
    let row = &archived["results"][0];
    assert_eq!(row["archivedAt"], "2026-03-01T14:01:00.000Z");
    assert_eq!(row["updatedAt"], "2026-03-01T14:00:00.000Z");
    assert_eq!(portal.get(&gone).await.0, 404);
    assert_eq!(portal.get(&format!("{gone}?archived=true")).await.0, 200);

    portal.sim.restore_contact(&seeded[1]).unwrap();
    assert_eq!(ids(&portal.get(OBJECTS).await.1), seeded);
}

#[tokio::test]
async fn history_says_what_a_property_had_when_and_from_whom() {
    let portal = portal().await;
    let id = portal.sim.seed_contact([("firstname", "Ann")]).unwrap();
    portal.clock.advance(Duration::from_secs(60));
    portal.patch(&format!("{OBJECTS}/{id}"), contact(json!({"firstname": "Anna"}))).await;
    portal.clock.advance(Duration::from_secs(60));
    portal.patch(&format!("{OBJECTS}/{id}"), contact(json!({"city": "Austin"}))).await;
    let asked = format!("{OBJECTS}/{id}?propertiesWithHistory=firstname,city");
    let history = portal.get(&asked).await.1["propertiesWithHistory"].clone();
    let entry = |name: &str, at: usize, key: &str| history[name][at][key].clone();
    assert_eq!(entry("firstname", 0, "value"), "Anna");
    assert_eq!(entry("firstname", 0, "timestamp"), "2026-03-01T14:01:00.000Z");
    assert_eq!(entry("firstname", 0, "sourceType"), "INTEGRATION");
    assert_eq!(entry("firstname", 1, "value"), "Ann");
    assert_eq!(entry("firstname", 1, "sourceType"), "CRM_UI");
    assert_eq!(history["firstname"].as_array().unwrap().len(), 2);
    assert_eq!(entry("city", 0, "timestamp"), "2026-03-01T14:02:00.000Z");
}

#[tokio::test]
async fn a_request_without_a_good_token_is_refused() {
    let portal = portal().await;
    let url = portal.sim.base_url() + OBJECTS;
    for token in ["", "  "] {
        let answer = portal.http.get(&url).bearer_auth(token).send().await.unwrap();
        let (status, body) = opened(answer).await;
        assert_eq!((status, &body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    }
    assert_eq!(portal.http.get(&url).send().await.unwrap().status(), 401);

    let strict = HubSpotSim::start(SimConfig::new(1).token("pat-na1-right")).await.unwrap();
    let url = strict.base_url() + OBJECTS;
    for (token, status) in [("pat-na1-wrong", 401), ("pat-na1-right", 200)] {
        let answer = portal.http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert!(!format!("{:?}", SimConfig::new(1).token("pat-na1-right")).contains("right"));
}

#[tokio::test]
async fn the_schema_says_what_may_be_written() {
    let portal = portal().await;
    let (_, body) = portal.get("/crm/v3/properties/contacts").await;
    let properties = body["results"].as_array().unwrap();
    let named = |name: &str| properties.iter().find(|p| p["name"] == name).unwrap();
    for name in ["email", "phone", "mobilephone", "company", "address", "city", "state", "zip"] {
        assert_eq!(named(name)["modificationMetadata"]["readOnlyValue"], false, "{name}");
    }
    for name in ["createdate", "lastmodifieddate", "hs_object_id"] {
        assert_eq!(named(name)["modificationMetadata"]["readOnlyValue"], true, "{name}");
    }
    assert_eq!(named("lifecyclestage")["type"], "enumeration");
    assert_eq!(named("lifecyclestage")["options"][1]["value"], "lead");
    assert_eq!(named("hubspot_owner_id")["externalOptions"], true);
    assert_eq!(portal.get("/crm/properties/2026-03/contacts").await.1, body);
    assert_eq!(portal.get("/crm/v3/properties/contacts/email").await.1["type"], "string");
    assert_eq!(portal.get("/crm/v3/properties/contacts/nope").await.0, 404);
    assert_eq!(portal.get("/crm/v3/objects/unicorns").await.0, 400);
    let (_, account) = portal.get("/account-info/v3/details").await;
    assert_eq!(account["portalId"], 62_515);
}

#[tokio::test]
async fn the_log_has_what_came_and_the_answers_have_the_simulators_time() {
    let portal = portal().await;
    portal.clock.advance(Duration::from_secs(3600));
    let answer = portal.send(Method::GET, &format!("{OBJECTS}?limit=1"), None).await;
    assert_eq!(answer.headers()["date"], "Sun, 01 Mar 2026 15:00:00 GMT");
    portal.post(OBJECTS, contact(json!({"nope": "1"}))).await;
    let log = portal.sim.requests();
    assert_eq!((log[0].method.as_str(), log[0].path.as_str()), ("GET", OBJECTS));
    assert_eq!((log[0].query.as_deref(), log[0].status), (Some("limit=1"), Some(200)));
    assert_eq!(log[0].at.to_string(), "2026-03-01T15:00:00Z");
    assert_eq!(
        (log[1].json()["properties"]["nope"].as_str(), log[1].status),
        (Some("1"), Some(400))
    );
    assert!(!format!("{log:?}").contains("pat-na1"));
    portal.sim.clear_requests();
    assert!(portal.sim.requests().is_empty());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_people() {
    let (one, other) = (portal().await, portal().await);
    assert_eq!(one.sim.seed_people(200).unwrap(), 200);
    other.sim.seed_people(200).unwrap();
    let people = one.sim.contacts();
    assert_eq!(people, other.sim.contacts());
    assert_eq!(people.len(), 200);
    assert!(people.iter().all(|person| person.value("email").contains('@')));
    assert!(people.windows(2).all(|pair| pair[0].created_at <= pair[1].created_at));
}
