//! Associations as fields: what they show, and what it takes to make them show something else.

use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::connector::{ErrorKind, WriteOutcome};
use fluxcascade_core::model::{Slot, Value};

use super::bench::{Bench, DEAL, applied, change, name, texts, to, to_all, write};

const ALL: &str = "associations.companies";
const ONE: &str = "association.companies";

/// A contact, and three companies.
async fn bench() -> (Bench, String, [String; 3]) {
    let bench = Bench::of("contacts", &["email", "firstname", ALL, ONE]).await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let companies =
        ["Oak", "Elm", "Ash"].map(|name| bench.sim.seed("companies", [("name", name)]).unwrap());
    (bench, ann, companies)
}

fn tied(bench: &Bench, ann: &str) -> Vec<(String, bool)> {
    bench.sim.associated(("contacts", ann), "companies")
}

fn refused(outcome: &WriteOutcome, words: &str) -> String {
    let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(error.message.contains(words), "{error}");
    fields[0].to_string()
}

#[tokio::test]
async fn a_field_of_one_shows_the_only_one_or_the_primary_one_and_is_absent_among_several() {
    let (bench, ann, [oak, elm, _]) = bench().await;
    assert_eq!(bench.slot(&ann, ALL).await, Slot::from(Value::Null));
    assert_eq!(bench.slot(&ann, ONE).await, Slot::from(Value::Null));
    bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    assert_eq!(bench.slot(&ann, ONE).await, to("companies", &oak).into());
    bench.sim.associate(("contacts", &ann), ("companies", &elm)).unwrap();
    assert_eq!(bench.slot(&ann, ONE).await, Slot::Absent, "nothing is decided");
    assert_eq!(bench.slot(&ann, ALL).await, to_all("companies", &[&oak, &elm]).into());
    bench.sim.associate_primary(("contacts", &ann), ("companies", &elm)).unwrap();
    assert_eq!(bench.slot(&ann, ONE).await, to("companies", &elm).into());
}

#[tokio::test]
async fn associations_are_read_only_if_they_are_asked_for_and_for_all_records_at_once() {
    let (mut bench, ann, [oak, ..]) = bench().await;
    bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    bench.sim.seed_people(99).unwrap();
    let (seen, _) = bench.follow(fluxcascade_core::connector::Position::Start).await;
    assert_eq!(seen.len(), 100);
    assert!(seen.iter().all(|seen| !seen.values().unwrap()[2].is_absent()));
    assert_eq!(bench.sent(&["list", "associations"]), [2, 1], "both fields by one request");
    bench.look_at("contacts", &["email"]);
    bench.follow(fluxcascade_core::connector::Position::Start).await;
    assert_eq!(bench.sent(&["list", "associations"]), [4, 1]);
}

#[tokio::test]
async fn a_set_is_made_to_be_what_is_written_and_labels_of_the_others_stay() {
    let (bench, ann, [oak, elm, ash]) = bench().await;
    bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    bench.sim.associate_primary(("contacts", &ann), ("companies", &elm)).unwrap();
    let set = to_all("companies", &[&elm, &ash]);
    let outcome = bench.write_one(change(&ann, &[(ALL, set.clone())])).await;
    assert_eq!(applied(&outcome), ann);
    let WriteOutcome::Applied { values, .. } = outcome else { unreachable!() };
    assert_eq!(values, None, "it is read back");
    assert_eq!(tied(&bench, &ann), [(elm.clone(), true), (ash.clone(), false)]);
    assert_eq!(bench.slot(&ann, ALL).await, set.clone().into());
    let counted = bench.sent(&["update", "associate"]);
    applied(&bench.write_one(change(&ann, &[(ALL, set)])).await);
    assert_eq!(bench.sent(&["update", "associate"]), counted, "it is so already");
    applied(&bench.write_one(change(&ann, &[(ALL, Value::Null)])).await);
    assert_eq!(tied(&bench, &ann), []);
}

