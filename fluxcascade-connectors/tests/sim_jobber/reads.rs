//! Queries: the account, clients one by one and by page, look-ups, the schema itself.

use std::time::Duration;

use fluxcascade_connectors::sim::jobber::{
    Cursors, JobberAddress, JobberClient, JobberPhone, JobberProperty, Lag,
};
use serde_json::{Value as Json, json};

use super::{Jobber, texts};

const CHANGES: &str = "query Clients($after:String,$from:ISO8601DateTime,$to:ISO8601DateTime){
  clients(first:50, after:$after, filter:{updatedAt:{after:$from, before:$to}},
          sort:{key:UPDATED_AT, direction:ASCENDING}) {
    nodes { id firstName lastName companyName isArchived updatedAt
            emails{id address description primary} phones{id number description primary} }
    pageInfo { hasNextPage endCursor }
  } }";

#[tokio::test]
async fn the_account_and_a_client_are_shown_as_the_vendor_shows_them() {
    let jobber = Jobber::start().await;
    let mut ann = JobberClient::person("Ann", "")
        .with_email("ann@lee.example")
        .with_phone("256-593-8310")
        .with_billing_address(JobberAddress {
            street1: "1 Main".to_owned(),
            city: "Reno".to_owned(),
            ..JobberAddress::default()
        });
    ann.properties.push(JobberProperty { name: Some("Shop".to_owned()), ..Default::default() });
    let id = jobber.sim.seed_client(ann);
    assert!(jobber.sim.client(&id).is_some());

    let data = jobber.data("query { account { id name } }", json!({})).await;
    assert_eq!(data["account"]["id"], "Z2lkOi8vSm9iYmVyL0FjY291bnQvMTAwMQ==");

    let query = "query($id: EncodedId!) { client(id: $id) {
        id name firstName lastName companyName isCompany isArchived createdAt updatedAt
        email phone defaultEmails defaultPhones balance title secondaryName
        emails { id address description primary client { id } }
        phones { number friendly normalizedPhoneNumber description primary smsAllowed }
        billingAddress { street street1 street2 city province postalCode country }
        tags { nodes { label } totalCount }
        clientProperties(first: 5) { nodes { name address { street street1 } } } } }";
    let client = jobber.data(query, json!({ "id": id })).await["client"].take();
    assert_eq!(client["id"], id);
    assert_eq!((&client["name"], &client["lastName"]), (&json!("Ann"), &json!("")));
    assert_eq!(client["companyName"], Json::Null);
    assert_eq!(client["updatedAt"], "2026-03-01T14:00:00Z");
    assert_eq!(client["emails"][0]["description"], "Main");
    assert_eq!(client["emails"][0]["client"]["id"], id);
    let phone = json!({
        "number": "(256) 593-8310", "friendly": "(256) 593-8310",
        "normalizedPhoneNumber": "+12565938310",
        "description": "Main", "primary": true, "smsAllowed": false,
    });
    assert_eq!(client["phones"][0], phone);
    assert_eq!(client["billingAddress"]["street"], "1 Main");
    assert_eq!(client["billingAddress"]["postalCode"], "");
    assert_eq!(client["clientProperties"]["nodes"][0]["name"], "Shop");
    assert_eq!(client["clientProperties"]["nodes"][0]["address"]["street1"], Json::Null);
}

#[tokio::test]
async fn a_client_that_does_not_exist_is_null_without_an_error() {
    let jobber = Jobber::start().await;
    let id = "Z2lkOi8vSm9iYmVyL0NsaWVudC8xMjM0NQ==";
    let data = jobber.data("query($id: EncodedId!){client(id:$id){id}}", json!({ "id": id }));
    assert_eq!(data.await, json!({ "client": null }));
}

/// As Jobber's page "Handling API errors" shows it.
#[tokio::test]
async fn an_id_that_is_none_is_refused_with_neither_a_code_nor_a_path() {
    let jobber = Jobber::start().await;
    for id in ["no id at all", "", "MTIzNDU="] {
        let query = "query($id: EncodedId!){client(id:$id){id}}";
        let answer = jobber.ask(query, json!({ "id": id })).await;
        assert!(answer.get("data").is_none(), "{answer}");
        let error = &answer["errors"][0];
        assert_eq!(error["message"], "Variable $id of type EncodedId! was provided invalid value");
        assert_eq!(error["extensions"]["value"], id);
        assert!(error["extensions"]["problems"][0]["explanation"].is_string(), "{error}");
        assert!(error.get("path").is_none() && error["extensions"].get("code").is_none());
    }
    let many = "mutation($ids: [EncodedId!]!){
        webhookEndpointDelete(webhookEndpointsIds: $ids){ userErrors { message } } }";
    let answer = jobber.ask(many, json!({ "ids": ["x"] })).await;
    assert!(
        answer["errors"][0]["message"].as_str().unwrap().contains("$ids of type [EncodedId!]!")
    );
}

