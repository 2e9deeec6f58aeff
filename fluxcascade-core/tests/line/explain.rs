//! Why a field holds what it holds, and what a changed mapping would do: told from the store.

use fluxcascade_core::engine::{Change, Setting};
use fluxcascade_core::mapping::{DeletePolicy, MappingBuilder, OnChange, PairDirection, Test};
use fluxcascade_core::model::{FieldName, HoldReason, RecordId, Side, Value};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::SimProfile;
use fluxcascade_core::transform::value_map;

use crate::world::{World, contacts};

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

/// P26.
#[tokio::test]
async fn an_explanation_names_the_last_writes_the_conflict_and_what_waits() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.time("14:00");
    world.crm.edit(&source, "phone", "256 555 1400");
    world.time("14:05");
    world.field.edit(&target, "phone", "256 555 1405");
    world.time("14:15");
    world.sync().await;
    let engine = world.engine().await;
    let why = engine.explain("contacts", Side::Source, &source, &field("phone")).await.unwrap();
    let [pair] = why.pairs.as_slice() else { panic!("{why}") };
    assert_eq!(pair.log.len(), 1, "{why}");
    assert_eq!(pair.log[0].before, Some(vec![Value::from("256 555 1400")]));
    assert_eq!(pair.log[0].after, Some(vec![Value::from("256 555 1405")]));
    assert_eq!(pair.confirmed.source, Some(vec![Value::from("256 555 1405")]));
    let words = why.to_string();
    assert!(words.starts_with(&format!("phone of crm contacts {source}\n")), "{words}");
    assert!(words.contains(&format!("linked to field clients {target}\n")), "{words}");
    assert!(words.contains("\"256 555 1400\" became \"256 555 1405\": conflict: "), "{words}");
    assert!(words.contains("field clients won (newest_wins: "), "{words}");

    let other = engine.explain("contacts", Side::Source, &source, &field("fax")).await.unwrap();
    assert!(other.to_string().contains("no pair of the mapping has this field"), "{other}");
    let nobody = RecordId::new("nobody").unwrap();
    let other = engine.explain("contacts", Side::Source, &nobody, &field("phone")).await.unwrap();
    assert!(other.to_string().contains("the record is not linked"), "{other}");
}

#[tokio::test]
async fn an_explanation_says_what_waits_and_hides_what_is_sensitive() {
    let mut world = World::with(
        SimProfile::default(),
        SimProfile::default(),
        contacts().conflicts(Strategy::Manual),
    );
    world.mapping.pairs[2].sensitive = true;
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.sync().await;
    let engine = world.engine().await;
    let why = engine.explain("contacts", Side::Target, &target, &field("phone")).await.unwrap();
    assert_eq!(why.pairs[0].waits.as_ref().map(|waits| waits.reason), Some(HoldReason::Conflict));
    let words = why.to_string();
    assert!(words.contains("it waits since"), "{words}");
    assert!(words.contains("next: say on the desk which value stands"), "{words}");
    assert!(!words.contains("256 555"), "{words}");
    let told = serde_json::to_string(&why).unwrap();
    assert!(!told.contains("256 555"), "{told}");
}

/// P20: shown first, and nothing is stored.
#[tokio::test]
async fn what_a_changed_mapping_would_do_is_counted_from_the_store() {
    let world = World::new();
    world.linked().await;
    let engine = world.engine().await;
    let same = engine.what_if(world.mapping.clone()).await.unwrap();
    assert!(same.pairs.is_empty() && !same.reads_whole, "{same}");
    let mut changed = world.mapping.clone();
    changed.pairs[1].transforms = vec![value_map([("Ann", "Anna")])];
    changed.pairs[1].on_change = OnChange::RewriteTarget;
    changed.pairs.remove(3);
    let what = engine.what_if(changed).await.unwrap();
    let told: Vec<_> = what.pairs.iter().map(|pair| (pair.change, pair.links)).collect();
    let transform = Change::Transform(OnChange::RewriteTarget);
    assert_eq!(told, [(transform, 1), (Change::Removed, 1)], "{what}");
    assert!(what.reads_whole);
    let words = what.to_string();
    assert!(words.contains("in 1 link the sides no longer mean the same"), "{words}");
    let key = engine.mapping_key(&world.mapping.name);
    assert_eq!(world.store.revisions(&key).await.unwrap().len(), 1);
}

/// What `what_if` says of a changed mapping: settings with their pair, and whether sides are read.
async fn told(mapping: MappingBuilder) -> (Vec<(Option<String>, Setting)>, bool, String) {
    let world = World::new();
    world.linked().await;
    let what = world.engine().await.what_if(mapping.build().unwrap()).await.unwrap();
    assert!(what.pairs.is_empty() && what.kept.is_empty(), "{what}");
    let settings = what.settings.iter().map(|change| (change.pair.clone(), change.setting));
    (settings.collect(), what.reads_whole, what.to_string())
}

/// P20: what is read, and by what is matched.
#[tokio::test]
async fn a_changed_filter_and_a_changed_rule_are_told_with_what_the_next_run_does() {
    let filtered = contacts().filter(Side::Source, "status", Test::Differs("off".into()));
    let (settings, reads_whole, words) = told(filtered).await;
    assert_eq!((settings, reads_whole), (vec![(None, Setting::Filter(Side::Source))], true));
    assert!(words.contains("filter of the source: none becomes [{\"field\":\"status\""), "{words}");
    assert!(
        words.contains("that it hides rest with their bases and nothing is deleted"),
        "{words}"
    );
    let (settings, reads_whole, words) = told(contacts().match_on("name", "name")).await;
    assert_eq!((settings, reads_whole), (vec![(None, Setting::MatchRules)], true));
    let said =
        "match rules: email = mail becomes email = mail, then name = name: both sides are read";
    assert!(words.contains(said), "{words}");
}

/// P20: what decides is told of whom it is said, and no side is read for it.
#[tokio::test]
async fn changed_policies_are_told_of_the_mapping_or_of_the_pair_that_says_them() {
    let (settings, reads_whole, words) = told(contacts().conflicts(Strategy::SourceWins)).await;
    assert_eq!((settings, reads_whole), (vec![(None, Setting::Conflicts)], false));
    let said =
        "conflicts: newest_wins becomes source_wins: conflicts that wait are decided by it in";
    assert!(words.contains(said) && words.contains("no side is read again"), "{words}");

    let world = World::new();
    world.linked().await;
    let mut changed = world.mapping.clone();
    changed.pairs[1].direction = Some(PairDirection::SourceOnly);
    changed.pairs[2].required = true;
    changed.pairs[3].conflicts = Some(Strategy::Manual.into());
    changed.on_delete.target = DeletePolicy::Recreate;
    let what = world.engine().await.what_if(changed).await.unwrap();
    let settings: Vec<_> =
        what.settings.iter().map(|change| (change.pair.as_deref(), change.setting)).collect();
    let expected = [
        (None, Setting::OnDelete(Side::Target)),
        (Some("name = name"), Setting::Direction),
        (Some("phone = phone"), Setting::Required),
        (Some("address = street"), Setting::Conflicts),
    ];
    assert_eq!(settings, expected, "{what}");
    let words = what.to_string();
    assert!(words.contains("name = name, direction: bidirectional becomes source_only"), "{words}");
    assert!(words.contains("required: false becomes true: blanks are treated so"), "{words}");
    assert!(words.contains("delete on the target: unlink becomes recreate"), "{words}");
}