#[tokio::test]
async fn a_field_of_one_becomes_primary_where_there_is_such_a_label() {
    let (bench, ann, [oak, elm, _]) = bench().await;
    bench.sim.associate_primary(("contacts", &ann), ("companies", &oak)).unwrap();
    bench.sim.associate(("contacts", &ann), ("companies", &elm)).unwrap();
    let outcome = bench.write_one(change(&ann, &[(ONE, to("companies", &elm))])).await;
    assert_eq!(applied(&outcome), ann);
    assert_eq!(tied(&bench, &ann), [(oak.clone(), false), (elm.clone(), true)]);
    assert_eq!(bench.slot(&ann, ONE).await, to("companies", &elm).into());
    // Both are associated: blank is not what the field would show.
    let cleared = bench.write_one(change(&ann, &[(ONE, Value::Null)])).await;
    assert_eq!(refused(&cleared, "would not show its value"), ONE);
    assert_eq!(tied(&bench, &ann).len(), 2);
    bench.sim.dissociate(("contacts", &ann), ("companies", &oak)).unwrap();
    applied(&bench.write_one(change(&ann, &[(ONE, Value::Null)])).await);
    assert_eq!(tied(&bench, &ann), []);
}

#[tokio::test]
async fn a_company_that_is_written_and_replaced_and_cleared_leaves_no_association() {
    let (bench, ann, [oak, elm, ash]) = bench().await;
    for company in [&oak, &elm, &ash, &oak] {
        applied(&bench.write_one(change(&ann, &[(ONE, to("companies", company))])).await);
        assert_eq!(tied(&bench, &ann), [(company.clone(), true)]);
        assert_eq!(bench.slot(&ann, ONE).await, to("companies", company).into());
    }
    applied(&bench.write_one(change(&ann, &[(ONE, Value::Null)])).await);
    assert_eq!(tied(&bench, &ann), []);
    assert_eq!(bench.slot(&ann, ONE).await, Slot::from(Value::Null));
    // The end of the former one gets lost: the record is with the new one, and that it is not whole is said.
    applied(&bench.write_one(change(&ann, &[(ONE, to("companies", &oak))])).await);
    let rule = FaultRule::new(When::Always, Effect::LostRequest).path("*/batch/archive");
    bench.sim.add_fault(rule);
    let outcome = bench.write_one(change(&ann, &[(ONE, to("companies", &elm))])).await;
    assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(tied(&bench, &ann), [(oak, false), (elm, true)]);
}

#[tokio::test]
async fn a_field_of_one_takes_the_place_of_the_only_one_where_there_is_no_label() {
    let (mut bench, ann, _) = bench().await;
    let bob = bench.sim.seed_contact([("email", "bob@x.io")]).unwrap();
    let deal = bench.sim.seed("deals", DEAL).unwrap();
    let field = "association.contacts";
    bench.look_at("deals", &["dealname", field, "associations.contacts"]);
    for contact in [&ann, &bob] {
        applied(&bench.write_one(change(&deal, &[(field, to("contacts", contact))])).await);
        let tied = bench.sim.associated(("deals", &deal), "contacts");
        assert_eq!(tied, [(contact.clone(), false)]);
    }
    bench.sim.associate(("deals", &deal), ("contacts", &ann)).unwrap();
    let third = bench.sim.seed_contact([("email", "cy@x.io")]).unwrap();
    let before = bench.hubspot.requests().of("update");
    let both = [("dealname", Value::from("Gate")), (field, to("contacts", &third))];
    let outcome = bench.write_one(change(&deal, &both)).await;
    assert_eq!(refused(&outcome, "write `associations.contacts`"), field);
    assert_eq!(bench.hubspot.requests().of("update"), before, "nothing of it was sent");
    assert_eq!(bench.sim.record("deals", &deal).unwrap().value("dealname"), "Fence");
}

