//! The traps of HubSpot's API, one test each, named after it: the adapter against the simulated portal,
//! which sets them all.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

use std::time::Duration;

use fluxcascade_connectors::hubspot::HubSpotLimits;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, Limits, MergedId};
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::Timestamp;
use fluxcascade_core::connector::{
    ChangesRequest, Connector, ErrorKind, Position, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{RecordId, Slot, State, Value};
use fluxcascade_core::{Clock, Reader};

#[path = "hubspot_bench/bench.rs"]
mod bench;

use bench::{
    Bench, DEAL, LAG, all, applied, change, create, known, merged_into, seen_of, text, to_all,
    update, write,
};

#[tokio::test]
async fn the_search_lags_and_the_look_back_makes_up_for_it() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io"), ("firstname", "Ann")]).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    bench.sim.edit_contact(&ann, [("firstname", "Anne")]).unwrap();
    let bob = bench.sim.create_contact([("email", "bob@x.io")]).unwrap();
    let (seen, next) = bench.follow(next).await;
    assert_eq!(known(&seen), [].into(), "the index is late");
    bench.clock.advance(LAG);
    let (seen, next) = bench.follow(next).await;
    assert_eq!(known(&seen), [ann.clone(), bob].into(), "the mark has passed, and they are seen");
    assert_eq!(text(seen_of(&seen, &ann).unwrap(), 1), "Anne");
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(next).await;
    assert_eq!(bench.follow(next).await.0.len(), 0, "and an hour later no more");
}

#[tokio::test]
async fn the_cap_of_ten_thousand_rows_hides_no_record() {
    let bench = Bench::new().await;
    let (_, next) = bench.follow(Position::Start).await;
    bench.clock.advance(Duration::from_secs(3600));
    for n in 0..10_050 {
        bench.sim.seed_contact([("phone", n.to_string())]).unwrap();
    }
    let (seen, _) = bench.follow(next).await;
    assert_eq!((seen.len(), known(&seen)), (10_050, all(&bench.sim, "contacts")));
}

#[tokio::test]
async fn ties_on_a_millisecond_are_all_seen() {
    let bench = Bench::new().await;
    let (_, next) = bench.follow(Position::Start).await;
    bench.clock.advance(Duration::from_secs(60));
    for n in 0..1000 {
        bench.sim.seed_contact([("email", format!("p{n}@example.com"))]).unwrap();
    }
    let (seen, _) = bench.follow(next).await;
    assert_eq!(seen.len(), 1000);
    assert_eq!(known(&seen), all(&bench.sim, "contacts"));
    assert_eq!(bench.hubspot.requests().of("search"), 10);
}

#[tokio::test]
async fn contacts_are_read_by_lastmodifieddate_and_all_others_by_hs_lastmodifieddate() {
    let mut bench = Bench::new().await;
    for (object, given) in [
        ("contacts", vec![("email", "ann@x.io")]),
        ("companies", vec![("name", "Oak")]),
        ("deals", DEAL.to_vec()),
        ("notes", vec![("hs_timestamp", "1772373600000")]),
        ("tasks", vec![("hs_timestamp", "1772373600000")]),
    ] {
        bench.look_at(object, &["hs_object_id"]);
        let (_, next) = bench.follow(Position::Start).await;
        bench.clock.advance(Duration::from_secs(3600));
        let id = bench.sim.create(object, given).unwrap();
        bench.clock.advance(LAG);
        assert_eq!(known(&bench.follow(next).await.0), [id].into(), "{object}");
    }
}

#[tokio::test]
async fn iso_and_epoch_times_in_one_answer_are_both_read() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["closedate", "hs_lifecyclestage_lead_date"]);
    let both =
        ["closedate", "hs_lifecyclestage_lead_date"].map(|p| (p, "2026-03-01T14:00:00.123Z"));
    let id = bench.sim.seed_contact(both).unwrap();
    let stored = bench.sim.contact(&id).unwrap();
    assert_eq!(stored.value("closedate"), "2026-03-01T14:00:00.123Z");
    assert_eq!(stored.value("hs_lifecyclestage_lead_date"), "1772373600123");
    let at = Slot::from(Value::Instant(Timestamp::from_millis(1_772_373_600_123)));
    for field in both {
        assert_eq!(bench.slot(&id, field.0).await, at);
    }
}

