//! What a whole record waits for a person for, while records, fields and the mapping come and go: it is
//! neither dropped nor decided otherwise, and costs nothing meanwhile.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{ConflictScope, Test};
use fluxcascade_core::model::{Choice, ConflictStatus, Hold, RecordId, Side};
use fluxcascade_core::testkit::{CallKind, Fault};

use crate::crossed::{refused_of, streets, whole};
use crate::scenario::{desk, edited, say};
use crate::world::{World, contacts};

const NAME: (&str, &str) = ("name", "Ann S");
const STREET: (&str, &str) = ("street", "2 T St");

/// The name is edited on the source and the street on the target, and a person is asked.
async fn asked() -> (World, RecordId, RecordId) {
    let (world, source, target) = edited(whole(), &[NAME], &[STREET]).await;
    world.sync().await;
    assert_eq!(desk(&world).await.len(), 1);
    (world, source, target)
}

fn left() -> (String, String) {
    ("1 Main St".to_owned(), "2 T St".to_owned())
}

/// P11: what is asked after a refusal is asked on when a record was out of scope, garbled or not found for
/// a while.
#[tokio::test]
async fn a_question_outlives_a_look_at_a_record_that_is_not_there() {
    let scoped = || whole().filter(Side::Source, "status", Test::Differs("off".into()));
    for way in ["scope", "garbled", "missing"] {
        let (world, source, target) = refused_of(scoped(), NAME, STREET).await;
        world.field.accept("street");
        world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
        world.minutes(15);
        match way {
            "scope" => world.crm.edit(&source, "status", "off"),
            "garbled" => world.field.garble(&target),
            _ => world.field.delete(&target),
        }
        world.engine().await.run("contacts").full().sync().await.unwrap();
        world.minutes(15);
        match way {
            "scope" => world.crm.edit(&source, "status", "on"),
            "garbled" => world.field.mend(&target),
            _ => world.field.restore(&target),
        }
        for _ in 0..3 {
            world.engine().await.run("contacts").full().sync().await.unwrap();
            assert_eq!(streets(&world, &source, &target), left(), "{way}");
            world.minutes(15);
        }
        let items = desk(&world).await;
        assert_eq!(items.len(), 1, "{way}: {items:#?}");
        say(&world, &items[0], Choice::Take(Side::Source)).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "street"), "1 Main St", "{way}");
        assert!(desk(&world).await.is_empty(), "{way}: {:#?}", desk(&world).await);
    }
}

/// The same of an answer.
#[tokio::test]
async fn an_answer_for_a_record_that_is_out_of_scope_waits_and_is_carried_out() {
    let scoped = whole().filter(Side::Source, "status", Test::Differs("off".into()));
    let (world, source, target) = edited(scoped, &[NAME], &[STREET]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.crm.edit(&source, "status", "off");
    world.settle().await;
    world.crm.edit(&source, "status", "on");
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "1 Main St");
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
}

/// P20: pairs that do not conflict together any more are decided each by itself.
#[tokio::test]
async fn a_question_ends_with_the_settings_that_put_it() {
    for mapping in
        [contacts().conflicts(Strategy::SourceWins), contacts().conflicts(Strategy::Manual)]
    {
        let (mut world, source, target) = asked().await;
        world.mapping = mapping.build().unwrap();
        world.settle().await;
        assert_eq!(streets(&world, &source, &target), ("2 T St".into(), "2 T St".into()));
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
    }
}

/// P20: what is left of it is in no conflict when the other pair has left the mapping.
#[tokio::test]
async fn a_question_ends_with_the_pair_that_made_it_one() {
    let (mut world, _, target) = asked().await;
    world.mapping.pairs.retain(|pair| !format!("{pair:?}").contains("street"));
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
}

/// P11: an answer does not know of an edit that was taken back since.
#[tokio::test]
async fn an_answer_is_stale_when_the_edit_that_made_the_conflict_is_taken_back() {
    let (world, source, target) = asked().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.crm.edit(&source, "name", "Ann");
    world.settle().await;
    assert_eq!(streets(&world, &source, &target), ("2 T St".into(), "2 T St".into()));
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
}

/// P1: the record goes on where one field of an answer is not shown.
#[tokio::test]
async fn a_hidden_field_of_an_answer_holds_nothing_else() {
    let (world, source, target) = asked().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.hide_field(&target, "street");
    world.settle().await;
    world.crm.edit(&source, "phone", "256 555 0199");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    world.field.show_field(&target, "street");
    world.minutes(15);
    world.engine().await.run("contacts").full().sync().await.unwrap();
    assert_eq!(world.field.text(&target, "street"), "1 Main St");
}

/// P2, P11: an answer waits for a field that is hidden, or a record that is out of scope, and is carried
/// out when it shows: until then no system is asked for it in each run.
#[tokio::test]
async fn an_answer_that_waits_is_not_looked_for_in_each_run() {
    for way in ["field", "record"] {
        let (world, source, target) = asked().await;
        world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
        world.settle().await;
        say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
        if way == "field" {
            world.field.hide_field(&target, "street");
        } else {
            world.field.hide(&target);
            world.minutes(25 * 60);
        }
        world.settle().await;
        assert_eq!(world.field.text(&target, "street"), "2 T St", "{way}");
        world.minutes(75);
        world.settle().await;
        world.crm.clear_ledger();
        world.field.clear_ledger();
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        let fetches = world.field.calls(CallKind::Fetch) + world.crm.calls(CallKind::Fetch);
        assert_eq!(fetches, 0, "{way}");
        let said: Vec<String> = world.holds().await.iter().map(Hold::next_step).collect();
        assert!(!said.is_empty(), "{way}");
        match way {
            "field" => world.field.show_field(&target, "street"),
            _ => world.field.show(&target),
        }
        world.minutes(75);
        world.settle().await;
        let both = ("1 Main St".to_owned(), "1 Main St".to_owned());
        assert_eq!(streets(&world, &source, &target), both, "{way}: {said:?}");
        assert!(world.holds().await.is_empty(), "{way}: {:#?}", world.holds().await);
    }
}

