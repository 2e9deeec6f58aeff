//! The desk: everything that waits for a person, in words, and what they can say.

use fluxcascade_core::engine::{DeskError, DeskPage};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{
    AnswerOutcome, Choice, ConflictStatus, FieldName, HoldReason, LinkStatus, RecordId, Side,
    Sides, Value,
};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_core::transform::value_map;

use crate::world::{World, contacts};

async fn manual() -> (World, RecordId, RecordId) {
    let mapping = contacts().conflicts(Strategy::Manual);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.time("14:00");
    world.crm.edit(&source, "phone", "256 555 1400");
    world.time("14:05");
    world.field.edit(&target, "phone", "256 555 1405");
    world.time("14:15");
    world.sync().await;
    (world, source, target)
}

#[tokio::test]
async fn an_empty_desk_says_so() {
    let world = World::new();
    world.linked().await;
    let desk = world.engine().await.desk("contacts").await.unwrap();
    assert_eq!(desk.to_string(), "desk of contacts: nothing waits for a person\n");
}

#[tokio::test]
async fn a_conflict_lies_on_the_desk_with_both_values_times_and_answers() {
    let (world, source, target) = manual().await;
    let desk = world.engine().await.desk("contacts").await.unwrap();
    let [item] = desk.items.as_slice() else { panic!("{desk}") };
    assert_eq!(
        item.choices(),
        [Choice::Take(Side::Source), Choice::Take(Side::Target), Choice::Leave]
    );
    assert!(item.takes(&Choice::Set(Sides::new(vec![Value::Null], vec![Value::Null]))));
    assert!(!item.takes(&Choice::Set(Sides::new(vec![], vec![Value::Null]))));
    let words = desk.to_string();
    for expected in [
        "desk of contacts: 1 item waits\n".to_owned(),
        format!("conflict: phone = phone of {source} ↔ {target}\n"),
        "crm contacts holds \"256 555 1400\", changed at 2026-03-01T14:00:00Z\n".to_owned(),
        "field clients holds \"256 555 1405\", changed at 2026-03-01T14:05:00Z\n".to_owned(),
        "next: say on the desk which value stands, or edit one of them\n".to_owned(),
        "answers: take source, take target, leave, set (values of your own)\n".to_owned(),
    ] {
        assert!(words.contains(&expected), "{expected} is not in {words}");
    }
}

#[tokio::test]
async fn own_values_that_a_field_cannot_hold_are_refused_with_what_it_takes() {
    let (world, ..) = manual().await;
    let engine = world.engine().await;
    let item = engine.desk("contacts").await.unwrap().items.remove(0);
    let own = Choice::Set(Sides::new(vec!["1".into()], vec![Value::Int(1)]));
    assert!(!item.takes(&own));
    let error = engine.answer("contacts", &item.key, item.version, own).await.unwrap_err();
    assert!(matches!(error, DeskError::WrongType { side: Side::Target, .. }), "{error}");
    assert!(error.to_string().contains("phone on the target takes a phone number"), "{error}");
    assert_eq!(engine.desk("contacts").await.unwrap().items[0].answered, None);
}

/// P1: a value that a transform refuses waits for a person too: the other side's can be taken, or
/// both stay.
#[tokio::test]
async fn a_refused_value_can_be_left_or_set_back_from_the_desk() {
    for choice in [Choice::Take(Side::Target), Choice::Leave] {
        let mapping = Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("name", "name", |p| p.transform(value_map([("a", "A")])));
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "a")]);
        let target = world.field.insert([("mail", "ann@x.io"), ("name", "A")]);
        world.sync().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "z");
        world.sync().await;
        let engine = world.engine().await;
        let item = engine.desk("contacts").await.unwrap().items.remove(0);
        assert_eq!(item.choices(), [Choice::Take(Side::Target), Choice::Leave]);
        let told = engine.answer("contacts", &item.key, item.version, choice.clone()).await;
        assert_eq!(told.unwrap(), AnswerOutcome::Stored);
        world.settle().await;
        let there = if choice == Choice::Leave { "z" } else { "a" };
        assert_eq!(world.crm.text(&source, "name"), there);
        assert_eq!(world.field.text(&target, "name"), "A");
        assert!(world.holds().await.is_empty());
    }
}

