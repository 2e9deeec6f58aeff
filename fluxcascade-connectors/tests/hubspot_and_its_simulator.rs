//! The HubSpot adapter against the simulated HubSpot, which shares no code with it: what one
//! holds true of HubSpot, the other has to agree to. How requests look is tested in the adapter.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

use std::collections::BTreeSet;
use std::time::Duration;

use fluxcascade_connectors::hubspot::HubSpotLimits;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, MergedId};
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::connector::{ChangesRequest, ErrorKind, Position, WriteOutcome};
use fluxcascade_core::model::{Projection, RecordId, State};
use fluxcascade_core::{Reader, Timestamp};

#[path = "hubspot_bench/bench.rs"]
mod bench;

use bench::{Bench, LAG, all, create, known, merged_into, name, text, update};

#[tokio::test]
async fn a_full_read_sees_every_record_and_the_next_what_was_edited_meanwhile() {
    let bench = Bench::new().await;
    bench.sim.seed_people(250).unwrap();
    let gone = bench.sim.seed_contact([("firstname", "Gone")]).unwrap();
    bench.sim.archive_contact(&gone).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (seen, next) = bench.follow(Position::Start).await;
    assert_eq!(known(&seen), all(&bench.sim, "contacts"));
    let archived = seen.iter().find(|seen| seen.record.as_str() == gone).unwrap();
    assert!(matches!(archived.state, State::Archived(_)));
    assert_eq!(bench.hubspot.requests().of("list"), 4);

    let (seen, next) = bench.follow(next).await;
    assert_eq!(seen.len(), 0);
    let edited = all(&bench.sim, "contacts").into_iter().next().unwrap();
    bench.sim.edit_contact(&edited, [("firstname", "Zoe")]).unwrap();
    let (seen, next) = bench.follow(next).await;
    assert_eq!(seen.len(), 0, "the index is late");
    bench.clock.advance(LAG);
    let (seen, _) = bench.follow(next).await;
    assert_eq!(known(&seen), BTreeSet::from([edited]), "and the look-back makes up for it");
    assert_eq!(text(&seen[0].state, 1), "Zoe");
}

#[tokio::test]
async fn hubspots_limits_are_kept_to_and_waited_out_where_others_use_them_up() {
    let limits = HubSpotOptions::default().limits;
    // An adapter that takes the account's plan for a larger one does what it would with others beside it.
    let larger = HubSpotLimits { ten_secondly: 10_000, search_secondly: 1_000 };
    for (believed, is_refused) in [(HubSpotLimits::default(), false), (larger, true)] {
        let options = HubSpotOptions { limits, ..bench::at_ease() };
        let fields = &["email"];
        let bench = Bench::set_up("contacts", fields, options, |b| b.limits(believed)).await;
        let (_, next) = bench.follow(Position::Start).await;
        for n in 0..1000 {
            bench.sim.seed_contact([("email", format!("p{n}@example.com"))]).unwrap();
        }
        let (seen, _) = bench.follow(next).await;
        assert_eq!(seen.len(), 1000);
        let refused = bench.sim.requests().iter().any(|request| request.status == Some(429));
        assert_eq!(refused, is_refused);
    }
}

#[tokio::test]
async fn a_full_read_goes_on_from_a_stored_cursor_as_if_it_had_not_been_interrupted() {
    let bench = Bench::new().await;
    bench.sim.seed_people(230).unwrap();
    bench.sim.archive_contact(&bench.sim.contacts()[5].id).unwrap();
    let (mut seen, mut position) = (BTreeSet::new(), Position::Start);
    loop {
        let (object, projection) = (bench.object.clone(), bench.projection.clone());
        let request = ChangesRequest { object, projection, position, limit: 50 };
        // Each page is asked for twice: the first time its answer did not get stored.
        let lost = bench.hubspot.changes(request.clone()).await.unwrap();
        let page = bench.hubspot.changes(request).await.unwrap();
        assert_eq!(lost, page);
        seen.extend(page.observations.iter().map(|seen| seen.record.to_string()));
        if !page.more {
            break;
        }
        position =
            Position::After(fluxcascade_core::model::Cursor::new(page.cursor.as_str()).unwrap());
    }
    assert_eq!(seen.len(), 230, "the archived one, too");
}

