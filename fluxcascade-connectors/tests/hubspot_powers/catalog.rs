//! Properties that come and go while an account is used: what is gone is not known, and never blank.

use std::time::Duration;

use fluxcascade_core::connector::{Connector, ExternalIdField, Position};
use fluxcascade_core::model::{Slot, Value};

use super::bench::{Bench, LAG, applied, create, known, name, update};

/// Contacts with a text of the account's own, which Ann has something in and Bob has not.
async fn bench() -> (Bench, [String; 2]) {
    let bench = Bench::of("contacts", &["email", "nickname", "phone"]).await;
    let (object, label) = (bench.object.clone(), "Nickname".to_owned());
    let field = ExternalIdField { object, field: name("nickname"), label };
    let provisioner = bench.hubspot.extensions().provisioner.unwrap();
    provisioner.ensure_external_id_field(field).await.unwrap();
    let ann = [("email", "ann@x.io"), ("nickname", "Nan"), ("phone", "1")];
    let ann = bench.sim.seed_contact(ann).unwrap();
    let bob = bench.sim.seed_contact([("email", "bob@x.io"), ("phone", "2")]).unwrap();
    (bench, [ann, bob])
}

fn slots(seen: &[fluxcascade_core::model::Observation], at: usize) -> Vec<Slot> {
    seen.iter().map(|seen| seen.values().unwrap()[at].clone()).collect()
}

#[tokio::test]
async fn a_property_that_is_archived_or_hidden_is_absent_at_once_and_never_blank() {
    for (field, at) in [("nickname", 1), ("phone", 2)] {
        let (bench, [ann, bob]) = bench().await;
        let (_, next) = bench.follow(Position::Start).await;
        match field {
            "nickname" => bench.sim.archive_property("contacts", field).unwrap(),
            _ => bench.sim.hide_property("contacts", field).unwrap(),
        }
        assert_eq!(bench.slot(&ann, field).await, Slot::Absent, "by id");
        let (seen, _) = bench.follow(Position::Start).await;
        assert_eq!(slots(&seen, at), [Slot::Absent, Slot::Absent], "on a full read");
        for id in [&ann, &bob] {
            bench.sim.edit_contact(id, [("email", &format!("{id}@x.io"))]).unwrap();
        }
        bench.clock.advance(LAG);
        let (seen, _) = bench.follow(next).await;
        assert_eq!(known(&seen), [ann.clone(), bob].into());
        assert_eq!(slots(&seen, at), [Slot::Absent, Slot::Absent], "in the changes");
        bench.sim.bring_back_property("contacts", field).unwrap();
        bench.clock.advance(Duration::from_secs(3600));
        assert!(!bench.slot(&ann, field).await.is_absent(), "and it is read again within an hour");
    }
}

#[tokio::test]
async fn what_is_looked_up_shows_no_blank_for_a_property_that_is_gone() {
    let (bench, [ann, _]) = bench().await;
    assert_eq!(bench.find("email", "ann@x.io").await, [ann]);
    bench.sim.archive_property("contacts", "nickname").unwrap();
    let (object, projection) = (bench.object.clone(), bench.projection.clone());
    let (field, values) = (name("email"), vec![Value::from("ann@x.io")]);
    let request = fluxcascade_core::connector::FindRequest { object, projection, field, values };
    let found = fluxcascade_core::Reader::find(&bench.hubspot, request).await.unwrap();
    assert_eq!(found[0].observation.values().unwrap()[1], Slot::Absent);
}

/// The simulator leaves blanks out, as HubSpot's guide to lists says: each read could be one of a property
/// that is gone.
#[tokio::test]
async fn blanks_that_are_left_out_cost_a_read_of_the_properties_for_an_answer_at_most() {
    let (bench, [ann, bob]) = bench().await;
    let blank = Slot::from(Value::Null);
    let [before] = bench.sent(&["schema"])[..] else { panic!() };
    assert!(!bench.slot(&ann, "nickname").await.is_absent());
    assert_eq!(bench.sent(&["schema"]), [before], "nothing is left out");
    for answers in 1..=3 {
        assert_eq!(bench.slot(&bob, "nickname").await, blank);
        assert_eq!(bench.sent(&["schema"]), [before + answers]);
    }
    // Where one record shows it, it is there.
    bench.follow(Position::Start).await;
    assert_eq!(bench.sent(&["schema"]), [before + 3]);
}

#[tokio::test]
async fn a_write_to_a_property_that_is_gone_is_refused_by_its_name_and_the_rest_is_written() {
    let (bench, [ann, _]) = bench().await;
    bench.follow(Position::Start).await;
    bench.sim.archive_property("contacts", "nickname").unwrap();
    let writes = vec![
        update(&ann, &[("nickname", "Nan"), ("phone", "3")]),
        create(&[("email", "cy@x.io"), ("phone", "4")]),
    ];
    let outcomes = bench.write(writes).await;
    let fluxcascade_core::connector::WriteOutcome::Rejected { fields, .. } = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(*fields, [name("nickname")]);
    applied(&outcomes[1]);
    assert_eq!(bench.sim.contact(&ann).unwrap().value("nickname"), "Nan");
}
