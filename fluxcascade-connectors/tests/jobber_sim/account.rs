//! What belongs to an account: its custom fields, a field for the other side's ids, its webhooks.

use std::time::Duration;

use fluxcascade_connectors::sim::jobber::{
    CustomFieldAppliesTo, JobberClient, JobberCustomField, JobberCustomValue, JobberOptions,
    JobberProperty,
};
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::connector::{
    Connector, Delivery, ErrorKind, ExternalIdField, FindRequest, Position, Reader,
    SubscribeRequest,
};
use fluxcascade_core::model::{FieldType, Projection, State, Value, Values};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::office::{Office, name, object, refusal, update};

fn field(name: &str, default: JobberCustomValue) -> JobberCustomField {
    JobberCustomField::new(CustomFieldAppliesTo::AllClients, name, default)
}

fn text(text: &str) -> JobberCustomValue {
    JobberCustomValue::Text(text.to_owned())
}

fn map(parts: [(&str, Value); 2]) -> Value {
    Value::Map(parts.map(|(key, value)| (key.to_owned(), value)).into())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

#[tokio::test]
async fn custom_fields_of_every_kind_are_in_the_schema_and_written_and_read() {
    let office = Office::open().await;
    let (link, area) = (
        JobberCustomValue::Link { text: String::new(), url: String::new() },
        JobberCustomValue::Area { length: 0.0, width: 0.0 },
    );
    let size = JobberCustomValue::Dropdown("Small".to_owned());
    for of in [
        field("Gate code", text("none")),
        field("Trees", JobberCustomValue::Numeric(0.0)),
        field("Dog", JobberCustomValue::TrueFalse(false)),
        field("Size", size).with_options(["Small", "Large"]),
        field("Plan", link),
        field("Lawn", area),
    ] {
        office.sim.create_custom_field(of);
    }
    let fields = ["Gate code", "Trees", "Dog", "Size", "Plan", "Lawn"];
    let names: Vec<String> = fields.iter().map(|of| format!("customFields.{of}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let schema = office.jobber.schema(&object("clients")).await.unwrap();
    let types = names.iter().map(|of| schema.field(&name(of)).unwrap().field_type.clone());
    let options = vec!["Small".to_owned(), "Large".to_owned()];
    assert_eq!(
        types.collect::<Vec<_>>(),
        [
            FieldType::Text,
            FieldType::Decimal,
            FieldType::Bool,
            FieldType::Choice { options },
            FieldType::Map,
            FieldType::Map
        ]
    );
    let values = [
        Value::from("42"),
        decimal("12.5"),
        Value::Bool(true),
        Value::Choice("Large".to_owned()),
        map([("text", "Plan".into()), ("url", "https://x.example".into())]),
        map([("length", decimal("10")), ("width", decimal("2.5"))]),
    ];
    let mut written = vec![("firstName", Value::from("Ann"))];
    written.extend(names.iter().copied().zip(values.clone()));
    let id = office.make("clients", &written).await;
    for (read, value) in office.values("clients", &id, &names).await.iter().zip(&values) {
        assert!(read.equivalent(value, &FieldType::Map), "{read:?} {value:?}");
    }
    office.edit("clients", &id, &[("customFields.Gate code", Value::Null)]).await;
    assert_eq!(office.values("clients", &id, &["customFields.Gate code"]).await, ["".into()]);
    let clear = [("customFields.Trees", Value::Null)];
    let (fields, _) = refusal(&office.write("clients", update(&id), &clear).await);
    assert_eq!(fields, ["customFields.Trees"]);
}

/// Its value is the default that people see, and has no id: it is nobody's.
#[tokio::test]
async fn a_custom_field_that_was_never_set_is_blank_and_a_hidden_list_is_absent() {
    let office = Office::open().await;
    let gate = office.sim.create_custom_field(field("Gate code", text("none")));
    let id = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    assert_eq!(office.values("clients", &id, &["customFields.Gate code"]).await, [Value::Null]);
    office.sim.edit_client(&id, |ann| drop(ann.custom_fields.insert(gate, text("none"))));
    assert_eq!(office.values("clients", &id, &["customFields.Gate code"]).await, ["none".into()]);
    office.sim.hide_field("Client", "customFields");
    let hidden = office.fetch("clients", &[&id], &["customFields.Gate code"]).await;
    assert_eq!(hidden, [fluxcascade_core::model::State::OutOfScope], "it can not be null");
    let fresh = Office::open().await;
    fresh.sim.hide_field("Query", "customFieldConfigurations");
    fresh.sim.create_custom_field(field("Gate code", text("none")));
    let schema = fresh.jobber.schema(&object("clients")).await.unwrap();
    assert!(schema.fields.iter().all(|of| !of.name.as_str().starts_with("customFields")));
    assert!(schema.field(&name("firstName")).is_some(), "what the app may see is there");
}

/// P4: not blank, also while the schema that was read before is kept, and nothing else stands still.
#[tokio::test]
async fn a_custom_field_that_was_archived_or_renamed_is_absent_and_the_other_fields_go_on() {
    let archive: fn(&mut JobberCustomField) = |of| of.archived = true;
    let rename: fn(&mut JobberCustomField) = |of| of.name = "Code".to_owned();
    for (edit, at_once) in [(archive, true), (rename, false)] {
        let office = Office::open().await;
        let gate = office.sim.create_custom_field(field("Gate code", text("")));
        let fields = ["customFields.Gate code", "firstName"];
        let id =
            office.make("clients", &[(fields[0], "42".into()), (fields[1], "Ann".into())]).await;
        office.advance(60);
        let (_, next) = office.pass("clients", &fields, Position::Start).await;
        office.sim.edit_custom_field(&gate, edit);
        office.advance(60);
        office.sim.edit_client(&id, |ann| ann.last_name = "Lee".to_owned());
        if !at_once {
            // By its configuration's id it is still known until the schema is read anew.
            assert_eq!(office.values("clients", &id, &fields).await[0], "42".into());
            office.advance(3600);
        }
        let is_absent = |values: &Values| {
            assert!(values.slots()[0].is_absent(), "{values:?}");
            assert!(!values.slots()[1].is_absent(), "{values:?}");
        };
        let (seen, _) = office.pass("clients", &fields, next).await;
        is_absent(seen[0].values().unwrap());
        let state = office.fetch("clients", &[&id], &fields).await.remove(0);
        let State::Known { values, .. } = state else { panic!("{state:?}") };
        is_absent(&values);

        let both = [(fields[0], "43".into()), (fields[1], "Bea".into())];
        let (refused, words) = refusal(&office.write("clients", update(&id), &both).await);
        assert_eq!(refused, [fields[0]]);
        assert!(words.contains("archived, renamed or hidden"), "{words}");
        office.edit("clients", &id, &both[1..]).await;
        assert_eq!(office.sim.client(&id).unwrap().first_name, "Bea");

        // It may come back, so that it is not said that nobody is ever looked up by it.
        let (object, projection) = (object("clients"), Projection::new([]));
        let (field, values) = (name(fields[0]), vec!["42".into()]);
        let request = FindRequest { object, projection, field: field.clone(), values };
        let error = office.jobber.find(request).await.unwrap_err();
        assert!(!error.is_no_look_up(&field), "{error}");
    }
}

#[tokio::test]
async fn the_schema_is_asked_for_once_an_hour() {
    let office = Office::open().await;
    let asked = async |office: &Office| {
        office.jobber.schema(&object("clients")).await.unwrap();
        office.jobber.requests().of("schema")
    };
    let first = asked(&office).await;
    assert_eq!(asked(&office).await, first);
    office.advance(3599);
    assert_eq!(asked(&office).await, first);
    office.advance(2);
    assert!(asked(&office).await > first);
}

#[tokio::test]
async fn the_field_for_the_other_sides_ids_is_made_once_and_found_again() {
    let office = Office::open().await;
    let wanted = |of: &str| ExternalIdField {
        object: object(of),
        field: name("hubspot_id"),
        label: "HubSpot id".to_owned(),
    };
    let provisioner = office.jobber.extensions().provisioner.unwrap();
    let made = provisioner.ensure_external_id_field(wanted("clients")).await.unwrap();
    assert_eq!(made.name.as_str(), "customFields.HubSpot id");
    assert!(!made.read_only, "people cannot edit it, the app that made it can");
    let again = provisioner.ensure_external_id_field(wanted("clients")).await.unwrap();
    assert_eq!(again, made);
    let sent = office.sim.requests();
    let creates = sent.iter().filter(|one| one.body.contains("customFieldConfigurationCreateText"));
    let creates: Vec<_> = creates.collect();
    assert_eq!(creates.len(), 1);
    let body = &creates[0].body;
    assert!(
        body.contains("\"transferable\":false") && body.contains("\"readOnly\":true"),
        "{body}"
    );

    let fields = [("firstName", "Ann".into()), ("customFields.HubSpot id", "301".into())];
    let id = office.make("clients", &fields).await;
    office.advance(60);
    let request = FindRequest {
        object: object("clients"),
        projection: Projection::new([]),
        field: made.name.clone(),
        values: vec!["301".into()],
    };
    let found = office.jobber.find(request).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].observation.record.as_str(), id);

    let error = provisioner.ensure_external_id_field(wanted("requests")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
}

#[tokio::test]
async fn a_field_of_the_same_name_that_cannot_hold_ids_is_told() {
    let office = Office::open().await;
    let mut of = field("HubSpot id", JobberCustomValue::Numeric(0.0));
    of.created_by_this_app = true;
    office.sim.create_custom_field(of);
    let wanted = ExternalIdField {
        object: object("clients"),
        field: name("hubspot_id"),
        label: "HubSpot id".to_owned(),
    };
    let provisioner = office.jobber.extensions().provisioner.unwrap();
    let error = provisioner.ensure_external_id_field(wanted).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(error.message.contains("another label"), "{error}");
}

/// Jobber lists no endpoints: an id that nobody is told is lost.
#[tokio::test]
async fn a_topic_that_others_have_or_whose_answer_is_lost_is_named_with_the_ids_that_were_made() {
    let office = Office::open().await;
    let wanted = |url: &str| SubscribeRequest {
        object: object("clients"),
        fields: Vec::new(),
        url: url.to_owned(),
    };
    let subscriptions = office.jobber.extensions().subscriptions.unwrap();
    let lost = FaultRule::new(When::Always, Effect::LostAnswer).body("CLIENT_UPDATE");
    office.sim.add_fault(lost);
    let error = subscriptions.subscribe(wanted("http://127.0.0.1/hooks")).await.unwrap_err();
    assert!(error.message.contains("CLIENT_UPDATE; it may be there"), "{error}");
    assert!(error.message.contains("keep their ids: CLIENT_CREATE is "), "{error}");
    office.sim.clear_faults();
    let error = subscriptions.subscribe(wanted("http://127.0.0.1/hooks")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(error.message.contains("refused the webhook for CLIENT_UPDATE"), "{error}");
    assert!(error.message.contains("CLIENT_CREATE is "), "{error}");
    assert!(error.message.contains("CLIENT_DESTROY is "), "{error}");
    let sent = office.sim.requests();
    let creates = sent.iter().filter(|one| one.body.contains("CLIENT_CREATE")).count();
    assert_eq!(creates, 2, "that it is there is Jobber's to say");
    let ended = sent.iter().filter(|one| one.body.contains("webhookEndpointDelete")).count();
    assert_eq!(ended, 0);
}

#[tokio::test]
async fn an_account_that_is_let_go_of_is_told_so() {
    let office = Office::open().await;
    office.jobber.disconnect().await.unwrap();
    let sent = office.sim.requests();
    assert!(sent[0].body.contains("appDisconnect"), "{}", sent[0].body);
    office.sim.add_fault(FaultRule::new(When::Always, Effect::Status(503)));
    assert_eq!(office.jobber.disconnect().await.unwrap_err().kind, ErrorKind::Transient);
    office.sim.clear_faults();
    office.sim.add_fault(FaultRule::new(When::Always, Effect::Status(401)));
    let error = office.jobber.disconnect().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth, "a token that is not taken is no account that let go");
}

#[tokio::test]
async fn what_is_subscribed_is_sent_signed_and_names_its_record_until_it_is_ended() {
    let office = Office::with(JobberOptions::default(), 50).await;
    let host = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&host).await;
    let extensions = office.jobber.extensions();
    let subscriptions = extensions.subscriptions.unwrap();
    let wanted = |of: &str| SubscribeRequest {
        object: object(of),
        fields: Vec::new(),
        url: format!("{}/hooks", host.uri()),
    };
    let mut made = subscriptions.subscribe(wanted("clients")).await.unwrap();
    made.extend(subscriptions.subscribe(wanted("properties")).await.unwrap());
    let topics: Vec<&str> = made.iter().map(|of| of.topic.as_str()).collect();
    assert_eq!(topics[..3], ["CLIENT_CREATE", "CLIENT_UPDATE", "CLIENT_DESTROY"]);
    assert_eq!(topics.len(), 6);
    assert_eq!(subscriptions.subscriptions().await.unwrap(), None, "Jobber lists none");

    let client = office.sim.create_client(JobberClient::person("Ann", "Lee"));
    let property = office.sim.create_property(&client, JobberProperty::default()).unwrap();
    office.edit("clients", &client, &[("firstName", "Bea".into())]).await;
    office.sim.delete_client(&client);
    office.sim.deliver().await;
    let webhooks = extensions.webhooks.unwrap();
    let account = office.jobber.account().await.unwrap().id;
    let mut told = Vec::new();
    for request in host.received_requests().await.unwrap() {
        let headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (method, url) = ("POST", "http://127.0.0.1/hooks");
        let received = office.sim.now();
        let delivery = Delivery { method, url, headers: &headers, body: &request.body, received };
        for notice in webhooks.read(&delivery).unwrap() {
            assert_eq!(notice.account, account);
            told.push((notice.object.to_string(), notice.record.to_string()));
        }
        let mut forged = request.body.clone();
        forged.push(b' ');
        assert!(webhooks.read(&Delivery { body: &forged, ..delivery }).is_err());
    }
    let of = |object: &str, id: &str| (object.to_owned(), id.to_owned());
    let count = |one: &(String, String)| told.iter().filter(|told| *told == one).count();
    assert_eq!(count(&of("clients", &client)), 4, "{told:?}");
    assert_eq!(count(&of("properties", &property)), 2, "{told:?}");

    let again = subscriptions.subscribe(wanted("clients")).await.unwrap();
    assert_eq!(again, made[..3], "what is there already is left as it is");
    for _ in 0..2 {
        subscriptions.unsubscribe(&made).await.unwrap();
    }
    let before = host.received_requests().await.unwrap().len();
    office.sim.create_client(JobberClient::person("Cy", "Lee"));
    office.clock.advance(Duration::from_secs(60));
    office.sim.deliver().await;
    assert_eq!(host.received_requests().await.unwrap().len(), before);
}
