//! When properties were last changed.

use std::time::Duration;

use fluxcascade_core::connector::{Connector, FieldTime, FieldTimesRequest};
use fluxcascade_core::model::{RecordId, Timestamp};

use super::bench::{Bench, applied, name, update};

async fn times(bench: &Bench, records: &[&str], fields: &[&str]) -> Vec<Vec<FieldTime>> {
    let records = records.iter().map(|id| RecordId::new(*id).unwrap()).collect();
    let fields = fields.iter().map(|field| name(field)).collect();
    let request = FieldTimesRequest { object: bench.object.clone(), records, fields };
    bench.hubspot.extensions().field_history.unwrap().field_times(request).await.unwrap()
}

fn told(times: &[FieldTime]) -> Vec<(&str, Timestamp)> {
    times.iter().map(|time| (time.field.as_str(), time.modified.at)).collect()
}

#[tokio::test]
async fn each_property_has_the_time_of_its_last_change_and_a_cleared_one_of_its_clearing() {
    let bench = Bench::of("contacts", &["email", "firstname", "phone"]).await;
    let made = bench.sim.now();
    let given = [("email", "ann@x.io"), ("firstname", "Ann"), ("phone", "1")];
    let ann = bench.sim.seed_contact(given).unwrap();
    let bob = bench.sim.seed_contact([("email", "bob@x.io")]).unwrap();
    bench.clock.advance(Duration::from_secs(60));
    let renamed = bench.sim.now();
    bench.sim.edit_contact(&ann, [("firstname", "Anne")]).unwrap();
    bench.clock.advance(Duration::from_secs(60));
    let cleared = bench.sim.now();
    applied(&bench.write_one(update(&ann, &[("phone", "")])).await);
    let fields = ["phone", "firstname", "email", "associations.companies", "not_there"];
    let found = times(&bench, &[&bob, "424242", &ann, "no number", &bob], &fields).await;
    let of_ann = [("phone", cleared), ("firstname", renamed), ("email", made)];
    assert_eq!(told(&found[2]), of_ann);
    assert_eq!(told(&found[0]), [("email", made)], "what was never filled in has no time");
    assert_eq!((&found[0], found[1].len(), found[3].len()), (&found[4], 0, 0));
    assert_eq!(bench.sent(&["history"]), [1]);
}

#[tokio::test]
async fn histories_are_asked_for_fifty_records_at_a_time_and_only_if_there_may_be_some() {
    let bench = Bench::new().await;
    bench.sim.seed_people(120).unwrap();
    let ids: Vec<String> = bench.sim.contacts().into_iter().map(|contact| contact.id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = times(&bench, &ids, &["email"]).await;
    assert!(found.iter().all(|times| times.len() == 1));
    assert_eq!(bench.sent(&["history"]), [3]);
    times(&bench, &ids, &["associations.companies"]).await;
    assert_eq!(bench.sent(&["history"]), [3]);
}
