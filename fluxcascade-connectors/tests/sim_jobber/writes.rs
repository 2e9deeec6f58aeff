//! Mutations: creates, deltas, the archive, and what is refused.

use fluxcascade_connectors::sim::jobber::JobberClient;
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use serde_json::{Value as Json, json};

use super::{Jobber, texts};

const CREATE: &str = "mutation($input: ClientCreateInput!){ clientCreate(input:$input){
    client{ id updatedAt } userErrors{ message path } } }";
const EDIT: &str = "mutation($id: EncodedId!, $input: ClientEditInput!){
    clientEdit(clientId:$id, input:$input){ client{ id updatedAt } userErrors{ message path } } }";
const ARCHIVE: &str = "mutation($id: EncodedId!){ clientArchive(clientId:$id){
    client{ id isArchived } userErrors{ message path } } }";
const UNARCHIVE: &str = "mutation($id: EncodedId!){ clientUnarchive(clientId:$id){
    client{ id isArchived } userErrors{ message path } } }";

impl Jobber {
    /// Edits a client, which must be taken; what it then is.
    async fn edit(&self, id: &str, input: Json) -> JobberClient {
        let data = self.data(EDIT, json!({ "id": id, "input": input })).await;
        assert_eq!(data["clientEdit"]["userErrors"], json!([]));
        self.sim.client(id).unwrap()
    }

    /// The paths of the user errors that an edit meets.
    async fn refused(&self, id: &str, input: Json) -> Json {
        let data = self.data(EDIT, json!({ "id": id, "input": input })).await;
        assert_eq!(data["clientEdit"]["client"], Json::Null);
        let errors = data["clientEdit"]["userErrors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["path"].clone()).collect()
    }
}

#[tokio::test]
async fn a_client_is_created_with_everything_that_was_sent() {
    let jobber = Jobber::start().await;
    let input = json!({
        "firstName": "Ann", "lastName": "Lee", "companyName": "Lee Ltd", "isCompany": false,
        "emails": [{ "description": "MAIN", "primary": true, "address": "a@x.io" }],
        "phones": [{ "description": "MOBILE", "primary": true, "number": "555-0100" }],
        "billingAddress": { "street1": "1 Main", "city": "Reno", "province": "NV",
                            "postalCode": "89501", "country": "US" },
        "properties": [{ "address": { "street1": "1 Main" } }],
    });
    let data = jobber.data(CREATE, json!({ "input": input })).await;
    assert_eq!(data["clientCreate"]["userErrors"], json!([]));
    assert_eq!(data["clientCreate"]["client"]["updatedAt"], super::START);
    let client = jobber.sim.client(data["clientCreate"]["client"]["id"].as_str().unwrap()).unwrap();
    assert_eq!((client.name(), client.emails[0].description.as_str()), ("Ann Lee".into(), "Main"));
    assert_eq!(client.phones[0].description, "Mobile");
    assert_eq!(
        (client.phones[0].number.as_str(), client.phones[0].normalized()),
        ("555-0100", None)
    );
    assert_eq!(client.billing_address.unwrap().postal_code, "89501");
    assert_eq!(client.properties[0].address.street1, "1 Main");
}

#[tokio::test]
async fn what_is_invalid_is_a_user_error_with_status_200_and_makes_nothing() {
    let jobber = Jobber::start().await;
    let input = json!({ "emails": [{ "address": "nobody" }], "phones": [{ "number": " " }] });
    let data = jobber.data(CREATE, json!({ "input": input })).await;
    assert_eq!(data["clientCreate"]["client"], Json::Null);
    let errors = data["clientCreate"]["userErrors"].as_array().unwrap();
    let paths: Vec<&Json> = errors.iter().map(|error| &error["path"]).collect();
    assert_eq!(json!(paths), json!([["input", "emails"], ["input", "phones"], ["input"]]));
    assert_eq!(errors[2]["message"], "A client needs a first name, last name or company name");
    assert_eq!(jobber.sim.clients(), []);
}

#[tokio::test]
async fn an_edit_is_a_delta_and_leaves_alone_what_it_does_not_name() {
    let jobber = Jobber::start().await;
    let ann = JobberClient::person("Ann", "Lee").with_email("a@x.io").with_email("b@x.io");
    let id = jobber.sim.seed_client(ann.with_phone("256 593 8310"));
    let before = jobber.sim.client(&id).unwrap();
    jobber.advance(90);
    let input = json!({
        "companyName": "Lee Ltd",
        "emailsToEdit": [{ "id": before.emails[1].id, "primary": true, "description": "WORK" }],
        "emailsToAdd": [{ "address": "c@x.io" }],
        "phonesToDelete": [before.phones[0].id],
        "phonesToAdd": [{ "number": "+1 (256) 593-8311", "primary": true, "smsAllowed": true }],
        "tagsToAdd": ["vip"],
        "billingAddress": { "city": "Reno" },
    });
    let after = jobber.edit(&id, input).await;
    assert_eq!((after.first_name.as_str(), after.last_name.as_str()), ("Ann", "Lee"));
    assert_eq!(after.company_name.as_deref(), Some("Lee Ltd"));
    let emails: Vec<_> = after.emails.iter().map(|e| (e.address.as_str(), e.primary)).collect();
    assert_eq!(emails, [("a@x.io", false), ("b@x.io", true), ("c@x.io", false)]);
    assert_eq!(after.emails[1].description, "Work");
    assert_eq!(after.phones.len(), 1);
    assert_eq!(after.phones[0].number, "(256) 593-8311");
    assert!(after.phones[0].primary && after.phones[0].sms_allowed);
    assert_eq!(after.tags, ["vip"]);
    assert_eq!(after.billing_address.unwrap().city, "Reno");
    assert_eq!(after.updated_at.to_string(), "2026-03-01T14:01:30Z");
    assert_eq!(after.created_at, before.created_at);
}

#[tokio::test]
async fn null_and_the_empty_text_clear_a_field_and_a_client_keeps_a_name() {
    let jobber = Jobber::start().await;
    let mut ann = JobberClient::person("Ann", "Lee");
    ann.company_name = Some("Lee Ltd".to_owned());
    let id = jobber.sim.seed_client(ann);
    let after = jobber.edit(&id, json!({ "lastName": "", "companyName": null })).await;
    assert_eq!((after.last_name.as_str(), after.company_name), ("", None));
    assert_eq!(jobber.refused(&id, json!({ "firstName": null })).await, json!([["input"]]));
    assert_eq!(jobber.sim.client(&id).unwrap().first_name, "Ann");
}

#[tokio::test]
async fn an_edit_that_changes_nothing_leaves_the_time_of_the_last_change() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    jobber.advance(60);
    let after = jobber.edit(&id, json!({ "firstName": "Ann" })).await;
    assert_eq!(after.updated_at.to_string(), super::START);
}

