//! Records without a partner are created once; records that could have several are parked.

use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::{Create, Direction, Mapping, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{
    Choice, ConnectionName, Hold, HoldKey, HoldReason, ObjectType, Side,
};
use fluxcascade_core::store::Hint;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_core::transform::value_map;

use crate::world::{World, contacts};

#[tokio::test]
async fn records_without_a_partner_are_created_on_the_other_side_once() {
    let world = World::new();
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let report = world.sync().await;
    assert_eq!((report.sides.target.created, report.sides.source.created), (1, 1), "{report}");
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
    assert_eq!(world.links().await.len(), 2);
}

#[tokio::test]
async fn nothing_is_created_where_the_mapping_does_not_let_it() {
    let one_way = contacts().direction(Direction::SourceToTarget);
    let never = contacts().create(Create::Never);
    for (mapping, created) in [(one_way, 1), (never, 0)] {
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        world.crm.insert([("email", "ann@x.io")]);
        world.field.insert([("mail", "bob@x.io")]);
        world.settle().await;
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1 + created));
    }
}

/// P6: two new records with one key are never both created.
#[tokio::test]
pub(crate) async fn records_that_share_a_key_are_parked_and_others_go_on() {
    let world = World::new();
    world.crm.insert([("email", "info@x.io"), ("name", "one")]);
    world.crm.insert([("email", "INFO@x.io"), ("name", "two")]);
    world.field.insert([("mail", "info@x.io"), ("name", "three")]);
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let report = world.sync().await;
    assert_eq!((report.held.len(), report.writes()), (3, 1), "{report}");
    assert!(report.held.iter().all(|held| held.reason == HoldReason::Ambiguous));
    assert!(report.held.iter().all(|held| held.candidates.len() == 2), "{report}");
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (3, 2));
}

/// P7: a second record with a linked record's key gets no link of its own.
#[tokio::test]
pub(crate) async fn a_newcomer_with_the_key_of_a_linked_record_is_parked() {
    let world = World::new();
    world.linked().await;
    world.minutes(15);
    world.crm.insert([("email", "ann@x.io"), ("name", "another Ann")]);
    let report = world.sync().await;
    assert_eq!((report.held.len(), report.writes()), (1, 0), "{report}");
    assert_eq!(world.links().await.len(), 1);
}

/// The first rule whose key another record holds decides alone, seen from both records.
#[tokio::test]
async fn an_earlier_rule_decides_about_both_records() {
    let mapping = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("phone", "phone")
        .match_on("name", "name")
        .pair("phone", "phone")
        .pair("name", "name");
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let blank = world.crm.insert([("name", "ACME  Inc")]);
    let by_phone = world.crm.insert([("name", "Other"), ("phone", "256 555 0100")]);
    let target = world.field.insert([("name", "Acme Inc"), ("phone", "(256) 555-0100")]);
    let lonely = world.crm.insert([("name", "Zeta")]);
    let twin = world.field.insert([("name", "zeta"), ("phone", "256 555 0777")]);
    world.sync().await;
    let links: Vec<_> =
        world.links().await.into_iter().map(|l| (l.records.source, l.records.target)).collect();
    assert!(links.contains(&(by_phone, target)), "{links:?}");
    assert!(links.contains(&(lonely, twin)), "{links:?}");
    assert!(!links.iter().any(|(source, _)| *source == blank), "{links:?}");
}

#[tokio::test]
async fn a_blank_or_invalid_key_matches_nothing() {
    let world = World::new();
    for email in ["", "   ", "none"] {
        world.crm.insert([("email", email), ("name", "a")]);
        world.field.insert([("mail", email), ("name", "b")]);
    }
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes()), (0, 6), "{report}");
}

#[tokio::test]
async fn creates_fill_their_requests_and_reads_their_pages() {
    let world = World::new();
    for i in 0..250 {
        world.crm.insert([("email", format!("p{i}@x.io")), ("name", format!("P {i}"))]);
    }
    let report = world.sync().await;
    assert_eq!(report.sides.target.created, 250, "{report}");
    assert_eq!(world.crm.calls(CallKind::Changes), 3);
    assert_eq!(world.field.calls(CallKind::Create), 3);
    assert_eq!(world.field.calls(CallKind::Fetch) + world.crm.calls(CallKind::Fetch), 0);
    world.settle().await;
    assert_eq!(world.field.records().len(), 250);
}