/// P11: a stale answer is refused, and the same one twice is stored once.
#[tokio::test]
async fn an_answer_is_stored_once_and_to_the_version_that_was_seen() {
    let (world, source, _) = manual().await;
    let engine = world.engine().await;
    let item = engine.desk("contacts").await.unwrap().items.remove(0);
    let take = Choice::Take(Side::Source);
    let answer = |choice| engine.answer("contacts", &item.key, item.version, choice);
    assert_eq!(answer(take.clone()).await.unwrap(), AnswerOutcome::Stored);
    assert_eq!(answer(take.clone()).await.unwrap(), AnswerOutcome::Already);
    assert_eq!(answer(Choice::Leave).await.unwrap(), AnswerOutcome::Stale);
    let error = answer(Choice::Allow).await.unwrap_err();
    assert!(matches!(error, DeskError::NotOffered { .. }));
    assert!(
        error.to_string().ends_with(
            "does not take \"allow\": it takes take source, take target, leave, set (values of \
             your own)"
        ),
        "{error}"
    );
    let shown = engine.desk("contacts").await.unwrap();
    assert_eq!(shown.items[0].answered, Some(take.clone()));
    assert!(shown.to_string().contains("the next run carries out the answer: take source"));

    // Another edit makes it another question.
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1420");
    world.sync().await;
    assert_eq!(answer(take).await.unwrap(), AnswerOutcome::Stale);
}

/// P11: the answer is carried out by the next run, once, and the row says who decided.
#[tokio::test]
async fn what_was_answered_is_carried_out_by_the_next_run() {
    let (world, source, target) = manual().await;
    let engine = world.engine().await;
    let item = engine.desk("contacts").await.unwrap().items.remove(0);
    let answer = item.answer(Choice::Take(Side::Source));
    engine.answer_all("contacts", [answer]).await.unwrap().remove(0).unwrap();
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.writes()), (1, 1), "{report}");
    assert_eq!(world.field.text(&target, "phone"), world.crm.text(&source, "phone"));
    assert!(engine.desk("contacts").await.unwrap().items.is_empty());
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
    let field = FieldName::new("phone").unwrap();
    let why = engine.explain("contacts", Side::Target, &target, &field).await.unwrap();
    assert!(why.to_string().contains("a person decided: take source"), "{why}");
    world.settle().await;
}

#[tokio::test]
async fn answers_in_a_batch_do_not_stop_each_other() {
    let (world, ..) = manual().await;
    let engine = world.engine().await;
    let item = engine.desk("contacts").await.unwrap().items.remove(0);
    let gone = fluxcascade_core::model::HoldKey::Record(Side::Source, RecordId::new("x").unwrap());
    let mut of_nothing = item.answer(Choice::Never);
    of_nothing.key = gone;
    let answers = [item.answer(Choice::Create), of_nothing, item.answer(Choice::Leave)];
    let outcomes = engine.answer_all("contacts", answers).await.unwrap();
    assert!(matches!(outcomes[0], Err(DeskError::NotOffered { .. })));
    assert!(matches!(outcomes[1], Ok(AnswerOutcome::Gone)));
    assert!(matches!(outcomes[2], Ok(AnswerOutcome::Stored)));
}

#[tokio::test]
async fn the_values_of_a_sensitive_conflict_are_not_shown() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.mapping.pairs[2].sensitive = true;
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.sync().await;
    let desk = world.engine().await.desk("contacts").await.unwrap();
    assert!(desk.to_string().contains("crm contacts holds [sensitive], changed at"), "{desk}");
    assert!(!serde_json::to_string(&desk).unwrap().contains("256 555"));
}

#[tokio::test]
async fn a_parked_record_names_its_candidates_as_answers() {
    let world = World::new();
    world.linked().await;
    let first = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let second = world.field.insert([("mail", "bob@x.io"), ("name", "Bobby")]);
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.minutes(15);
    world.sync().await;
    let desk = world.engine().await.desk("contacts").await.unwrap();
    let item = desk.items.iter().find(|item| item.records.source.as_ref() == Some(&bob)).unwrap();
    assert_eq!(item.reason, HoldReason::Ambiguous);
    let links = [first.clone(), second.clone()].map(Choice::LinkTo);
    assert_eq!(item.choices(), [&links[..], &[Choice::Create, Choice::Never]].concat());
    let words = desk.to_string();
    assert!(words.contains(&format!("parked: {bob} ↔ -\n")), "{words}");
    assert!(
        words.contains(&format!("answers: link to {first}, link to {second}, create, never\n")),
        "{words}"
    );
}