#[tokio::test]
async fn aliases_read_several_clients_in_one_document() {
    let jobber = Jobber::start().await;
    let a = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let b = jobber.sim.seed_client(JobberClient::company("Lee Ltd"));
    let query = "query($a: EncodedId!, $b: EncodedId!) {
        c0: client(id: $a) { ...F } c1: client(id: $b) { ...F } c2: client(id: \"Z2lkOi8vSm9iYmVyL0NsaWVudC8xMjM0NQ==\") { ...F } }
        fragment F on Client { id name }";
    let data = jobber.data(query, json!({ "a": a, "b": b })).await;
    let expected = json!({
        "c0": { "id": a, "name": "Ann Lee" }, "c1": { "id": b, "name": "Lee Ltd" }, "c2": null,
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn both_bounds_of_a_time_range_are_inclusive() {
    let jobber = Jobber::start().await;
    for name in ["A", "B", "C"] {
        jobber.sim.seed_client(JobberClient::person(name, "Lee"));
        jobber.advance(60);
    }
    let asked = async |from: Json, to: Json| {
        let data = jobber.data(CHANGES, json!({ "from": from, "to": to })).await;
        texts(&data["clients"]["nodes"], "firstName")
    };
    let at = |minute: u32| json!(format!("2026-03-01T14:0{minute}:00Z"));
    assert_eq!(asked(at(1), Json::Null).await, ["B", "C"]);
    assert_eq!(asked(Json::Null, at(1)).await, ["A", "B"]);
    assert_eq!(asked(at(1), at(1)).await, ["B"]);
    assert_eq!(asked(json!("2026-03-01T08:01:01-06:00"), Json::Null).await, ["C"]);
    let eq = "{ clients(filter: {updatedAt: {eq: \"2026-03-01T14:02:00Z\"}}) { totalCount } }";
    assert_eq!(jobber.data(eq, json!({})).await["clients"]["totalCount"], 1);
}

#[tokio::test]
async fn a_walk_by_time_sees_every_client_though_they_are_edited_meanwhile() {
    let jobber = Jobber::start().await;
    // All on one second: the edges of the pages are within a tie.
    let made =
        |number: usize| jobber.sim.seed_client(JobberClient::person(format!("No {number}"), "Lee"));
    let ids: Vec<String> = (0..120).map(made).collect();
    jobber.advance(10);
    let (mut seen, mut after, mut pages) = (Vec::new(), Json::Null, 0);
    loop {
        let data = jobber.data(CHANGES, json!({ "after": after })).await;
        seen.extend(texts(&data["clients"]["nodes"], "id"));
        pages += 1;
        if data["clients"]["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = data["clients"]["pageInfo"]["endCursor"].clone();
        if pages < 3 {
            // One that was seen comes back at the end, one that was not must not be passed over.
            jobber.sim.edit_client(&ids[pages], |client| client.last_name.push('x'));
            jobber.sim.edit_client(&ids[119 - pages], |client| client.last_name.push('x'));
        }
    }
    let mut distinct = seen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 120);
    assert_eq!((seen.len(), pages), (122, 3));
}

#[tokio::test]
async fn where_a_cursor_is_a_position_a_row_that_leaves_the_list_moves_the_others_up() {
    let jobber = Jobber::configured(|options| options.cursors = Cursors::Positions).await;
    let seed = |name: &str| jobber.sim.seed_client(JobberClient::person(name, "Lee"));
    let ids = ["Ann", "Bob", "Cy", "Di"].map(seed);
    jobber.advance(60);
    let page = "query($after: String, $to: ISO8601DateTime) {
        clients(first: 2, after: $after, filter: { updatedAt: { before: $to } },
                sort: { key: UPDATED_AT, direction: ASCENDING }) {
            nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }";
    let to = "2026-03-01T14:00:30Z";
    let first = jobber.data(page, json!({ "to": to })).await;
    assert_eq!(texts(&first["clients"]["nodes"], "id"), ids[..2]);
    jobber.sim.edit_client(&ids[0], |client| client.last_name.push('x'));
    let after = &first["clients"]["pageInfo"]["endCursor"];
    let second = jobber.data(page, json!({ "to": to, "after": after })).await;
    assert_eq!(texts(&second["clients"]["nodes"], "id"), ids[3..], "Cy is skipped");
    assert_eq!(second["clients"]["pageInfo"]["hasNextPage"], json!(false));
    assert_eq!(second["clients"]["pageInfo"]["hasPreviousPage"], json!(true));
}

#[tokio::test]
async fn a_cursor_that_is_none_fails_the_query_and_leaves_no_page_behind() {
    let jobber = Jobber::start().await;
    jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let answer = jobber.ask(CHANGES, json!({ "after": "nonsense" })).await;
    assert_eq!(answer["errors"][0]["message"], "Invalid cursor");
    assert_eq!(answer["errors"][0]["path"], json!(["clients"]));
    assert_eq!(answer.as_object().unwrap().get("data"), Some(&Json::Null));
}

#[tokio::test]
async fn sorts_filters_and_both_ways_of_paging_follow_the_schema() {
    let jobber = Jobber::start().await;
    for (first, last) in [("Bob", "Alpha"), ("ann", "Beta"), ("Cid", "Gamma")] {
        jobber.sim.seed_client(JobberClient::person(first, last));
    }
    let company = jobber.sim.seed_client(JobberClient::company("Lee Ltd"));
    jobber.sim.edit_client(&company, |client| client.tags.push("vip".to_owned()));

    let names = async |arguments: &str| {
        let query = format!("{{ clients({arguments}) {{ edges {{ cursor node {{ name }} }} }} }}");
        let data = jobber.data(&query, json!({})).await;
        let edges = data["clients"]["edges"].as_array().unwrap().clone();
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let sorted: Vec<String> = names("sort: {key: FIRST_NAME, direction: ASCENDING}").await;
    assert_eq!(sorted, ["Lee Ltd", "ann Beta", "Bob Alpha", "Cid Gamma"]);
    let sorted: Vec<String> = names("sort: {key: PRIMARY_NAME, direction: DESCENDING}").await;
    assert_eq!(sorted, ["Lee Ltd", "Cid Gamma", "Bob Alpha", "ann Beta"]);
    let sorted: Vec<String> = names("last: 2, sort: {key: LAST_NAME, direction: ASCENDING}").await;
    assert_eq!(sorted, ["ann Beta", "Cid Gamma"]);
    let tagged: Vec<String> = names("filter: {tags: [\"vip\", \"other\"]}").await;
    assert_eq!(tagged, ["Lee Ltd"]);
    let people: Vec<String> = names("filter: {isCompany: false}").await;
    assert_eq!(people.len(), 3);
}

#[tokio::test]
async fn archived_clients_are_listed_unless_they_are_filtered_out() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    jobber.sim.edit_client(&id, |client| client.is_archived = true);
    let query = "{ all: clients { totalCount } active: clients(filter: {isArchived: false}) { totalCount } }";
    let data = jobber.data(query, json!({})).await;
    assert_eq!(data["all"]["totalCount"], 1);
    assert_eq!(data["active"]["totalCount"], 0);
}

#[tokio::test]
async fn look_ups_go_by_e_mail_number_and_name() {
    let jobber = Jobber::start().await;
    let ann = JobberClient::person("Ann", "Lee").with_email("ann@lee.example");
    let ann = jobber.sim.seed_client(ann.with_phone("+1 256 593 8310"));
    jobber.sim.seed_client(JobberClient::person("Bob", "Lee").with_email("bob@lee.example"));
    let query = "query($t: String) {
        clientEmails(searchTerm: $t, first: 5) { nodes { address client { id } } totalCount }
        clientPhones(searchTerm: $t, filter: {smsAllowed: false}) { nodes { number client { id } } }
        clients(searchTerm: $t) { nodes { id } }
        named: clients(searchTerm: $t, searchFields: [NAMES]) { totalCount } }";
    let data = jobber.data(query, json!({ "t": "ann@lee.example" })).await;
    assert_eq!(data["clientEmails"]["totalCount"], 1);
    assert_eq!(data["clientEmails"]["nodes"][0]["client"]["id"], ann);
    assert_eq!(data["clients"]["nodes"], json!([{ "id": ann }]));
    assert_eq!(data["named"]["totalCount"], 0);
    let data = jobber.data(query, json!({ "t": "256.593.8310" })).await;
    assert_eq!(data["clientPhones"]["nodes"][0]["client"]["id"], ann);
    let data = jobber.data(query, json!({ "t": "lee" })).await;
    assert_eq!(data["named"]["totalCount"], 2);
}

#[tokio::test]
async fn a_look_up_finds_a_write_only_after_its_lag_while_the_list_has_it_at_once() {
    let lag = Lag::between(Duration::from_secs(5), Duration::from_secs(10));
    let jobber = Jobber::configured(|config| config.search_lag = lag).await;
    let create = "mutation { clientCreate(input: {firstName: \"Ann\",
        emails: [{address: \"ann@lee.example\"}]}) { client { id } userErrors { message } } }";
    jobber.data(create, json!({})).await;
    let query = "{ clients { totalCount } clientEmails(searchTerm: \"ann@lee\") { totalCount }
                   found: clients(searchTerm: \"ann\") { totalCount } }";
    let counts = async || {
        let data = jobber.data(query, json!({})).await;
        ["clients", "clientEmails", "found"].map(|key| data[key]["totalCount"].as_u64().unwrap())
    };
    assert_eq!(counts().await, [1, 0, 0]);
    jobber.advance(4);
    assert_eq!(counts().await, [1, 0, 0]);
    jobber.advance(6);
    assert_eq!(counts().await, [1, 1, 1]);
}

#[tokio::test]
async fn a_lagging_list_shows_a_client_as_it_was_while_it_is_read_by_id_as_it_is() {
    let lag = Lag::exactly(Duration::from_secs(30));
    let jobber = Jobber::configured(|config| config.list_lag = lag).await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    jobber.advance(60);
    jobber.sim.edit_client(&id, |client| client.first_name = "Bea".to_owned());
    let query = "query($id: EncodedId!) { client(id: $id) { firstName }
                 clients { nodes { firstName } } }";
    let seen = async || {
        let data = jobber.data(query, json!({ "id": id })).await;
        (data["client"]["firstName"].clone(), data["clients"]["nodes"][0]["firstName"].clone())
    };
    assert_eq!(seen().await, (json!("Bea"), json!("Ann")));
    jobber.advance(30);
    assert_eq!(seen().await, (json!("Bea"), json!("Bea")));
}

#[tokio::test]
async fn users_may_leave_several_numbers_primary_or_none() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    jobber.sim.edit_client(&id, |client| {
        for number in ["256 593 8310", "256 593 8311"] {
            let number = number.to_owned();
            client.phones.push(JobberPhone { number, primary: true, ..JobberPhone::default() });
        }
    });
    let phones = jobber.sim.client(&id).unwrap().phones;
    assert_eq!(phones.iter().filter(|phone| phone.primary).count(), 2);
    assert_eq!(phones[1].number, "(256) 593-8311");
    assert_ne!(phones[0].id, phones[1].id);
}

#[tokio::test]
async fn the_schema_can_be_read_also_without_a_token() {
    let jobber = Jobber::start().await;
    let query = "{ __schema { queryType { name } mutationType { name } }
        __type(name: \"Client\") { fields { name type { kind name ofType { name } } } }
        range: __type(name: \"Iso8601DateTimeRangeInput\") { inputFields { name } }
        sort: __type(name: \"ClientsSortKey\") { enumValues { name } }
        phone: __type(name: \"ClientPhoneNumber\") { fields { name } } }";
    let answer = jobber
        .http
        .post(jobber.sim.graphql_url())
        .header("X-JOBBER-GRAPHQL-VERSION", super::VERSION)
        .json(&json!({ "query": query }));
    let answer: Json = answer.send().await.unwrap().json().await.unwrap();
    let data = &answer["data"];
    assert_eq!(data["__schema"]["mutationType"]["name"], "Mutation");
    let fields = data["__type"]["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(field("updatedAt")["type"]["ofType"]["name"], "ISO8601DateTime");
    assert_eq!(field("firstName")["type"]["kind"], "NON_NULL");
    assert_eq!(field("companyName")["type"]["name"], "String");
    let sorts = ["FIRST_NAME", "LAST_NAME", "PRIMARY_NAME", "UPDATED_AT"];
    assert_eq!(texts(&data["sort"]["enumValues"], "name"), sorts);
    assert_eq!(texts(&data["range"]["inputFields"], "name"), ["after", "before", "eq"]);
}

#[tokio::test]
async fn a_field_that_does_not_exist_fails_the_whole_query_in_the_vendors_words() {
    let jobber = Jobber::start().await;
    let answer = jobber.ask("{ clients(first: 1) { nodes { id nickname } } }", json!({})).await;
    assert_eq!(answer.get("data"), None);
    let error = &answer["errors"][0];
    assert_eq!(error["message"], "Field 'nickname' doesn't exist on type 'Client'");
    assert_eq!(error["extensions"]["code"], "undefinedField");
    assert_eq!(answer["extensions"]["cost"]["actualQueryCost"], 0);
}