#[tokio::test]
async fn a_required_blank_refuses_the_create_and_never_writes_a_blank() {
    let mapping = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair_with("name", "name", PairBuilder::required);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let source = world.crm.insert([("email", "ann@x.io")]);
    let report = world.sync().await;
    assert_eq!((report.writes(), report.held[0].reason), (0, HoldReason::Invalid), "{report}");
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann");
    world.settle().await;
    let target = world.field.records()[0].clone();
    assert_eq!(world.field.text(&target, "name"), "Ann");
    world.crm.edit(&source, "name", "");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!(world.holds().await.len(), 1);
}

#[tokio::test]
async fn a_record_whose_required_value_is_refused_is_not_created_and_the_hold_says_why() {
    let table = || value_map([("a", "a")]);
    let required = contacts_by_mail()
        .pair("email", "mail")
        .pair_with("name", "name", |pair| pair.required().transform(table()));
    let only = contacts_by_mail().pair_with("name", "name", |pair| pair.transform(table()));
    for mapping in [required, only] {
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        world.crm.insert([("email", "ann@x.io"), ("name", "b")]);
        let report = world.sync().await;
        assert!(world.field.records().is_empty(), "{report}");
        assert!(report.held[0].detail.contains("name = name is refused: value_map"), "{report}");
    }
}

fn contacts_by_mail() -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
}

/// P6: what a create without a key and without an answer may have made is not made back.
#[tokio::test]
async fn a_record_that_an_unanswered_create_may_have_made_waits_for_a_person() {
    for says in ["the same", "another", "none was made"] {
        let world = World::new();
        let ann = world.crm.insert([("name", "Ann")]);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.sync().await;
        world.minutes(15);
        world.sync().await;
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
        let made = world.field.records()[0].clone();
        let holds = world.holds().await;
        let of_made = |hold: &&Hold| hold.key == HoldKey::Record(Side::Target, made.clone());
        let hold = holds.iter().find(of_made).unwrap();
        assert_eq!(hold.reason, HoldReason::Ambiguous);
        assert_eq!(hold.candidates, [(Side::Source, ann.clone())]);
        // One that has a key is none of those.
        world.field.insert([("mail", "bob@x.io")]);
        world.settle().await;
        assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));

        let counts = match says {
            "the same" => {
                world.answer_record(&made, Choice::LinkTo(ann.clone())).await;
                (2, 2)
            }
            "another" => {
                world.answer_record(&made, Choice::Create).await;
                (3, 2)
            }
            _ => {
                world.answer_record(&ann, Choice::NotMade).await;
                (3, 3)
            }
        };
        world.settle().await;
        world.minutes(25 * 60);
        world.settle().await;
        assert_eq!((world.crm.records().len(), world.field.records().len()), counts, "{says}");
        assert_eq!(world.holds().await.len(), usize::from(says == "another"), "{says}");
    }
}

/// P6: a hint may show another key than the listing, which is late: nothing is made before who has the
/// new key is known.
#[tokio::test]
async fn a_record_whose_key_was_edited_since_it_was_listed_waits_until_it_is_listed_again() {
    let lag = Duration::from_secs(600);
    let capabilities = Capabilities {
        list: Consistency::Lagging(lag),
        look_back: lag,
        ..SimProfile::default().capabilities
    };
    let list_lag = Duration::from_secs(60);
    let late = SimProfile { list_lag, capabilities, ..SimProfile::default() };
    let one_way = contacts().direction(Direction::SourceToTarget);
    let world = World::with(late, SimProfile::default(), one_way);
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
    let there = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.settle().await;
    let ann = world.crm.insert([("email", "an@x.io"), ("name", "Ann")]);
    world.minutes(2);
    world.crm.edit(&ann, "email", "ann@x.io");
    let hint = Hint {
        tenant: world.engine().await.mapping_key(&world.mapping.name).tenant,
        connection: ConnectionName::new("crm").unwrap(),
        object: ObjectType::new("contacts").unwrap(),
        record: ann.clone(),
    };
    world.store.notify(&[hint]).await.unwrap();
    world.sync().await;
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "one was made beside {there}");
    assert_eq!(world.link_of(&ann).await.records.target, there);
}