#[tokio::test]
async fn a_207_is_told_apart_whatever_its_order() {
    let bench = Bench::new().await;
    let taken = bench.sim.seed_contact([("email", "p7@x.io")]).unwrap();
    let writes = (0..40).map(|n| create(&[("email", &format!("p{n}@x.io"))])).collect();
    let outcomes = bench.write(writes).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        if n == 7 {
            assert_eq!(*outcome, WriteOutcome::Exists(RecordId::new(&taken).unwrap()));
            continue;
        }
        let stored = bench.sim.contact(&applied(outcome)).unwrap();
        assert_eq!(stored.value("email"), format!("p{n}@x.io"));
    }
    assert_eq!(bench.sim.requests().last().unwrap().status, Some(207));
}

#[tokio::test]
async fn duplicate_ids_in_a_batch_are_sent_one_after_the_other() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let bob = bench.sim.seed_contact([("email", "bob@x.io")]).unwrap();
    let outcomes = bench
        .write(vec![
            update(&ann, &[("firstname", "first")]),
            update(&bob, &[("firstname", "Bob")]),
            update(&ann, &[("firstname", "second")]),
        ])
        .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, WriteOutcome::Applied { .. })));
    assert_eq!(bench.sim.contact(&ann).unwrap().value("firstname"), "second");
    assert_eq!(bench.hubspot.requests().of("update"), 2);
}

#[tokio::test]
async fn a_merge_into_a_new_id_is_followed_from_both_old_ones() {
    let bench = Bench::of("deals", &["dealname", "amount"]).await;
    let deal =
        |name: &str| bench.sim.seed("deals", [("dealname", name), DEAL[1], DEAL[2]]).unwrap();
    let (one, other) = (deal("Fence"), deal("Gate"));
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    let merged = bench.sim.merge("deals", &one, &other).unwrap();
    assert!(merged != one && merged != other);
    for old in [&one, &other] {
        assert_eq!(bench.fetch(old).await, merged_into(&merged), "by id");
        let outcome = bench.write_one(update(old, &[("amount", "5")])).await;
        let WriteOutcome::Rejected { error, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind, ErrorKind::NotFound, "an old id is not written through");
    }
    bench.clock.advance(LAG);
    let (seen, _) = bench.follow(next).await;
    for old in [&one, &other] {
        assert_eq!(*seen_of(&seen, old).unwrap(), merged_into(&merged), "and in the changes");
    }
    assert_eq!(known(&seen), [merged].into());
}

#[tokio::test]
async fn what_was_merged_into_a_record_makes_no_page_longer_than_it_may_be() {
    let options = HubSpotOptions { merged_id: MergedId::Primary, ..bench::at_ease() };
    let bench = Bench::with(options).await;
    let person = |n: usize| bench.sim.seed_contact([("email", format!("p{n}@x.io"))]).unwrap();
    let people: Vec<String> = (0..14).map(person).collect();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    let survivor = &people[3];
    for loser in people.iter().take(12).filter(|id| *id != survivor) {
        bench.sim.merge_contacts(survivor, loser).unwrap();
    }
    bench.sim.edit_contact(&people[12], [("phone", "1")]).unwrap();
    bench.clock.advance(LAG);
    for limit in [1, 2, 5, 11, 12, 100] {
        for from in [Position::Start, next.clone()] {
            let (mut seen, mut position) = (Vec::new(), from.clone());
            loop {
                let (object, projection) = (bench.object.clone(), bench.projection.clone());
                let request = ChangesRequest { object, projection, position, limit };
                let page = bench.hubspot.changes(request).await.unwrap();
                assert!(page.observations.len() <= limit, "{} of {limit}", page.observations.len());
                seen.extend(page.observations);
                position = Position::After(page.cursor);
                if !page.more {
                    break;
                }
            }
            for loser in people.iter().take(12).filter(|id| *id != survivor) {
                let rows = seen.iter().filter(|row| row.record.as_str() == loser);
                assert_eq!(rows.count(), 1, "{loser} by pages of {limit}");
                assert_eq!(*seen_of(&seen, loser).unwrap(), merged_into(survivor));
            }
            let mut live = vec![survivor.clone(), people[12].clone()];
            live.extend((from == Position::Start).then(|| people[13].clone()));
            assert_eq!(known(&seen), live.into_iter().collect(), "by pages of {limit}");
            assert_eq!(seen.len(), 11 + known(&seen).len());
        }
    }
}