/// P2: a pair that would be tried again waits with what the record waits for.
#[tokio::test]
async fn a_refused_pair_in_question_is_not_looked_at_in_each_run() {
    let (world, source, target) = edited(whole(), &[NAME], &[]).await;
    world.field.refuse("name");
    world.sync().await;
    world.minutes(15);
    world.field.edit(&target, "street", "2 T St");
    world.settle().await;
    assert_eq!(desk(&world).await.len(), 1, "{:#?}", desk(&world).await);
    world.minutes(15);
    world.sync().await;
    world.crm.clear_ledger();
    world.field.clear_ledger();
    for _ in 0..5 {
        world.minutes(15);
        world.sync().await;
    }
    assert_eq!(world.field.calls(CallKind::Fetch) + world.crm.calls(CallKind::Fetch), 0);
    assert_eq!(streets(&world, &source, &target), left());
}

/// P11: a person sees the values of what is refused of a smaller answer.
#[tokio::test]
async fn what_is_refused_of_a_part_of_a_question_has_its_row() {
    let (world, _, target) = asked().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.edit(&target, "name", "Ann S");
    world.field.refuse("street");
    world.sync().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert!(items[0].conflict.is_some(), "{items:#?}");
    let rows = world.conflicts().await;
    let open = rows.iter().filter(|row| row.status == ConflictStatus::Open).count();
    assert_eq!(open, 1, "{rows:#?}");
}

/// P11: an answer is done when its record can be read again, also if its write may be on its way.
#[tokio::test]
async fn an_answer_outlives_a_record_that_cannot_be_read() {
    for lost in [false, true] {
        let (world, source, target) = refused_of(whole(), NAME, STREET).await;
        world.field.accept("street");
        say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
        if lost {
            world.field.fail_next(CallKind::Update, Fault::RequestLost);
            world.sync().await;
        }
        world.field.garble(&target);
        world.minutes(15);
        world.sync().await;
        world.field.mend(&target);
        for _ in 0..3 {
            world.minutes(15);
            world.engine().await.run("contacts").full().sync().await.unwrap();
        }
        let done = ("1 Main St".to_owned(), "1 Main St".to_owned());
        assert_eq!(streets(&world, &source, &target), done, "{lost}");
        assert!(desk(&world).await.is_empty(), "{lost}: {:#?}", desk(&world).await);
    }
}

/// P11: what was asked once more is a person's, whatever the times of the records say by now.
#[tokio::test]
async fn what_is_asked_after_a_refusal_is_not_decided_by_another_edit() {
    let (world, source, target) =
        refused_of(contacts().conflict_scope(ConflictScope::Record), NAME, STREET).await;
    world.field.accept("street");
    world.minutes(15);
    world.field.edit(&target, "phone", "256 555 0222");
    world.settle().await;
    assert_eq!(streets(&world, &source, &target), left());
    assert_eq!(desk(&world).await.len(), 1);
}

/// The same where a record is not found, and then its twin is out of scope.
#[tokio::test]
async fn a_question_outlives_one_look_after_the_other() {
    let scoped = whole().filter(Side::Source, "status", Test::Differs("off".into()));
    let (world, source, target) = refused_of(scoped, NAME, STREET).await;
    world.field.accept("street");
    world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let full = async || {
        world.minutes(15);
        world.engine().await.run("contacts").full().sync().await.unwrap();
    };
    full().await;
    world.field.delete(&target);
    full().await;
    world.crm.edit(&source, "status", "off");
    full().await;
    world.field.restore(&target);
    world.crm.edit(&source, "status", "on");
    full().await;
    full().await;
    assert_eq!(streets(&world, &source, &target), left());
    assert_eq!(desk(&world).await.len(), 1, "{:#?}", desk(&world).await);
}

/// P11: a question of values that are no more is not asked, also while a field is hidden.
#[tokio::test]
async fn a_question_that_an_edit_has_ended_is_asked_no_more_while_a_field_is_hidden() {
    let on_target = [("name", "Ann T"), STREET];
    let (world, source, target) = edited(whole(), &[NAME], &on_target).await;
    world.sync().await;
    let before = desk(&world).await.remove(0);
    world.field.hide_field(&target, "street");
    world.crm.edit(&source, "name", "Ann X");
    world.settle().await;
    let now = desk(&world).await;
    assert!(now.iter().all(|item| item.version != before.version), "{now:#?}");
    let asked = before.conflict.unwrap().id;
    let row = world.conflicts().await.into_iter().find(|row| row.id == asked).unwrap();
    assert_eq!(row.status, ConflictStatus::Stale);
}

/// P1: a field that was decided, and is hidden, is in no conflict with what is edited later.
#[tokio::test]
async fn a_hidden_field_that_was_decided_is_in_no_conflict_with_later_edits() {
    let (world, source, target) =
        edited(whole(), &[("address", "2 S St")], &[("name", "Ann T")]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.hide_field(&target, "street");
    world.settle().await;
    world.field.edit(&target, "phone", "256 555 0222");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "phone"), "256 555 0222");
}
