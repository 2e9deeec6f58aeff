//! Plans that are applied later, runs for named records, links by hand, and what explains them.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{ConflictScope, DeletePolicy, Drift, Guards, Limit, Test};
use fluxcascade_core::model::{Choice, Ending, FieldName, HoldReason, LinkStatus, RecordId, Side};

use crate::scenario::{able, by_mail, checked, desk, group_of, plain, say};
use crate::world::{World, contacts};

/// A named record is matched with its new partner, whichever side it is of.
#[tokio::test]
async fn a_named_target_record_is_linked_to_its_new_partner() {
    for side in [Side::Source, Side::Target] {
        let world = World::new();
        world.linked().await;
        world.minutes(15);
        let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        let there = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
        let named = if side == Side::Source { bob } else { there };
        let engine = world.engine().await;
        let plan = engine.run("contacts").records(side, [named.clone()]).plan().await.unwrap();
        let report = engine.run("contacts").records(side, [named]).sync().await.unwrap();
        assert_eq!(report.linked, 1, "{side}: {plan}\n{report}");
    }
}

/// A saved plan that was tampered with is refused, and is no panic.
#[tokio::test]
async fn a_plan_of_nonsense_is_no_panic() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    let mut plan = world.engine().await.plan("contacts").await.unwrap();
    for pair in plan.entries.iter_mut().flat_map(|entry| &mut entry.pairs) {
        pair.index = 99;
    }
    let text = plan.to_string();
    let told = world.engine().await.apply(&plan).await;
    assert_eq!(
        world.field.calls(fluxcascade_core::testkit::CallKind::Update),
        0,
        "{text} {told:?}"
    );
}

/// A plan that was approved does nothing for what a person has taken out since.
#[tokio::test]
async fn an_approved_plan_does_nothing_for_what_was_excluded_or_unlinked_since() {
    for unlink in [true, false] {
        let world = World::new();
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann B");
        let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        let engine = world.engine().await;
        let plan = engine.plan("contacts").await.unwrap();
        if unlink {
            engine.unlink("contacts", world.link().await.id).await.unwrap();
        } else {
            engine.exclude("contacts", Side::Target, &target).await.unwrap();
        }
        engine.exclude("contacts", Side::Source, &bob).await.unwrap();
        let report = engine.apply(&plan).await.unwrap();
        assert_eq!(report.writes(), 0, "{report}");
        assert_eq!(report.moved.len(), 2, "{report}");
    }
}

/// An approved plan twice does everything once.
#[tokio::test]
async fn an_approved_plan_twice() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    assert_eq!(engine.apply(&plan).await.unwrap().writes(), 2);
    assert_eq!(engine.apply(&plan).await.unwrap().writes(), 0);
    assert_eq!(world.field.records().len(), 2);
}

/// P3: a drifted value that an edit overwrites stands in the log.
#[tokio::test]
async fn a_drift_that_an_edit_overwrites_is_in_the_log() {
    for drift in [Drift::Leave, Drift::Restore] {
        let world = plain(by_mail().pair_with("name", "name", |p| p.source_only().drift(drift)));
        let (source, target) = world.linked_with_name("Ann").await;
        world.minutes(15);
        world.field.edit(&target, "name", "drifted");
        world.crm.edit(&source, "name", "Ann S");
        checked(&world).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        let log = format!("{:?}", world.log().await);
        assert!(log.contains("drifted"), "{drift:?} {log}");
        world.minutes(15);
        world.field.edit(&target, "name", "again");
        checked(&world).await;
        world.settle().await;
        let log = format!("{:?}", world.log().await);
        assert!(log.contains("again"), "{drift:?} {log}");
        let found = world.engine().await.verify("contacts").await.unwrap();
        assert!(found.is_explained(), "{found}");
    }
}

/// What cannot be linked by hand leaves nothing behind.
#[tokio::test]
async fn a_link_by_hand_to_nothing_leaves_nothing() {
    let world = World::new();
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let engine = world.engine().await;
    let nope = RecordId::new("field-nope").unwrap();
    let told = engine.link("contacts", &ann, &nope).await;
    assert!(told.is_err());
    let text = told.unwrap_err().to_string();
    world.settle().await;
    let holds = world.holds().await;
    assert_eq!(world.field.records().len(), 1, "{text} {holds:?}");
    assert!(holds.is_empty(), "{holds:?}");
}

