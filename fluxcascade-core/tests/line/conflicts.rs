//! Both sides edited one field: the strategy decides, and the loser is kept.

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{
    Choice, ConflictKind, ConflictStatus, HoldReason, Side, Value, Winner,
};
use fluxcascade_core::resolver::{ConflictCase, ConflictResolver, Resolution, Strategy};
use fluxcascade_core::testkit::{CallKind, SimProfile};
use fluxcascade_core::transform::value_map;

use crate::scenario::{by_mail, checked, desk, edited, say};
use crate::world::{World, at, contacts};

/// The user's scenario, to the minute.
#[tokio::test]
pub(crate) async fn a_phone_changed_at_14_00_here_and_at_14_05_there_becomes_the_one_of_14_05() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.time("14:00");
    world.crm.edit(&source, "phone", "256 555 1400");
    world.time("14:05");
    world.field.edit(&target, "phone", "256 555 1405");
    world.time("14:15");
    let report = world.sync().await;
    assert_eq!((report.conflicts_decided, report.sides.source.updated), (1, 1), "{report}");
    assert_eq!(world.crm.text(&source, "phone"), "256 555 1405");
    assert_eq!(world.field.text(&target, "phone"), "256 555 1405");

    let conflicts = world.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    let row = &conflicts[0];
    assert_eq!(row.values.source, [Value::from("256 555 1400")]);
    assert_eq!(row.values.target, [Value::from("256 555 1405")]);
    assert_eq!((row.times.source, row.times.target), (Some(at("14:00")), Some(at("14:05"))));
    assert_eq!(row.base.source.as_deref(), Some(&[Value::from("256 555 0100")][..]));
    assert_eq!(row.strategy, "newest_wins");
    assert_eq!(row.winner, Some(Winner::Target));
    assert_eq!(row.loser().unwrap(), [Value::from("256 555 1400")]);
    assert_eq!((row.kind, row.status), (ConflictKind::UpdateUpdate, ConflictStatus::Auto));
    world.settle().await;
    assert_eq!(world.conflicts().await.len(), 1);
}

#[tokio::test]
async fn each_strategy_lets_its_side_win() {
    let cases = [
        (Strategy::SourceWins, None, "source"),
        (Strategy::TargetWins, None, "target"),
        (Strategy::PrimaryWins, Some(Side::Source), "source"),
        (Strategy::PrimaryWins, Some(Side::Target), "target"),
        (Strategy::custom(Longest), None, "source"),
    ];
    for (strategy, primary, winner) in cases {
        let name = format!("{strategy:?}");
        let mut mapping = contacts().conflicts(strategy);
        if let Some(side) = primary {
            mapping = mapping.primary(side);
        }
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "from the source");
        world.minutes(1);
        world.field.edit(&target, "name", "from target");
        world.sync().await;
        let expected = if winner == "source" { "from the source" } else { "from target" };
        assert_eq!(world.crm.text(&source, "name"), expected, "{name}");
        assert_eq!(world.field.text(&target, "name"), expected, "{name}");
        assert_eq!(world.conflicts().await.len(), 1);
        world.settle().await;
    }
}

/// A resolver of the host's: the longer text wins.
#[derive(Debug)]
struct Longest;

impl ConflictResolver for Longest {
    fn name(&self) -> &'static str {
        "longest_text"
    }

    fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        let length = |side: Side| case.values[side].iter().map(|value| value.size()).sum::<usize>();
        match length(Side::Source).cmp(&length(Side::Target)) {
            std::cmp::Ordering::Equal => Resolution::Declines("both are as long".into()),
            std::cmp::Ordering::Greater => Resolution::Wins(Side::Source, "it is longer".into()),
            std::cmp::Ordering::Less => Resolution::Wins(Side::Target, "it is longer".into()),
        }
    }
}

/// P11: one row, however often the records are looked at.
#[tokio::test]
pub(crate) async fn a_manual_conflict_waits_while_other_fields_go_on() {
    let world = World::with(
        SimProfile::default(),
        SimProfile::default(),
        contacts().conflicts(Strategy::Manual),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.crm.edit(&source, "address", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!(report.held.len(), 1, "{report}");
    assert_eq!(report.held[0].reason, HoldReason::Conflict);
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");

    // Another field is edited while the phone waits: the phone is not touched.
    for edit in ["Ann A", "Ann B", "Ann C"] {
        world.minutes(15);
        world.crm.edit(&source, "name", edit);
        world.sync().await;
        assert_eq!(world.field.text(&target, "name"), edit);
    }
    assert_eq!(world.crm.text(&source, "phone"), "256 555 1400");
    assert_eq!(world.field.text(&target, "phone"), "256 555 1405");
    let rows = world.conflicts().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].status, ConflictStatus::Open);
    assert_eq!(world.holds().await.len(), 1);

    // Another edit of the phone makes the row stale, and opens one new row.
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1420");
    world.sync().await;
    let rows = world.conflicts().await;
    let status: Vec<ConflictStatus> = rows.iter().map(|row| row.status).collect();
    assert_eq!(status, [ConflictStatus::Open, ConflictStatus::Stale]);

    // The sides become equal: the row is resolved, and the hold is gone.
    world.minutes(15);
    world.field.edit(&target, "phone", "256 555 1420");
    world.sync().await;
    assert_eq!(world.conflicts().await[0].status, ConflictStatus::Resolved);
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

#[tokio::test]
async fn edits_within_the_skew_of_clocks_wait_for_a_person() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.clock.advance(std::time::Duration::from_secs(4));
    world.field.edit(&target, "phone", "256 555 1405");
    let report = world.sync().await;
    assert_eq!((report.writes(), report.held.len()), (0, 1), "{report}");
}