#[tokio::test]
async fn the_desk_is_read_page_by_page() {
    let world = World::new();
    world.linked().await;
    for number in 0..5 {
        let mail = format!("bob{number}@x.io");
        for _ in 0..2 {
            world.field.insert([("mail", mail.clone())]);
        }
    }
    world.minutes(15);
    world.sync().await;
    let engine = world.engine().await;
    let whole = engine.desk("contacts").await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (10, None));
    let (mut items, mut skip) = (Vec::new(), Some(0));
    while let Some(from) = skip {
        let page = DeskPage { skip: from, limit: 3, ..DeskPage::default() };
        let page = engine.desk_page("contacts", &page).await.unwrap();
        assert!(page.items.len() <= 3);
        items.extend(page.items);
        skip = page.next;
    }
    assert_eq!(items, whole.items);
    let none = DeskPage { only: Some(HoldReason::Conflict), ..DeskPage::default() };
    assert!(engine.desk_page("contacts", &none).await.unwrap().items.is_empty());
}

/// P14: what failed often enough waits for a person, with the system's own words.
#[tokio::test]
async fn a_dead_letter_lies_on_the_desk_with_the_systems_words() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.refuse("name");
    world.crm.edit(&source, "name", "Ann B");
    let engine = world.engine().await;
    for _ in 0..11 {
        world.sync().await;
        assert!(engine.desk("contacts").await.unwrap().items.len() <= 1);
        world.minutes(6 * 60);
    }
    let desk = engine.desk("contacts").await.unwrap();
    let [item] = desk.items.as_slice() else { panic!("{desk}") };
    assert_eq!(item.choices(), [Choice::Retry, Choice::Leave]);
    let words = desk.to_string();
    assert!(words.contains("dead letter (one field): name = name of "), "{words}");
    assert!(words.contains("the value is not accepted"), "{words}");
    assert!(words.contains("next: mend it in either system, or retry it on the desk\n"), "{words}");
    assert!(words.contains("tried 9 times since 2026-03-01T12:15:00Z"), "two days: {words}");

    // Both sides are left as they are.
    let answer = item.answer(Choice::Leave);
    engine.answer_all("contacts", [answer]).await.unwrap().remove(0).unwrap();
    world.field.accept("name");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann B");
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert!(world.holds().await.is_empty());
}

/// P14: a write that never gets an answer backs off too, and a success clears it.
#[tokio::test]
async fn an_update_without_an_answer_is_tried_later_each_time() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    let mut waits = Vec::new();
    for _ in 0..4 {
        world.field.fail_next(CallKind::Update, Fault::RequestLost);
        world.sync().await;
        let holds = world.holds().await;
        let [hold] = holds.as_slice() else { panic!("{holds:?}") };
        assert_eq!(hold.reason, HoldReason::Rejected);
        let now = fluxcascade_core::Clock::now(world.clock.as_ref());
        waits.push(hold.not_before.unwrap().since(now).as_secs() / 60);
        // Before that time nothing is sent, though the write is settled.
        let sent = world.field.calls(CallKind::Update);
        world.clock.advance(std::time::Duration::from_secs(30));
        world.sync().await;
        assert_eq!(world.field.calls(CallKind::Update), sent);
        world.minutes(10);
    }
    assert_eq!(waits, [1, 2, 4, 8]);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

#[tokio::test]
async fn a_link_that_a_person_ends_stays_ended() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let link = world.links().await.remove(0);
    let engine = world.engine().await;
    engine.unlink("contacts", link.id).await.unwrap();
    assert_eq!(world.links().await[0].status, LinkStatus::Tombstone);
    let error = engine.unlink("contacts", link.id).await.unwrap_err();
    assert!(matches!(error, DeskError::NoLink { .. }), "{error}");
    let row = world.log().await.remove(0);
    assert_eq!(row.note, "a person unlinked them");
    assert_eq!((row.records.source, row.records.target), (Some(source), Some(target)));
}