/// Excluding the one too many lets the others be linked.
#[tokio::test]
async fn excluding_a_double_unparks_the_others() {
    let world = World::new();
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let double = world.crm.insert([("email", "ann@x.io"), ("name", "Ann 2")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    world.engine().await.exclude("contacts", Side::Source, &double).await.unwrap();
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
    }
    let at_once = world.links().await.len();
    world.minutes(60 * 25);
    world.settle().await;
    assert_eq!(world.links().await.len(), 1);
    assert_eq!(at_once, 1, "linked only when the park is over");
}

/// Explain answers for records that are parked, excluded and out of scope, and for fields of filters.
#[tokio::test]
async fn explain_for_all_sorts() {
    let world = plain(contacts().filter(Side::Source, "status", Test::Differs("off".into())));
    let (source, _) = world.linked().await;
    world.crm.edit(&source, "status", "off");
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.engine().await.exclude("contacts", Side::Source, &bob).await.unwrap();
    world.settle().await;
    let engine = world.engine().await;
    let name = FieldName::new("name").unwrap();
    let told = engine.explain("contacts", Side::Source, &source, &name).await.unwrap().to_string();
    assert!(told.contains("suspended") || told.contains("scope"), "{told}");
    let told = engine.explain("contacts", Side::Source, &bob, &name).await.unwrap().to_string();
    assert!(told.contains("not synced") || told.contains("never"), "{told}");
    let status = FieldName::new("status").unwrap();
    let told =
        engine.explain("contacts", Side::Source, &source, &status).await.unwrap().to_string();
    assert!(told.contains("filter") || told.contains("no pair"), "{told}");
    let nope = FieldName::new("nope").unwrap();
    let told = engine.explain("contacts", Side::Source, &source, &nope).await;
    println!("{told:?}");
}

/// A named record whose removal is due: only it, and the guard counts.
#[tokio::test]
async fn named_runs_do_not_pass_guards_by() {
    let none = Limit { count: 0, percent: 0 };
    let world = able(
        contacts()
            .on_delete(Side::Source, DeletePolicy::Delete)
            .guards(Guards { deletes: none, ..Guards::default() }),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    let engine = world.engine().await;
    let report =
        engine.run("contacts").records(Side::Target, [target.clone()]).sync().await.unwrap();
    assert_eq!(report.writes(), 0, "{report}");
    world.sync().await;
    assert_eq!(world.field.records().len(), 1);
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    // an edit of the survivor before the answer is carried out: it survives
    say(&world, &items[0], Choice::Allow).await;
    world.field.edit(&target, "name", "Ann T");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.field.records().len(), 1, "the edited record was deleted");
    assert!(desk(&world).await.is_empty());
}

/// Two records swap their keys between runs: links stay, values flow.
#[tokio::test]
async fn linked_records_swap_their_keys() {
    let world = World::new();
    let a = world.crm.insert([("email", "a@x.io"), ("name", "A")]);
    let b = world.crm.insert([("email", "b@x.io"), ("name", "B")]);
    world.settle().await;
    let (ta, tb) = (world.link_of(&a).await.records.target, world.link_of(&b).await.records.target);
    world.crm.edit(&a, "email", "b@x.io");
    world.crm.edit(&b, "email", "a@x.io");
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.field.text(&ta, "mail"), "b@x.io");
    assert_eq!(world.field.text(&tb, "mail"), "a@x.io");
    assert_eq!(world.field.records().len(), 2);
}

/// Append, by itself: both texts are kept.
#[tokio::test]
async fn append_by_itself() {
    for mapping in [
        contacts().conflicts(Strategy::Append),
        group_of(&Strategy::Append),
        contacts().conflict_scope(ConflictScope::Record).conflicts(Strategy::Append),
    ] {
        let world = plain(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann S");
        world.field.edit(&target, "name", "Ann T");
        checked(&world).await;
        world.settle().await;
        let name = world.crm.text(&source, "name");
        assert!(name.contains('S') && name.contains('T'), "{name} {:#?}", world.conflicts().await);
        assert_eq!(name, world.field.text(&target, "name"));
    }
}

/// Excluding is not parting: a record that is taken back is linked to its partner again.
#[tokio::test]
async fn a_record_that_was_excluded_and_taken_back_is_synced_again() {
    for side in Side::BOTH {
        let world = World::new();
        let (source, target) = world.linked().await;
        let record = if side == Side::Source { &source } else { &target };
        let engine = world.engine().await;
        engine.exclude("contacts", side, record).await.unwrap();
        assert_eq!(world.link().await.ending, Some(Ending::Excluded(side)));
        world.minutes(15);
        world.sync().await;
        engine.include("contacts", side, record).await.unwrap();
        world.settle().await;
        world.crm.edit(&source, "name", "Ann B");
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann B", "{side}");
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1), "{side}");
    }
}