#[tokio::test]
async fn a_create_is_whole_with_its_associations() {
    let (mut bench, ann, [oak, elm, _]) = bench().await;
    bench.look_at("deals", &["dealname", "association.companies", "associations.contacts"]);
    let mut fields = texts(&DEAL);
    fields.push(("association.companies", to("companies", &elm)));
    fields.push(("associations.contacts", to_all("contacts", &[&ann])));
    let action = fluxcascade_core::connector::WriteAction::Create;
    let deal = applied(&bench.write_one(write(action.clone(), &fields)).await);
    assert_eq!(bench.sim.associated(("deals", &deal), "companies"), [(elm, true)]);
    assert_eq!(bench.sim.associated(("deals", &deal), "contacts"), [(ann, false)]);
    assert_eq!(bench.sent(&["create", "associate", "associations"]), [1, 0, 0]);
    // A company that is not there: no deal is made, and the field is named.
    bench.sim.archive("companies", &oak).unwrap();
    fields[3] = ("association.companies", to("companies", &oak));
    let outcome = bench.write_one(write(action, &fields)).await;
    let WriteOutcome::Rejected { fields, error } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(fields.contains(&name("association.companies")), "{fields:?}");
    assert_eq!(bench.sim.records("deals").len(), 1);
}

#[tokio::test]
async fn what_is_no_reference_to_such_a_record_is_refused_before_anything_is_sent() {
    let (bench, ann, [oak, elm, _]) = bench().await;
    let sent = bench.sim.requests().len();
    let two = to_all("companies", &[&oak, &elm]);
    for (field, value, words) in [
        (ALL, to_all("contacts", &[&ann]), "no reference to companies"),
        (ONE, Value::from(oak.as_str()), "no reference to companies"),
        (ONE, to("companies", "oak"), "no reference to companies"),
        (ONE, two, "no reference to companies"),
    ] {
        assert_eq!(refused(&bench.write_one(change(&ann, &[(field, value)])).await, words), field);
    }
    let both = [(ALL, to_all("companies", &[&oak])), (ONE, to("companies", &oak))];
    refused(&bench.write_one(change(&ann, &both)).await, "write one");
    // The schema alone was asked for.
    assert_eq!(bench.sim.requests().len(), sent + 1);
}

#[tokio::test]
async fn a_company_that_is_gone_refuses_the_field_and_not_the_others() {
    let (bench, ann, [oak, elm, _]) = bench().await;
    let bob = bench.sim.seed_contact([("email", "bob@x.io")]).unwrap();
    bench.sim.archive("companies", &oak).unwrap();
    let set = |id: &str| (ALL, to_all("companies", &[id]));
    let outcomes = bench.write(vec![change(&ann, &[set(&oak)]), change(&bob, &[set(&elm)])]).await;
    let WriteOutcome::Rejected { fields, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(*fields, [name(ALL)]);
    assert_eq!(applied(&outcomes[1]), bob);
    assert_eq!(tied(&bench, &bob), [(elm, false)]);
}

#[tokio::test]
async fn what_is_partly_done_is_unknown_and_never_said_to_be_applied() {
    for effect in [Effect::LostAnswer, Effect::LostRequest, Effect::DoneThenStatus(500)] {
        let (bench, ann, [oak, elm, _]) = bench().await;
        bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
        let rule = FaultRule::new(When::Always, effect).path("*/companies/batch/*");
        let rule = FaultRule { method: Some("POST".to_owned()), ..rule };
        let lose = |part: &str| FaultRule { path: Some(format!("*/{part}")), ..rule.clone() };
        // Properties are written, and then the associations get lost.
        bench.sim.add_fault(lose("batch/associate/default"));
        let set = to_all("companies", &[&oak, &elm]);
        let fields = [("firstname", Value::from("Ann")), (ALL, set.clone())];
        let outcome = bench.write_one(change(&ann, &fields)).await;
        assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{effect:?}: {outcome:?}");
        assert_eq!(bench.sim.contact(&ann).unwrap().value("firstname"), "Ann");
        bench.sim.clear_faults();
        applied(&bench.write_one(change(&ann, &fields)).await);
        assert_eq!(bench.slot(&ann, ALL).await, set.into());
        // One is made, and the end of the other gets lost: nothing is without a company.
        bench.sim.add_fault(lose("batch/archive"));
        let outcome = bench.write_one(change(&ann, &[(ALL, to_all("companies", &[&elm]))])).await;
        assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{effect:?}: {outcome:?}");
        assert!(tied(&bench, &ann).contains(&(elm, false)));
    }
}

#[tokio::test]
async fn what_is_refused_after_a_part_was_done_is_unknown_and_by_itself_it_is_refused() {
    let (bench, ann, [oak, elm, _]) = bench().await;
    bench.sim.archive("companies", &oak).unwrap();
    let half = (ALL, to_all("companies", &[&oak, &elm]));
    let fields = [("firstname", Value::from("Ann")), (ALL, to_all("companies", &[&oak]))];
    for fields in [&fields[..], std::slice::from_ref(&half)] {
        let outcome = bench.write_one(change(&ann, fields)).await;
        let WriteOutcome::Unknown(error) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind, ErrorKind::Validation);
    }
    assert_eq!(bench.sim.contact(&ann).unwrap().value("firstname"), "Ann");
    assert_eq!(tied(&bench, &ann), [(elm, false)]);
    // Now nothing but that is left to do.
    let WriteOutcome::Rejected { fields, .. } = bench.write_one(change(&ann, &[half])).await else {
        panic!("not refused")
    };
    assert_eq!(fields, [name(ALL)]);
}