#[tokio::test]
async fn records_that_are_linked_with_different_values_wait_unless_there_is_a_primary() {
    for primary in [None, Some(Side::Target)] {
        let mut mapping = contacts();
        if let Some(side) = primary {
            mapping = mapping.primary(side);
        }
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.minutes(15);
        let target =
            world.field.insert([("mail", "Ann@x.io"), ("name", "Anne"), ("street", "1 Main")]);
        world.minutes(15);
        world.sync().await;
        assert_eq!(world.crm.text(&source, "address"), "1 Main");
        assert_eq!(world.field.text(&target, "name"), "Anne");
        let rows = world.conflicts().await;
        assert_eq!((rows.len(), rows[0].kind), (1, ConflictKind::FirstLink));
        let expected = if primary.is_some() { "Anne" } else { "Ann" };
        assert_eq!(world.crm.text(&source, "name"), expected);
        world.settle().await;
        assert_eq!(world.conflicts().await.len(), 1);
    }
}

/// A listing that lags may show an older version of one side: the decision is made on fetched
/// values of the side that is written.
#[tokio::test]
async fn a_conflict_is_decided_on_what_the_written_side_holds_now() {
    let lagging = || SimProfile {
        list_lag: std::time::Duration::from_secs(60),
        capabilities: Capabilities {
            list: Consistency::Lagging(std::time::Duration::from_secs(60)),
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::with(lagging(), lagging(), contacts());
    let source = world.crm.insert([("email", "ann@x.io"), ("phone", "1 555 0100")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("phone", "1 555 0100")]);
    world.minutes(5);
    world.sync().await;
    world.time("14:00");
    world.crm.edit(&source, "phone", "1 555 1400");
    world.time("14:14");
    world.field.edit(&target, "phone", "1 555 1414");
    world.clock.advance(std::time::Duration::from_secs(30));
    // The listing does not show the target's edit yet; the fetch before the write does.
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.conflicts_decided), (0, 1), "{report}");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "phone"), "1 555 1414");
    assert_eq!(world.field.text(&target, "phone"), "1 555 1414");
    assert_eq!(world.conflicts().await.len(), 1);
    assert_eq!(world.field.calls(CallKind::Update), 0);
}

#[tokio::test]
async fn skip_leaves_both_values_until_one_of_them_is_edited_again() {
    let world = World::with(
        SimProfile::default(),
        SimProfile::default(),
        contacts().conflicts(Strategy::Skip),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "phone"), "256 555 1400");
    assert_eq!(world.field.text(&target, "phone"), "256 555 1405");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status, rows[0].winner), (1, ConflictStatus::Auto, None));
    assert!(world.holds().await.is_empty());
    world.crm.edit(&source, "phone", "256 555 1420");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 1420");
}

#[tokio::test]
async fn error_makes_the_whole_record_wait_and_no_other() {
    let world = World::with(
        SimProfile::default(),
        SimProfile::default(),
        contacts().conflicts(Strategy::Error),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.crm.edit(&source, "address", "2 Oak Ave");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let report = world.sync().await;
    assert_eq!((report.held.len(), report.sides.target.created), (1, 1), "{report}");
    assert_eq!(world.field.text(&target, "street"), "1 Main St");
    // Looked at again for another edit, it waits for the same row.
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann Lee");
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Open));
    // The sides become equal: everything flows.
    world.minutes(15);
    world.field.edit(&target, "phone", "256 555 1400");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann Lee");
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    assert_eq!(world.conflicts().await[0].status, ConflictStatus::Resolved);
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn strategies_are_asked_in_order_until_one_does_not_decline() {
    let world = World::with(
        SimProfile::default(),
        SimProfile::default(),
        contacts().conflicts([Strategy::NonBlankWins, Strategy::Longest, Strategy::SourceWins]),
    );
    let (source, target) = world.linked().await;
    for (here, there, expected) in
        [("", "Anne", "Anne"), ("Annabel", "Ann", "Annabel"), ("Ann", "Bob", "Ann")]
    {
        world.minutes(15);
        world.crm.edit(&source, "name", here);
        world.field.edit(&target, "name", there);
        world.settle().await;
        assert_eq!(world.crm.text(&source, "name"), expected);
        assert_eq!(world.field.text(&target, "name"), expected);
    }
    assert_eq!(world.conflicts().await[0].strategy, "non_blank_wins, longest, source_wins");
}