/// P6: while a record is excluded, neither it nor what it was linked to gets a new partner.
#[tokio::test]
async fn nothing_is_matched_or_created_for_an_excluded_record_or_its_former_partner() {
    for side in Side::BOTH {
        let world = World::new();
        let (source, target) = world.linked().await;
        let record = if side == Side::Source { &source } else { &target };
        world.engine().await.exclude("contacts", side, record).await.unwrap();
        for round in ["first", "second"] {
            world.minutes(15);
            world.crm.edit(&source, "name", format!("Ann {round} s"));
            world.field.edit(&target, "name", format!("Ann {round} t"));
            world.settle().await;
        }
        // Neither an edit of the key nor a full read makes it another record.
        world.crm.edit(&source, "email", "anna@y.io");
        let engine = world.engine().await;
        engine.run("contacts").full().sync().await.unwrap();
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1), "{side}");
        assert_eq!(world.crm.text(&source, "name"), "Ann second s", "{side}");
        assert_eq!(world.field.text(&target, "name"), "Ann second t", "{side}");
        assert_eq!(world.link().await.status, LinkStatus::Tombstone, "{side}");
    }
}

/// Two that are both excluded are linked again when both are taken back, and two that a person
/// unlinked are not.
#[tokio::test]
async fn an_excluded_partner_is_not_linked_and_an_unlinked_one_stays_parted() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let engine = world.engine().await;
    engine.exclude("contacts", Side::Source, &source).await.unwrap();
    engine.exclude("contacts", Side::Target, &target).await.unwrap();
    engine.include("contacts", Side::Source, &source).await.unwrap();
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Tombstone);
    engine.include("contacts", Side::Target, &target).await.unwrap();
    world.settle().await;
    let link = world.link_of(&source).await;
    assert_eq!((link.status, &link.records.target), (LinkStatus::Active, &target));

    engine.unlink("contacts", link.id).await.unwrap();
    engine.exclude("contacts", Side::Source, &source).await.unwrap();
    engine.include("contacts", Side::Source, &source).await.unwrap();
    world.settle().await;
    let links = world.links().await;
    assert!(links.iter().all(|link| link.status == LinkStatus::Tombstone), "{links:?}");
}

/// What is excluded stays so when the record that it was linked to is seen again.
#[tokio::test]
async fn a_restored_twin_does_not_end_an_exclusion() {
    for policy in [DeletePolicy::Archive, DeletePolicy::Unlink] {
        let guards = Guards { deletes: Limit { count: 100, percent: 100 }, ..Guards::default() };
        let guards = Guards { empty_from: u64::MAX, ..guards };
        let world = able(contacts().guards(guards).on_delete(Side::Source, policy));
        let (ann, there) = world.linked().await;
        world.minutes(15);
        world.crm.delete(&ann);
        world.settle().await;
        // Archived by us in one case, left alone in the other.
        assert_eq!(world.field.records().is_empty(), policy == DeletePolicy::Archive);
        world.engine().await.exclude("contacts", Side::Target, &there).await.unwrap();
        world.settle().await;
        world.crm.restore(&ann);
        world.settle().await;
        world.crm.edit(&ann, "name", "Ann S");
        world.settle().await;
        assert!(world.holds().await.iter().any(|hold| hold.reason == HoldReason::Excluded));
        assert_ne!(world.field.text(&there, "name"), "Ann S", "{policy:?}");
    }
}

/// A record that a person excluded is not linked by an answer that was given before.
#[tokio::test]
async fn an_exclusion_outlives_an_older_answer() {
    for of in [Side::Source, Side::Target] {
        let world = plain(contacts().first_link(Strategy::SourceWins));
        let one = world.crm.insert([("email", "ann@x.io"), ("name", "one")]);
        world.crm.insert([("email", "ann@x.io"), ("name", "two")]);
        let there = world.field.insert([("mail", "ann@x.io"), ("name", "there")]);
        world.settle().await;
        world.answer_record(&one, Choice::LinkTo(there.clone())).await;
        let record = if of == Side::Source { &one } else { &there };
        world.engine().await.exclude("contacts", of, record).await.unwrap();
        world.settle().await;
        assert_eq!(world.field.text(&there, "name"), "there", "the {of} is excluded");
        assert!(world.holds().await.iter().any(|hold| hold.reason == HoldReason::Excluded));
    }
}