#[tokio::test]
async fn nothing_is_done_at_the_desk_during_a_sync() {
    let world = World::new();
    world.linked().await;
    let link = world.links().await.remove(0);
    let engine = world.engine().await;
    let key = engine.mapping_key(&world.mapping.name);
    let now = fluxcascade_core::Clock::now(world.clock.as_ref());
    let lease = world.store.lease(&key, now, std::time::Duration::from_secs(60)).await.unwrap();
    let error = engine.unlink("contacts", link.id).await.unwrap_err();
    assert!(matches!(error, DeskError::Busy { .. }), "{error}");
    assert_eq!(error.to_string(), "a sync of contacts is under way: try again when it has ended");
    world.store.release(&lease).await.unwrap();
    engine.unlink("contacts", link.id).await.unwrap();
}

#[tokio::test]
async fn a_record_that_is_linked_is_not_linked_again() {
    let world = World::new();
    let (source, _) = world.linked().await;
    let other = world.field.insert([("mail", "eve@x.io")]);
    let error = world.engine().await.link("contacts", &source, &other).await.unwrap_err();
    assert!(matches!(error, DeskError::Linked { side: Side::Source, .. }), "{error}");
}

#[tokio::test]
async fn two_records_that_a_person_says_are_the_same_are_linked_at_once() {
    let world = World::new();
    world.linked().await;
    let eve = world.crm.insert([("email", "eve@x.io"), ("name", "Eve")]);
    let other = world.field.insert([("mail", "eve@y.io"), ("name", "Eve"), ("street", "1 Elm")]);
    world.minutes(15);
    let engine = world.engine().await;
    let link = engine.link("contacts", &eve, &other).await.unwrap();
    let links = world.links().await;
    let made = links.iter().find(|made| made.id == link).unwrap();
    assert_eq!(made.records, Sides::new(eve.clone(), other.clone()));
    assert_eq!(world.crm.text(&eve, "address"), "1 Elm", "blanks are filled as at any first link");
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
    world.settle().await;
}

/// An ended link is not made again by the rule that made it.
#[tokio::test]
async fn records_that_were_unlinked_are_not_linked_or_made_again_by_themselves() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let link = world.links().await.remove(0);
    world.engine().await.unlink("contacts", link.id).await.unwrap();
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
    assert!(world.links().await.iter().all(|link| link.status == LinkStatus::Tombstone));
}

#[tokio::test]
async fn an_excluded_record_is_never_written_or_made_again() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let engine = world.engine().await;
    engine.exclude("contacts", Side::Source, &source).await.unwrap();
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "name", "Ann C");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann B");
    assert_eq!(world.field.text(&target, "name"), "Ann C");
    assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
}

#[tokio::test]
async fn a_parked_record_is_linked_to_the_one_that_a_person_names() {
    let world = World::new();
    world.linked().await;
    let first = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let second = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.minutes(15);
    world.sync().await;
    let engine = world.engine().await;
    let desk = engine.desk("contacts").await.unwrap();
    let item = |side: Side, record: &RecordId| {
        desk.items.iter().find(|item| item.records[side].as_ref() == Some(record)).unwrap()
    };
    let answers = [
        item(Side::Source, &bob).answer(Choice::LinkTo(second.clone())),
        item(Side::Target, &first).answer(Choice::Never),
    ];
    for outcome in engine.answer_all("contacts", answers).await.unwrap() {
        assert_eq!(outcome.unwrap(), AnswerOutcome::Stored);
    }
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes()), (1, 0), "{report}");
    let links = world.links().await;
    assert!(links.iter().any(|link| link.records == Sides::new(bob.clone(), second.clone())));
    assert!(engine.desk("contacts").await.unwrap().items.is_empty());
    world.settle().await;
}

#[tokio::test]
async fn excluding_and_including_are_noted() {
    let world = World::new();
    let (source, _) = world.linked().await;
    let engine = world.engine().await;
    engine.exclude("contacts", Side::Source, &source).await.unwrap();
    assert_eq!(world.links().await[0].status, LinkStatus::Tombstone);
    let only = DeskPage { only: Some(HoldReason::Excluded), ..DeskPage::default() };
    let shown = engine.desk_page("contacts", &only).await.unwrap();
    assert_eq!(shown.items.len(), 1);
    assert!(engine.desk("contacts").await.unwrap().items.is_empty());
    engine.include("contacts", Side::Source, &source).await.unwrap();
    assert!(world.holds().await.is_empty());
    let error = engine.include("contacts", Side::Source, &source).await.unwrap_err();
    assert!(matches!(error, DeskError::NotExcluded { .. }), "{error}");
}