#[tokio::test]
async fn what_a_new_record_is_to_be_associated_with_is_tried_again_while_there_is_time() {
    for effect in [Effect::LostRequest, Effect::LostAnswer, Effect::Status(503), Effect::Limit] {
        let (bench, _, [oak, ..]) = bench().await;
        let mut fields = texts(&[("email", "new@x.io")]);
        fields.push((ALL, to_all("companies", &[&oak])));
        // It is there already, so that HubSpot takes its associations by themselves.
        let cy = bench.sim.seed_contact([("email", "new@x.io")]).unwrap();
        for part in ["associate/default", "companies/batch/read"] {
            let rule = FaultRule::new(When::Next(2), effect).path(format!("*/{part}"));
            bench.sim.add_fault(rule);
        }
        let by = fluxcascade_core::connector::WriteAction::Upsert { by: name("email") };
        assert_eq!(applied(&bench.write_one(write(by, &fields)).await), cy, "{effect:?}");
        assert_eq!(tied(&bench, &cy), [(oak, false)], "{effect:?}");
    }
}

#[tokio::test]
async fn an_upsert_whose_association_got_lost_is_unknown_and_whole_when_it_is_sent_again() {
    let (bench, _, [oak, ..]) = bench().await;
    let mut fields = texts(&[("email", "new@x.io"), ("firstname", "Ann")]);
    fields.push((ALL, to_all("companies", &[&oak])));
    let by = || fluxcascade_core::connector::WriteAction::Upsert { by: name("email") };
    let cy = bench.sim.seed_contact([("email", "new@x.io")]).unwrap();
    let rule = FaultRule::new(When::Always, Effect::LostRequest).path("*/associate/default");
    bench.sim.add_fault(rule);
    let outcome = bench.write_one(write(by(), &fields)).await;
    assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{outcome:?}");
    bench.sim.clear_faults();
    assert_eq!(applied(&bench.write_one(write(by(), &fields)).await), cy);
    assert_eq!(tied(&bench, &cy), [(oak, false)]);
}

#[tokio::test]
async fn a_read_of_associations_that_fails_sends_nothing() {
    let (bench, ann, [oak, ..]) = bench().await;
    let gone = FaultRule::new(When::Always, Effect::Status(503)).path("*/companies/batch/read");
    bench.sim.add_fault(gone);
    let fields = [("firstname", Value::from("Ann")), (ALL, to_all("companies", &[&oak]))];
    let outcome = bench.write_one(change(&ann, &fields)).await;
    assert!(matches!(outcome, WriteOutcome::NotSent(_)), "{outcome:?}");
    assert_eq!(bench.sim.contact(&ann).unwrap().value("firstname"), "");
}

#[tokio::test]
async fn more_than_a_page_of_associations_of_one_record_is_read_whole() {
    let (mut bench, _, [oak, ..]) = bench().await;
    bench.sim.seed_people(1_100).unwrap();
    for contact in bench.sim.contacts() {
        bench.sim.associate(("companies", &oak), ("contacts", &contact.id)).unwrap();
    }
    bench.look_at("companies", &["name", "associations.contacts"]);
    let Slot::Present(Value::Set(all)) = bench.slot(&oak, "associations.contacts").await else {
        panic!("no set")
    };
    assert_eq!(all.len(), 1_101);
    assert_eq!(bench.sent(&["associations"]), [3]);
}