#[tokio::test]
async fn an_archive_moves_no_time_and_is_seen_by_id_and_on_the_archived_list() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let before = bench.sim.contact(&ann).unwrap().updated_at;
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    bench.sim.archive_contact(&ann).unwrap();
    assert_eq!(bench.sim.contact(&ann).unwrap().updated_at, before);
    bench.clock.advance(LAG);
    assert_eq!(bench.follow(next).await.0.len(), 0, "no incremental read can see it");
    assert!(matches!(bench.fetch(&ann).await, State::Archived(_)));
    let (full, _) = bench.follow(Position::Start).await;
    assert!(matches!(seen_of(&full, &ann), Some(State::Archived(_))));
    bench.sim.restore_contact(&ann).unwrap();
    assert_eq!(known(&bench.follow(Position::Start).await.0), [ann].into(), "nor does a restore");
}

#[tokio::test]
async fn an_association_change_moves_no_time_and_is_seen_by_id_and_by_a_full_read() {
    let bench = Bench::of("contacts", &["email", "associations.companies"]).await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let oak = bench.sim.seed("companies", [("name", "Oak")]).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    bench.clock.advance(LAG);
    assert_eq!(bench.follow(next).await.0.len(), 0, "no incremental read can see it");
    let tied = Slot::from(to_all("companies", &[&oak]));
    assert_eq!(bench.slot(&ann, "associations.companies").await, tied);
    let (full, _) = bench.follow(Position::Start).await;
    let State::Known { values, .. } = seen_of(&full, &ann).unwrap() else { panic!("{full:?}") };
    assert_eq!(values[1], tied);
    let schema = fluxcascade_core::Reader::schema(&bench.hubspot, &bench.object).await.unwrap();
    let field = schema.field(&bench::name("associations.companies")).unwrap();
    assert_eq!(field.seen_by, fluxcascade_core::model::SeenBy::Webhook, "and the schema says so");
}

#[tokio::test]
async fn a_field_is_cleared_by_an_empty_string_and_never_by_null() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io"), ("phone", "1")]).unwrap();
    let outcome = bench.write_one(change(&ann, &[("phone", Value::Null)])).await;
    applied(&outcome);
    assert_eq!(bench.sim.contact(&ann).unwrap().value("phone"), "");
    let sent = bench.sim.requests().last().unwrap().json();
    assert_eq!(sent["inputs"][0]["properties"]["phone"], "");
}

#[tokio::test]
async fn a_leading_semicolon_would_append_so_choices_are_written_whole() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["hs_buying_role"]);
    let roles = [("hs_buying_role", "END_USER;BUDGET_HOLDER")];
    let ann = bench.sim.seed_contact(roles).unwrap();
    let choices = |codes: &[&str]| {
        Value::Set(codes.iter().map(|code| Value::Choice((*code).to_owned())).collect())
    };
    let set = choices(&["", "DECISION_MAKER"]);
    applied(&bench.write_one(change(&ann, &[("hs_buying_role", set)])).await);
    assert_eq!(bench.sim.contact(&ann).unwrap().value("hs_buying_role"), "DECISION_MAKER");
    for bad in [";END_USER", "A;B"] {
        let one = change(&ann, &[("hs_buying_role", choices(&[bad]))]);
        let WriteOutcome::Rejected { fields, .. } = bench.write_one(one).await else { panic!() };
        assert_eq!(fields, [bench::name("hs_buying_role")]);
    }
    assert_eq!(bench.sim.contact(&ann).unwrap().value("hs_buying_role"), "DECISION_MAKER");
}

