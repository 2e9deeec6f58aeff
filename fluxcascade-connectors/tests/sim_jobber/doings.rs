//! People's doings over HTTP, and the objects beside clients as a plain client meets them.

use serde_json::{Value as Json, json};

use super::Jobber;

impl Jobber {
    async fn people(&self, method: reqwest::Method, path: &str, body: Json) -> (u16, Json) {
        let url = format!("{}/__sim/records/{path}", self.sim.base_url());
        let answer = self.http.request(method, url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn made(&self, object: &str, fields: Json) -> String {
        let (status, answer) = self.people(reqwest::Method::POST, object, fields).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }
}

/// An id as a part of a path.
fn part(id: &str) -> String {
    id.replace('=', "%3D").replace('/', "%2F").replace('+', "%2B")
}

#[tokio::test]
async fn people_make_edit_archive_and_delete_records_over_http() {
    let jobber = Jobber::start().await;
    let client = json!({ "firstName": "Ann", "emails": [{ "address": "ann@lee.example" }] });
    let client = jobber.made("clients", client).await;
    let property = json!({ "clientId": client, "address": { "street1": "1 Main" } });
    let property = jobber.made("properties", property).await;
    let job = json!({ "clientId": client, "propertyId": property, "title": "Roof" });
    let job = jobber.made("jobs", job).await;
    let query = "query($job: EncodedId!) { job(id: $job) {
        title jobStatus client { id firstName } property { address { street1 } } } }";
    let seen = jobber.data(query, json!({ "job": job })).await;
    assert_eq!(seen["job"]["client"], json!({ "id": client, "firstName": "Ann" }));
    assert_eq!(seen["job"]["property"]["address"]["street1"], "1 Main");

    jobber.advance(60);
    let path = format!("jobs/{}", part(&job));
    let edit = json!({ "title": "Wall", "jobStatus": "late" });
    let (_, edited) = jobber.people(reqwest::Method::PATCH, &path, edit).await;
    assert_eq!((&edited["title"], &edited["jobStatus"]), (&json!("Wall"), &json!("late")));
    assert_eq!(edited["updatedAt"], "2026-03-01T14:01:00Z");

    let path = format!("clients/{}", part(&client));
    jobber.people(reqwest::Method::PATCH, &path, json!({ "isArchived": true })).await;
    assert!(jobber.sim.client(&client).unwrap().is_archived);
    assert_eq!(jobber.people(reqwest::Method::DELETE, &path, json!({})).await.0, 200);
    assert_eq!(jobber.people(reqwest::Method::GET, &path, json!({})).await.0, 404);
}