#[tokio::test]
async fn what_is_written_is_there_and_each_write_has_its_own_outcome() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io"), ("phone", "1")]).unwrap();
    let outcomes = bench
        .write(vec![
            create(&[("email", "bob@x.io"), ("firstname", "Bob")]),
            create(&[("email", "ANN@x.io")]),
            create(&[("email", "no mail")]),
            update(&ann, &[("firstname", "Ann"), ("phone", "")]),
            update("999999", &[("firstname", "Nobody")]),
            update(&ann, &[("annualrevenue", "12.50")]),
        ])
        .await;
    let WriteOutcome::Applied { record: bob, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(text(&bench.fetch(bob.as_str()).await, 1), "Bob");
    assert_eq!(outcomes[1], WriteOutcome::Exists(RecordId::new(&ann).unwrap()));
    let WriteOutcome::Rejected { fields, error } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!(
        (fields.as_slice(), error.kind),
        ([name("email")].as_slice(), ErrorKind::Validation)
    );
    assert!(!error.message.contains("no mail"), "{error}");
    assert!(matches!(&outcomes[3], WriteOutcome::Applied { .. }), "{outcomes:?}");
    let WriteOutcome::Rejected { error, .. } = &outcomes[4] else { panic!("{outcomes:?}") };
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(matches!(&outcomes[5], WriteOutcome::Applied { .. }), "{outcomes:?}");
    let state = bench.fetch(&ann).await;
    assert_eq!((text(&state, 1), text(&state, 2)), ("Ann".to_owned(), "(blank)".to_owned()));
    assert_eq!(text(&state, 3), "12.50");
    assert_eq!(bench.sim.contacts().len(), 2);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_done_once() {
    let faults =
        [Effect::LostAnswer, Effect::DoneThenHang, Effect::CutAnswer, Effect::DoneThenStatus(500)];
    for (n, effect) in faults.into_iter().enumerate() {
        let bench = Bench::new().await;
        bench.sim.add_fault(FaultRule::new(When::Next(1), effect).path("*/batch/create"));
        let outcomes = bench.write(vec![create(&[("phone", "+1 555")])]).await;
        assert!(matches!(outcomes[0], WriteOutcome::Unknown(_)), "{n}: {outcomes:?}");
        assert_eq!(bench.sim.contacts().len(), 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_turned_away_is_sent_again_and_a_read_survives_a_proxy() {
    let bench = Bench::new().await;
    bench.sim.add_fault(FaultRule::new(When::Next(2), Effect::Limit).path("*/batch/create"));
    let outcomes = bench.write(vec![create(&[("email", "a@x.io")])]).await;
    let WriteOutcome::Applied { record, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    for effect in [Effect::BadGateway, Effect::LostRequest, Effect::LostAnswer, Effect::Status(503)]
    {
        bench.sim.add_fault(FaultRule::new(When::Next(1), effect).path("*/batch/read"));
        assert_eq!(text(&bench.fetch(record.as_str()).await, 0), "a@x.io");
    }
}

#[tokio::test]
async fn archives_and_merges_are_told_apart_from_what_was_never_there() {
    for merged_id in [MergedId::Primary, MergedId::New] {
        let options = HubSpotOptions { merged_id, ..bench::at_ease() };
        let bench = Bench::with(options).await;
        let contact = |mail: &str| bench.sim.seed_contact([("email", mail)]).unwrap();
        let (primary, loser, archived) = (contact("a@x.io"), contact("b@x.io"), contact("c@x.io"));
        let (_, next) = bench.follow(Position::Start).await;
        let survivor = bench.sim.merge_contacts(&primary, &loser).unwrap();
        bench.sim.archive_contact(&archived).unwrap();
        assert_eq!(bench.fetch(&loser).await, merged_into(&survivor));
        assert!(matches!(bench.fetch(&archived).await, State::Archived(_)));
        assert_eq!(bench.fetch("424242").await, State::Missing);
        assert_eq!(text(&bench.fetch(&survivor).await, 0), "a@x.io");

        bench.clock.advance(LAG);
        let (seen, _) = bench.follow(next).await;
        let lost = seen.iter().find(|seen| seen.record.as_str() == loser).unwrap();
        assert_eq!(lost.state, merged_into(&survivor));
        // The survivor answers to the address of the loser, but does not hold it.
        assert_eq!(bench.find("email", "b@x.io").await, Vec::<String>::new());
        assert_eq!(bench.find("email", "A@x.io").await, [survivor]);
    }
}

#[tokio::test]
async fn a_record_is_found_by_mail_at_once_and_by_another_field_when_it_is_indexed() {
    let bench = Bench::new().await;
    let id = bench.sim.create_contact([("email", "ann@x.io"), ("firstname", "Ann")]).unwrap();
    assert_eq!(bench.find("email", "Ann@x.io").await, std::slice::from_ref(&id));
    assert_eq!(bench.find("firstname", "Ann").await, Vec::<String>::new());
    bench.clock.advance(LAG);
    assert_eq!(bench.find("firstname", "Ann").await, [id]);
}

#[tokio::test]
async fn the_schema_reads_every_value_of_the_simulated_people() {
    let bench = Bench::new().await;
    bench.sim.seed_people(100).unwrap();
    let schema = bench.hubspot.schema(&bench.object).await.unwrap();
    let fields = schema.fields.iter().map(|field| field.name.clone());
    let (object, projection) = (bench.object.clone(), Projection::new(fields));
    let (position, limit) = (Position::Start, 100);
    let request = ChangesRequest { object, projection, position, limit };
    let page = bench.hubspot.changes(request).await.unwrap();
    assert_eq!(page.observations.len(), 100);
    for seen in &page.observations {
        let (values, version) = seen.known().unwrap_or_else(|| panic!("{seen:?}"));
        assert!(values.slots().iter().all(|slot| !slot.is_absent()));
        assert!(version.modified.is_some_and(|at| at.at > Timestamp::from_secs(0)));
    }
    assert_eq!(bench.hubspot.account().await.unwrap().id, "62515");
}
