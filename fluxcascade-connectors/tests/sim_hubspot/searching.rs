//! Search: filters, order, pages and their end, and the late index.

use super::*;

fn filtered(filters: Json) -> Json {
    json!({"filterGroups": [{"filters": filters}], "limit": 200})
}

#[tokio::test]
async fn a_write_is_found_only_after_the_lag() {
    let portal = portal().await;
    let id = portal.sim.seed_contact([("city", "Tampa")]).unwrap();
    let city =
        |city: &str| filtered(json!([{"propertyName": "city", "operator": "EQ", "value": city}]));
    let found = async |name: &str| ids(&portal.search(city(name)).await.1).len();
    assert_eq!(found("tampa").await, 1, "text is compared without case");

    portal.patch(&format!("{OBJECTS}/{id}"), contact(json!({"city": "Boise"}))).await;
    let (_, made) = portal.post(OBJECTS, contact(json!({"city": "Boise"}))).await;
    portal.clock.advance(Duration::from_millis(4_999));
    assert_eq!((found("Tampa").await, found("Boise").await), (1, 0));
    let (_, by_id) = portal.get(&format!("{OBJECTS}/{id}?properties=city")).await;
    assert_eq!(by_id["properties"]["city"], "Boise", "reads by id are not late");
    portal.clock.advance(Duration::from_millis(1));
    assert_eq!((found("Tampa").await, found("Boise").await), (0, 2));

    portal.sim.archive_contact(made["id"].as_str().unwrap()).unwrap();
    assert_eq!(found("Boise").await, 1, "archived records never appear");
}

#[tokio::test]
async fn the_lag_is_drawn_from_the_seed_for_each_write() {
    let visible = async || {
        let portal =
            portal_with(HubSpotOptions { limits: Limits::Off, ..HubSpotOptions::default() }).await;
        for n in 0..50 {
            portal.sim.create_contact([("email", format!("p{n}@example.com"))]).unwrap();
        }
        let mut counts = Vec::new();
        for _ in 0..=30 {
            counts.push(portal.search(json!({})).await.1["total"].as_u64().unwrap());
            portal.clock.advance(Duration::from_secs(1));
        }
        counts
    };
    let counts = visible().await;
    assert_eq!(counts, visible().await);
    assert!(counts[0] < 10 && counts[15] > 5 && counts[15] < 45, "{counts:?}");
    assert_eq!(counts[30], 50);
}