/// A hold says what to mend in the mapping; once that is done, the value flows.
#[tokio::test]
async fn a_value_that_no_row_of_the_table_had_flows_when_the_row_is_added() {
    let mapping = |rows: &[(&'static str, &'static str)]| {
        let table = value_map(rows.iter().copied());
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("name", "name", |pair| pair.transform(table))
    };
    let mut world =
        World::with(SimProfile::default(), SimProfile::default(), mapping(&[("a", "a")]));
    let (source, target) = world.linked_with_name("a").await;
    world.minutes(15);
    world.crm.edit(&source, "name", "b");
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::Invalid, "{report}");
    // It is the same hold until something is done about it.
    assert_eq!(world.sync().await.held.len(), 0);
    world.mapping = mapping(&[("a", "a"), ("b", "bee")]).build().unwrap();
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "bee");
    assert!(world.holds().await.is_empty());
}

/// The times that decide are those of people's edits: our own write to the target, a moment ago in
/// the same run, does not hide the one there.
#[tokio::test]
async fn a_conflict_is_decided_the_same_after_another_field_was_written_forward() {
    for field_times in [false, true] {
        let profile = || SimProfile { field_times, ..SimProfile::default() };
        let world = World::with(profile(), profile(), contacts());
        let (source, target) = world.linked().await;
        world.time("14:00");
        world.crm.edit(&source, "phone", "256 555 1400");
        world.crm.edit(&source, "name", "Ann B");
        world.time("14:05");
        world.field.edit(&target, "phone", "256 555 1405");
        world.time("14:15");
        let report = world.sync().await;
        assert!(report.held.is_empty(), "{report}");
        assert_eq!(world.field.text(&target, "name"), "Ann B");
        for (system, record) in [(&world.crm, &source), (&world.field, &target)] {
            assert_eq!(system.text(record, "phone"), "256 555 1405");
        }
        let rows = world.conflicts().await;
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.winner, row.status), (Some(Winner::Target), ConflictStatus::Auto));
        assert_eq!((row.times.source, row.times.target), (Some(at("14:00")), Some(at("14:05"))));
        world.settle().await;
    }
}

/// P11: both edits are in a row, also if the one that wins cannot be written.
#[tokio::test]
async fn a_winner_that_is_refused_leaves_an_open_row_with_its_hold() {
    let table = || value_map([("a", "a"), ("c", "c")]);
    let refused = contacts_by_mail()
        .pair_with("name", "name", |pair| pair.transform(table()).conflicts(Strategy::SourceWins));
    let required = contacts_by_mail()
        .pair_with("name", "name", |pair| pair.required().conflicts(Strategy::SourceWins));
    for (mapping, edit) in [(refused, "b"), (required, "")] {
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        let (source, target) = world.linked_with_name("a").await;
        world.minutes(15);
        world.crm.edit(&source, "name", edit);
        world.field.edit(&target, "name", "c");
        let report = world.sync().await;
        assert_eq!((report.writes(), report.held[0].reason), (0, HoldReason::Invalid), "{report}");
        world.settle().await;
        let (holds, rows) = (world.holds().await, world.conflicts().await);
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.winner, row.status), (None, ConflictStatus::Open));
        assert_eq!(row.values.source, [Value::from(edit)]);
        assert_eq!(row.values.target, [Value::from("c")]);
        assert!(row.why.contains("source"), "{}", row.why);
        assert_eq!(holds[0].conflict, Some(row.id));

        // Sides that mean the same have resolved it.
        world.crm.edit(&source, "name", "c");
        world.settle().await;
        assert!(world.holds().await.is_empty());
        let rows = world.conflicts().await;
        let of = |status| rows.iter().filter(|row| row.status == status).count();
        assert_eq!((rows.len(), of(ConflictStatus::Resolved)), (1, 1), "{rows:?}");
    }
}

fn contacts_by_mail() -> fluxcascade_core::mapping::MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
}

/// P19: an answer that is carried out first changes nothing of which edit of another pair is the newer.
#[tokio::test]
async fn an_answer_in_the_same_run_hides_from_no_strategy_when_a_side_was_edited() {
    for strategies in [vec![Strategy::NewestWins], vec![Strategy::NewestWins, Strategy::SourceWins]]
    {
        let mapping = by_mail()
            .pair_with("name", "name", |p| p.conflicts(Strategy::Manual))
            .pair_with("phone", "phone", |p| p.conflicts(strategies.clone()));
        let (world, source, target) =
            edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
        world.sync().await;
        world.minutes(5);
        world.crm.edit(&source, "phone", "256 555 0111");
        world.minutes(1);
        world.field.edit(&target, "phone", "256 555 0122");
        let items = desk(&world).await;
        say(&world, &items[0], Choice::Take(Side::Source)).await;
        checked(&world).await;
        assert_eq!(world.crm.text(&source, "phone"), "256 555 0122", "{strategies:?}");
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        world.settle().await;
    }
}
