//! What is known of object types, and how long: their properties come and go.

use fluxcascade_core::connector::FetchRequest;
use fluxcascade_core::model::Slot;

use super::*;

const CUSTOM: &str = "/crm/v3/properties/2-7";

/// What a read of the first contact shows of these fields.
async fn slots(bench: &Bench, fields: &[&str]) -> Vec<Slot> {
    let (object, projection) = (contacts(), projection(fields));
    let request = FetchRequest { object, projection, records: vec![id("1")] };
    let seen = bench.hubspot.fetch(request).await.unwrap();
    seen[0].values().unwrap().slots().to_vec()
}

/// The properties without this one.
fn without(gone: &str) -> Json {
    let mut list = properties();
    list["results"].as_array_mut().unwrap().retain(|property| property["name"] != gone);
    list
}

/// HubSpot gives blanks as null in some answers, and leaves them out of others.
#[tokio::test]
async fn where_blanks_are_null_a_property_that_is_not_there_is_hidden_and_not_blank() {
    let bench = Bench::new().await;
    let asked = ["email", "firstname", "phone"];
    let mut one = contact(1, "a@x.io", "A");
    one["properties"]["firstname"] = Json::Null;
    bench.once("POST", READ, ok(rows(&[one]))).await;
    let shown = [Value::from("a@x.io").into(), Value::Null.into(), Slot::Absent];
    assert_eq!(slots(&bench, &asked).await, shown);
    assert_eq!(bench.hubspot.requests().of("schema"), 1, "nothing more is asked for");
    bench.once("POST", READ, ok(rows(&[contact(1, "a@x.io", "A")]))).await;
    assert_eq!(slots(&bench, &asked).await[2], Value::Null.into(), "left out, and it exists");
}

/// Else it would be hidden, blank, and hidden again as its other fields are cleared and filled.
#[tokio::test]
async fn a_hidden_property_is_not_blank_where_all_others_are_filled() {
    let bench = Bench::new().await;
    let mut whole = contact(1, "a@x.io", "A");
    whole["properties"]["hs_merged_object_ids"] = Json::Null;
    bench.answer("POST", READ, rows(&[whole])).await;
    let shown = [Value::from("a@x.io").into(), Value::from("A").into(), Slot::Absent];
    assert_eq!(slots(&bench, &["email", "firstname", "phone"]).await, shown);
}

/// Without this its values would be blanked on the other side.
#[tokio::test]
async fn a_property_that_was_archived_since_the_properties_were_read_is_absent_and_not_blank() {
    let bench = Bench::new().await;
    bench.answer("POST", READ, rows(&[contact(1, "a@x.io", "A")])).await;
    assert_eq!(slots(&bench, &["phone"]).await, [Value::Null.into()]);
    bench.once("GET", PROPERTIES, ok(without("phone"))).await;
    assert_eq!(slots(&bench, &["phone"]).await, [Slot::Absent], "in the same second");
    assert_eq!(slots(&bench, &["phone"]).await, [Slot::Absent], "and from then on");
}

#[tokio::test]
async fn an_object_type_that_hangs_holds_no_other_one_up() {
    let bench = Bench::new().await;
    bench.answer("POST", READ, rows(&[contact(1, "a@x.io", "A")])).await;
    let schemas = json!({ "results": [{ "objectTypeId": "2-7", "name": "cars" }] });
    bench.answer("GET", "/crm-object-schemas/v3/schemas", schemas).await;
    let slow = ok(properties()).set_delay(Duration::from_secs(20));
    bench.say("GET", CUSTOM, slow).await;
    let cars = ObjectType::new("2-7").unwrap();
    let hanging = bench.hubspot.schema(&cars);
    let other = async {
        while !bench.requests().await.iter().any(|request| request.url.path() == CUSTOM) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        slots(&bench, &["email"]).await
    };
    tokio::select! {
        biased;
        shown = other => assert_eq!(shown, [Value::from("a@x.io").into()]),
        _ = hanging => panic!("contacts waited for cars"),
    }
}

#[tokio::test]
async fn properties_are_asked_for_once_by_all_who_wait_for_them() {
    let bench = Bench::new().await;
    bench.answer("POST", READ, rows(&[contact(1, "a@x.io", "A")])).await;
    futures::future::join_all((0..5).map(|_| slots(&bench, &["email"]))).await;
    assert_eq!(bench.hubspot.requests().of("schema"), 1);
}

#[tokio::test]
async fn properties_are_read_once_an_hour() {
    let bench = Bench::new().await;
    bench.answer("POST", READ, rows(&[contact(1, "a@x.io", "A")])).await;
    for minutes in [0, 30, 29] {
        bench.clock.advance(Duration::from_secs(minutes * 60));
        slots(&bench, &["email"]).await;
    }
    assert_eq!(bench.hubspot.requests().of("schema"), 1);
    bench.clock.advance(Duration::from_secs(60));
    slots(&bench, &["email"]).await;
    assert_eq!(bench.hubspot.requests().of("schema"), 2);
}