#[tokio::test]
async fn what_people_can_not_mean_is_told() {
    let jobber = Jobber::start().await;
    let ann = jobber.made("clients", json!({ "firstName": "Ann" })).await;
    let bob = jobber.made("clients", json!({ "firstName": "Bob" })).await;
    let yard = jobber.made("properties", json!({ "clientId": bob })).await;
    for (object, fields, word) in [
        ("tasks", json!({}), "clients"),
        ("clients", json!({ "firstname": "Ann" }), "firstName"),
        ("properties", json!({ "name": "Yard" }), "clientId"),
        ("requests", json!({ "requestStatus": "lost" }), "overdue"),
        ("requests", json!({ "title": "Roof" }), "clientId is missing"),
        ("requests", json!({ "clientId": "nobody" }), "there is no client nobody"),
        ("jobs", json!({ "clientId": "" }), "propertyId is missing"),
        ("jobs", json!({ "propertyId": "nowhere" }), "there is no property nowhere"),
        ("visits", json!({}), "jobId is missing"),
        ("visits", json!({ "jobId": "none" }), "there is no job none"),
        ("quotes", json!({ "clientId": ann, "requestId": "none" }), "there is no request none"),
        ("quotes", json!({ "clientId": ann, "propertyId": yard }), "is not a property of client"),
        ("invoices", json!({ "clientId": "nobody" }), "there is no client nobody"),
    ] {
        let (status, answer) = jobber.people(reqwest::Method::POST, object, fields).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    let request = jobber.made("requests", json!({ "clientId": ann })).await;
    let path = format!("requests/{}", part(&request));
    let edit = json!({ "clientId": "nobody" });
    let (status, answer) = jobber.people(reqwest::Method::PATCH, &path, edit).await;
    assert_eq!(status, 400, "{answer}");
    let edit = json!({ "title": "Roof" });
    assert_eq!(jobber.people(reqwest::Method::PATCH, &path, edit).await.0, 200);
}

#[tokio::test]
async fn a_custom_field_is_renamed_and_archived_and_stays() {
    let jobber = Jobber::start().await;
    let field = json!({ "appliesTo": "ALL_JOBS", "name": "Gate", "default": { "text": "" } });
    let id = jobber.made("customFields", field).await;
    let path = format!("customFields/{}", part(&id));
    let edit = json!({ "name": "Gate code", "archived": true });
    let (status, edited) = jobber.people(reqwest::Method::PATCH, &path, edit).await;
    assert_eq!((status, &edited["name"], &edited["id"]), (200, &json!("Gate code"), &json!(id)));
    let (status, answer) = jobber.people(reqwest::Method::DELETE, &path, json!({})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("archived"), "{answer}");
    let (_, seen) = jobber.people(reqwest::Method::GET, &path, json!({})).await;
    assert_eq!(seen["archived"], true);
}

#[tokio::test]
async fn a_job_needs_a_property_and_its_invoicing_and_is_of_the_propertys_client() {
    let jobber = Jobber::start().await;
    let create = "mutation($input: JobCreateAttributes!) { jobCreate(input: $input) {
        job { id client { id } jobNumber total } userErrors { message path } } }";
    let invoicing = json!({ "invoicingType": "FIXED_PRICE", "invoicingSchedule": "NEVER" });
    let answer = jobber.ask(create, json!({ "input": { "invoicing": invoicing } })).await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("propertyId"), "{answer}");

    let nowhere =
        json!({ "invoicing": invoicing, "propertyId": "Z2lkOi8vSm9iYmVyL1Byb3BlcnR5LzE=" });
    let data = jobber.data(create, json!({ "input": nowhere })).await;
    assert_eq!(data["jobCreate"]["job"], Json::Null);
    assert_eq!(data["jobCreate"]["userErrors"][0]["path"], json!(["input", "propertyId"]));

    let client = jobber.made("clients", json!({ "firstName": "Ann" })).await;
    let property = jobber.made("properties", json!({ "clientId": client })).await;
    let item = json!({
        "name": "Tiles", "unitPrice": 12.5, "quantity": 4, "saveToProductsAndServices": false,
    });
    let input = json!({ "invoicing": invoicing, "propertyId": property, "lineItems": [item] });
    let data = jobber.data(create, json!({ "input": input })).await;
    let job = &data["jobCreate"]["job"];
    assert_eq!((&job["client"]["id"], &job["total"]), (&json!(client), &json!(50.0)));
    assert!(job["jobNumber"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn jobs_and_visits_have_no_filter_on_the_time_of_their_last_change() {
    let jobber = Jobber::start().await;
    let query = "{ jobs: __type(name: \"JobFilterAttributes\") { inputFields { name } }
        visits: __type(name: \"VisitFilterAttributes\") { inputFields { name } }
        visit: __type(name: \"Visit\") { fields { name } }
        property: __type(name: \"Property\") { fields { name } } }";
    let data = jobber.data(query, json!({})).await;
    for (of, key) in [
        ("jobs", "inputFields"),
        ("visits", "inputFields"),
        ("visit", "fields"),
        ("property", "fields"),
    ] {
        let names = super::texts(&data[of][key], "name");
        assert!(!names.contains(&"updatedAt".to_owned()), "{of}: {names:?}");
    }
}

#[tokio::test]
async fn one_endpoint_is_taken_for_a_topic() {
    let jobber = Jobber::start().await;
    let create = "mutation($input: WebhookEndpointCreateInput!) {
        webhookEndpointCreate(input: $input) {
            webhookEndpoint { id topic url } userErrors { message path } } }";
    let input = json!({ "input": { "topic": "CLIENT_UPDATE", "url": "http://127.0.0.1:9/hooks" } });
    let made = jobber.data(create, input.clone()).await;
    let endpoint = &made["webhookEndpointCreate"]["webhookEndpoint"];
    assert_eq!(endpoint["topic"], "CLIENT_UPDATE");
    let again = jobber.data(create, input).await;
    assert_eq!(again["webhookEndpointCreate"]["webhookEndpoint"], Json::Null);
    let delete = "mutation($ids: [EncodedId!]!) {
        webhookEndpointDelete(webhookEndpointsIds: $ids) {
            deletedWebhookEndpoints { id topic url } userErrors { message } } }";
    let ids = json!({ "ids": [endpoint["id"]] });
    let gone = jobber.data(delete, ids.clone()).await;
    assert_eq!(gone["webhookEndpointDelete"]["deletedWebhookEndpoints"], json!([endpoint]));
    let gone = jobber.data(delete, ids).await;
    assert_eq!(gone["webhookEndpointDelete"]["deletedWebhookEndpoints"], json!([]));
    assert_eq!(gone["webhookEndpointDelete"]["userErrors"].as_array().unwrap().len(), 1);
}