#[tokio::test]
async fn every_operator_does_what_it_says() {
    let portal = portal().await;
    let seed = |n: usize, extra: &[(&str, &str)]| {
        let mut properties = vec![("email".to_owned(), format!("p{n}@example.com"))];
        properties.extend(extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        portal.clock.advance(Duration::from_secs(10));
        portal.sim.seed_contact(properties).unwrap()
    };
    let all = [
        seed(0, &[("annualrevenue", "9"), ("company", "Oak Plumbing LLC")]),
        seed(1, &[("annualrevenue", "10"), ("company", "Oakfield Roofing")]),
        seed(2, &[("annualrevenue", "100.5"), ("lifecyclestage", "lead")]),
    ];
    let filter = |name: &str, operator: &str, rest: Json| {
        let mut filter = json!({"propertyName": name, "operator": operator});
        filter.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        filter
    };
    let value = |value: &str| json!({ "value": value });
    for (filter, expected) in [
        (filter("annualrevenue", "LT", value("10")), vec![0]),
        (filter("annualrevenue", "LTE", value("10.0")), vec![0, 1]),
        (filter("annualrevenue", "GT", value("10")), vec![2]),
        (filter("annualrevenue", "GTE", value("10")), vec![1, 2]),
        (filter("annualrevenue", "EQ", value("9.0")), vec![0]),
        (filter("annualrevenue", "NEQ", value("9")), vec![1, 2]),
        (filter("annualrevenue", "BETWEEN", json!({"value": "9", "highValue": "10"})), vec![0, 1]),
        (filter("email", "IN", json!({"values": ["p0@example.com", "P1@example.com"]})), vec![0]),
        (filter("email", "NOT_IN", json!({"values": ["p0@example.com"]})), vec![1, 2]),
        (filter("company", "HAS_PROPERTY", json!({})), vec![0, 1]),
        (filter("company", "NOT_HAS_PROPERTY", json!({})), vec![2]),
        (filter("company", "CONTAINS_TOKEN", value("oak")), vec![0]),
        (filter("company", "CONTAINS_TOKEN", value("oak*")), vec![0, 1]),
        (filter("company", "NOT_CONTAINS_TOKEN", value("plumbing llc")), vec![1]),
        (filter("email", "CONTAINS_TOKEN", value("*@example.com")), vec![0, 1, 2]),
        (filter("lifecyclestage", "EQ", value("Lead")), vec![]),
        (filter("lifecyclestage", "EQ", value("lead")), vec![2]),
        (filter("hs_object_id", "GT", value(&all[0])), vec![1, 2]),
        (filter("lastmodifieddate", "GTE", value("2026-03-01T14:00:20Z")), vec![1, 2]),
        (filter("lastmodifieddate", "EQ", value("1772373620000")), vec![1]),
        (
            filter(
                "createdate",
                "BETWEEN",
                json!({"value": "1772373610000", "highValue": "1772373620000"}),
            ),
            vec![0, 1],
        ),
    ] {
        let (status, body) = portal.search(filtered(json!([filter]))).await;
        let expected: Vec<_> = expected.into_iter().map(|n: usize| all[n].clone()).collect();
        assert_eq!((status, ids(&body)), (200, expected), "{filter}");
    }
    let either = json!({"filterGroups": [
        {"filters": [
            filter("company", "HAS_PROPERTY", json!({})),
            filter("annualrevenue", "GT", value("9")),
        ]},
        {"filters": [filter("lifecyclestage", "EQ", value("lead"))]},
    ]});
    assert_eq!(ids(&portal.search(either).await.1), [all[1].as_str(), &all[2]]);
    let words = json!({"query": "oak"});
    assert_eq!(ids(&portal.search(words).await.1), [all[0].as_str()]);
}

#[tokio::test]
async fn a_search_is_sorted_by_one_property_and_shows_blanks_as_null() {
    let portal = portal().await;
    let mut made = Vec::new();
    for city in ["Boise", "", "Austin", "Tampa"] {
        made.push(portal.sim.seed_contact([("city", city)]).unwrap());
    }
    let sort = |direction: &str| {
        let sort = json!({"propertyName": "city", "direction": direction});
        json!({"sorts": [sort], "properties": ["city"]})
    };
    let pick = |order: [usize; 4]| order.map(|n| made[n].clone()).to_vec();
    let (_, up) = portal.search(sort("ASCENDING")).await;
    assert_eq!(ids(&up), pick([2, 0, 3, 1]));
    assert_eq!(up["results"][3]["properties"]["city"], Json::Null);
    assert_eq!(ids(&portal.search(sort("DESCENDING")).await.1), pick([3, 0, 2, 1]));
    // As the published description has it: a name, and a minus before it for the other way round.
    assert_eq!(ids(&portal.search(json!({"sorts": ["city"]})).await.1), pick([2, 0, 3, 1]));
    assert_eq!(ids(&portal.search(json!({"sorts": ["-city"]})).await.1), pick([3, 0, 2, 1]));
    let two = json!({"sorts": [{"propertyName": "city"}, {"propertyName": "zip"}]});
    assert_eq!(portal.search(two).await.0, 400);
}

#[tokio::test]
async fn a_search_pages_by_offset_and_ends_at_ten_thousand() {
    let portal = portal().await;
    for n in 0..10_050 {
        portal.sim.seed_contact([("zip", n.to_string())]).unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), json!("0"));
    let end = loop {
        let (status, page) =
            portal.search(json!({"limit": 200, "after": after, "properties": ["zip"]})).await;
        if status != 200 {
            break (status, after);
        }
        assert_eq!(page["total"], 10_050);
        seen.extend(ids(&page));
        after = page["paging"]["next"]["after"].clone();
    };
    assert_eq!(end, (400, json!("10000")));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10_000, "ties keep their order from page to page");
}

#[tokio::test]
async fn a_search_that_hubspot_would_not_take_is_refused() {
    let portal = portal().await;
    portal.seed(3);
    let filter = json!({"propertyName": "city", "operator": "HAS_PROPERTY"});
    let group = |n: usize| json!({"filters": vec![filter.clone(); n]});
    let names: Vec<_> = (0..200).map(|n| format!("some_property_{n}")).collect();
    for bad in [
        json!({"limit": 201}),
        json!({"after": "abc"}),
        json!({"after": "171591000198"}),
        json!({"properties": names}),
        json!({"filterGroups": vec![group(1); 6]}),
        json!({"filterGroups": [group(7)]}),
        json!({"filterGroups": vec![group(5); 4]}),
        filtered(json!([{"propertyName": "nope", "operator": "EQ", "value": "1"}])),
        filtered(json!([{"propertyName": "city", "operator": "LIKE", "value": "1"}])),
        filtered(json!([{"propertyName": "city", "operator": "EQ"}])),
        filtered(json!([{"propertyName": "city", "operator": "IN", "values": []}])),
        filtered(json!([{"propertyName": "lastmodifieddate", "operator": "GT", "value": "soon"}])),
    ] {
        assert_eq!(portal.search(bad.clone()).await.0, 400, "{bad}");
    }
    let epoch =
        filtered(json!([{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"}]));
    assert_eq!(portal.search(epoch).await.0, 500);
    let page = portal.search(json!({"limit": 2})).await.1;
    assert_eq!(page["paging"]["next"]["after"], "2");
    let last = portal.search(json!({"limit": 2, "after": "2"})).await.1;
    assert!(last.get("paging").is_none());
}