#[tokio::test]
async fn a_lifecyclestage_only_moves_forward_so_it_is_cleared_before_it_goes_back() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["lifecyclestage", "firstname"]);
    let ann = bench.sim.seed_contact([("lifecyclestage", "lead")]).unwrap();
    let bob = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    let to = |id: &str, stage: &str| update(id, &[("lifecyclestage", stage), ("firstname", "X")]);
    let outcomes = bench.write(vec![to(&ann, "customer"), to(&bob, "lead")]).await;
    for (id, outcome, stage) in [(&ann, &outcomes[0], "customer"), (&bob, &outcomes[1], "lead")] {
        assert_eq!(applied(outcome), *id);
        let stored = bench.sim.contact(id).unwrap();
        assert_eq!((stored.value("lifecyclestage"), stored.value("firstname")), (stage, "X"));
    }
    assert_eq!(bench.hubspot.requests().of("update"), 3, "one for both, then two for the one");
    let WriteOutcome::Applied { values, .. } = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(*values, None, "the first answer is out of date: it is read back");
}

/// A lifecycle stage that goes back takes two requests, and between them the record has none.
#[tokio::test]
async fn a_stage_that_was_cleared_is_set_again_while_there_is_time() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["lifecyclestage"]);
    let stage =
        |bench: &Bench, id: &str| bench.sim.contact(id).unwrap().value("lifecyclestage").to_owned();
    for effect in [Effect::LostAnswer, Effect::LostRequest, Effect::Status(503), Effect::Limit] {
        let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
        let back = update(&ann, &[("lifecyclestage", "lead")]);
        bench.sim.add_fault(FaultRule::new(When::Nth(3), effect).path("*/batch/update"));
        assert_eq!(applied(&bench.write_one(back.clone()).await), ann, "{effect:?}");
        assert_eq!(stage(&bench, &ann), "lead", "{effect:?}");
        bench.sim.clear_faults();
    }
    // Neither the first, nor any that follows.
    let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    let back = update(&ann, &[("lifecyclestage", "lead")]);
    for _ in 0..60 {
        // Each of them counts those that none before it has hit.
        let rule = FaultRule::new(When::Nth(3), Effect::LostRequest).path("*/batch/update");
        bench.sim.add_fault(rule);
    }
    let outcome = bench.write_one(back.clone()).await;
    let WriteOutcome::Unknown(error) = &outcome else { panic!("{outcome:?}") };
    assert!(error.message.contains("`lifecyclestage` had to be cleared"), "{error}");
    bench.sim.clear_faults();
    assert_eq!(applied(&bench.write_one(back).await), ann);
    assert_eq!(stage(&bench, &ann), "lead");
}

#[tokio::test]
async fn a_stage_that_hubspot_refuses_leaves_the_one_before_and_that_is_set_while_there_is_time() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["lifecyclestage"]);
    let third = |effect| FaultRule::new(When::Nth(3), effect).path("*/batch/update");
    for (lost, words, stage) in [(0, "", "customer"), (3, "", "customer"), (60, "cleared", "")] {
        let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
        bench.sim.add_fault(third(Effect::Status(400)));
        for _ in 0..lost {
            // Each of them counts those that none before it has hit.
            bench.sim.add_fault(third(Effect::LostRequest));
        }
        let outcome = bench.write_one(update(&ann, &[("lifecyclestage", "lead")])).await;
        let WriteOutcome::Unknown(error) = &outcome else { panic!("{outcome:?}") };
        assert!(error.message.contains(words), "{error}");
        assert_eq!(bench.sim.contact(&ann).unwrap().value("lifecyclestage"), stage, "{lost}");
        bench.sim.clear_faults();
    }
    // Neither of the two is taken any more.
    let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    for _ in 0..2 {
        bench.sim.add_fault(third(Effect::Status(400)));
    }
    let outcome = bench.write_one(update(&ann, &[("lifecyclestage", "lead")])).await;
    let WriteOutcome::Unknown(error) = &outcome else { panic!("{outcome:?}") };
    assert!(error.message.contains("nor the one before; set it in HubSpot"), "{error}");
}