#[tokio::test]
async fn times_are_whole_seconds_of_the_simulators_clock() {
    let jobber = Jobber::start().await;
    jobber.clock.advance(std::time::Duration::from_millis(1_999));
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    assert_eq!(jobber.sim.client(&id).unwrap().updated_at.to_string(), "2026-03-01T14:00:01Z");
}

#[tokio::test]
async fn an_edit_of_what_is_not_there_is_a_user_error() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let nothing = "Z2lkOi8vSm9iYmVyL0VtYWlsLzE=";
    let edits = json!({ "emailsToEdit": [{ "id": nothing, "address": "a@x.io" }] });
    assert_eq!(jobber.refused(&id, edits).await, json!([["input", "emailsToEdit"]]));
    let deletes = json!({ "phonesToDelete": [nothing], "firstName": "Bea" });
    assert_eq!(jobber.refused(&id, deletes).await, json!([["input", "phonesToDelete"]]));
    assert_eq!(jobber.sim.client(&id).unwrap().first_name, "Ann");
    let nobody = "Z2lkOi8vSm9iYmVyL0NsaWVudC8x";
    assert_eq!(jobber.refused(nobody, json!({})).await, json!([["clientId"]]));
}

#[tokio::test]
async fn the_archive_takes_a_client_and_gives_it_back_but_not_one_with_open_work() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let data = jobber.data(ARCHIVE, json!({ "id": id })).await;
    assert_eq!(data["clientArchive"]["client"], json!({ "id": id, "isArchived": true }));
    let data = jobber.data(UNARCHIVE, json!({ "id": id })).await;
    assert_eq!(data["clientUnarchive"]["client"], json!({ "id": id, "isArchived": false }));
    jobber.sim.edit_client(&id, |client| client.has_open_work = true);
    let data = jobber.data(ARCHIVE, json!({ "id": id })).await;
    assert_eq!(data["clientArchive"]["client"], Json::Null);
    assert_eq!(data["clientArchive"]["userErrors"][0]["path"], json!(["clientId"]));
    assert!(!jobber.sim.client(&id).unwrap().is_archived);
}

#[tokio::test]
async fn several_mutations_in_one_document_run_in_order_and_fail_apart() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let query = "mutation($id: EncodedId!) {
        m0: clientEdit(clientId: $id, input: {lastName: \"One\"}) { client { name } userErrors { message } }
        m1: clientEdit(clientId: $id, input: {emailsToAdd: [{address: \"?\"}]}) { client { name } userErrors { message } }
        m2: clientEdit(clientId: $id, input: {lastName: \"Two\"}) { client { name } userErrors { message } }
        m3: clientCreate(input: {companyName: \"New Ltd\"}) { client { name } userErrors { message } } }";
    let data = jobber.data(query, json!({ "id": id })).await;
    assert_eq!(data["m0"]["client"]["name"], "Ann One");
    assert_eq!(data["m1"]["client"], Json::Null);
    assert_eq!(data["m1"]["userErrors"][0]["message"], "Email address is invalid");
    assert_eq!(data["m2"]["client"]["name"], "Ann Two");
    assert_eq!(data["m3"]["client"]["name"], "New Ltd");
    assert_eq!(jobber.sim.clients().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_sent_again_adds_the_address_twice() {
    let jobber = Jobber::start().await;
    let id = jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    jobber.sim.add_fault(FaultRule::new(When::Next(1), Effect::LostAnswer).body("emailsToAdd"));
    let variables = json!({ "id": id, "input": { "emailsToAdd": [{ "address": "a@x.io" }] } });
    assert!(jobber.post(EDIT, &variables).send().await.is_err());
    jobber.data(EDIT, variables).await;
    let query = "query($id: EncodedId!) { client(id: $id) { emails { address } } }";
    let data = jobber.data(query, json!({ "id": id })).await;
    assert_eq!(texts(&data["client"]["emails"], "address"), ["a@x.io", "a@x.io"]);
}