#[tokio::test]
async fn nothing_is_cleared_without_time_for_what_sets_it_again() {
    let mut bench = Bench::new().await;
    bench.look_at("contacts", &["lifecyclestage", "firstname"]);
    let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    let writes = vec![update(&ann, &[("lifecyclestage", "lead"), ("firstname", "Ann")])];
    // One request may take two seconds.
    let not_after = bench.clock.now() + Duration::from_millis(1_900);
    let (object, projection) = (bench.object.clone(), bench.projection.clone());
    let request = WriteRequest { object, projection, writes, not_after };
    let outcome = bench.hubspot.write(request).await.remove(0);
    assert!(matches!(outcome, WriteOutcome::Unknown(_)), "it is read, and moved another time");
    let stored = bench.sim.contact(&ann).unwrap();
    assert_eq!((stored.value("lifecyclestage"), stored.value("firstname")), ("customer", "Ann"));
    assert_eq!(bench.sent(&["update"]), [1]);
}

#[tokio::test]
async fn nothing_is_cleared_without_room_in_the_limits_for_what_sets_it_again() {
    // Nine in ten seconds are ours: the tenth is left to others.
    let limits = Limits::On { ten_secondly: 10, search_secondly: 5, daily: 1_000 };
    let options = HubSpotOptions { limits, ..bench::at_ease() };
    let bench = Bench::set_up("contacts", &["lifecyclestage"], options, |builder| {
        builder.limits(HubSpotLimits { ten_secondly: 10, search_secondly: 5 })
    })
    .await;
    let ann = bench.sim.seed_contact([("lifecyclestage", "customer")]).unwrap();
    // With the properties and the first attempt there is room for one more, and not for two.
    for _ in 0..6 {
        bench.fetch(&ann).await;
    }
    let began = bench.clock.now();
    let back = update(&ann, &[("lifecyclestage", "lead")]);
    assert_eq!(applied(&bench.write_one(back).await), ann);
    let at: Vec<_> = bench.sim.requests().iter().rev().take(2).map(|request| request.at).collect();
    assert!(bench.clock.now() > began, "it waited for room");
    assert_eq!(at[0], at[1], "and not between the two");
}

#[tokio::test]
async fn a_409_with_the_id_is_the_record_that_exists() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let exists = WriteOutcome::Exists(RecordId::new(&ann).unwrap());
    assert_eq!(bench.write_one(create(&[("email", "ANN@x.io")])).await, exists);
    let both = vec![create(&[("email", "ANN@x.io")]), create(&[("email", "bob@x.io")])];
    let outcomes = bench.write(both).await;
    assert_eq!(outcomes[0], exists, "inside a 207, too");
    applied(&outcomes[1]);
    let upsert = WriteAction::Upsert { by: bench::name("email") };
    let fields = bench::texts(&[("email", "ann@x.io"), ("firstname", "Ann")]);
    assert_eq!(applied(&bench.write_one(write(upsert, &fields)).await), ann);
    assert_eq!(bench.sim.contact(&ann).unwrap().value("firstname"), "Ann");
}

#[tokio::test]
async fn search_and_list_tokens_are_not_interchangeable_and_never_are_interchanged() {
    let bench = Bench::new().await;
    bench.sim.seed_people(250).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    for contact in bench.sim.contacts() {
        bench.sim.edit_contact(&contact.id, [("phone", "1")]).unwrap();
    }
    bench.clock.advance(LAG);
    let (seen, _) = bench.follow(next).await;
    assert_eq!(known(&seen), all(&bench.sim, "contacts"));
    let ids = all(&bench.sim, "contacts");
    let (mut lists, mut searches) = (0, 0);
    for request in bench.sim.requests() {
        if request.path.ends_with("/search") {
            assert_eq!(request.json()["after"], "0", "a search is never paged by a token");
            searches += 1;
        } else if let Some(query) = request.query.filter(|query| query.contains("after=")) {
            let after = query.split("after=").nth(1).unwrap();
            assert!(ids.contains(after), "a list's token is a record's id, of a list's answer");
            lists += 1;
        }
        assert_ne!(request.status, Some(400));
    }
    assert_eq!((lists, searches), (2, 3));
    assert!(bench.hubspot.extensions().provisioner.is_some());
}
