//! A system that archives: nothing is left of a probe, also when any of its calls fails.

use std::sync::Arc;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::Connector;
use fluxcascade_core::model::{FieldName, FieldSchema, FieldType, ObjectType, RecordId};
use fluxcascade_core::testkit::{CallKind, Fault, FaultPlan, SimProfile, SimSystem};
use fluxcascade_examples::probe::{Report, Verdict, Wanted, never, run};
use fluxcascade_examples::progress::Progress;

use crate::verdict;
use crate::world::at;

fn system(clock: &Arc<ManualClock>) -> Arc<SimSystem> {
    let mut profile = SimProfile::salesforce_like();
    profile.capabilities.archives = true;
    system_like(profile, clock)
}

fn system_like(profile: SimProfile, clock: &Arc<ManualClock>) -> Arc<SimSystem> {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let system = SimSystem::new("crm", "contacts", profile, clock)
        .typed_field("email", FieldType::Email)
        .field("lastname")
        .field("company");
    Arc::new(system)
}

async fn probed(system: &Arc<SimSystem>, clock: &Arc<ManualClock>) -> (Report, String) {
    probed_with(system, clock, &[]).await
}

async fn probed_with(
    system: &Arc<SimSystem>,
    clock: &Arc<ManualClock>,
    given: &[(&str, &str)],
) -> (Report, String) {
    let mut out = Vec::new();
    let wanted = Wanted {
        connector: Arc::<SimSystem>::clone(system) as Arc<dyn Connector>,
        object: ObjectType::new("contacts").unwrap(),
        given: given.iter().map(|(field, value)| ((*field).into(), (*value).into())).collect(),
        most_pages: 20,
        clock: Arc::<ManualClock>::clone(clock) as Arc<dyn Clock>,
        progress: Arc::new(Progress::hidden()),
    };
    let report = run(wanted, never(), &mut out).await.unwrap();
    (report, String::from_utf8(out).unwrap())
}

/// Somebody who was there before.
fn somebody(system: &SimSystem) -> RecordId {
    system.insert([("email", "ann@lee.example"), ("lastname", "Lee"), ("company", "Lee & Co")])
}

#[tokio::test]
async fn everything_passes_and_nothing_is_left() {
    let clock = Arc::new(ManualClock::starting(at("12:00")));
    let system = system(&clock);
    let ann = somebody(&system);
    let (report, out) = probed(&system, &clock).await;
    assert!(report.is_fine() && report.left.is_empty(), "{out}");
    assert!(matches!(verdict(&report, "archive"), Verdict::Passed(_)), "{out}");
    assert_eq!(system.records(), [ann], "{out}");
}

#[tokio::test]
async fn a_step_that_fails_is_told_and_what_was_made_is_removed_all_the_same() {
    for kind in
        [CallKind::Fetch, CallKind::Update, CallKind::Find, CallKind::Changes, CallKind::Archive]
    {
        for fault in [Fault::Unavailable, Fault::AnswerLost] {
            if !fault.strikes(kind) {
                continue;
            }
            let clock = Arc::new(ManualClock::starting(at("12:00")));
            let system = system(&clock);
            let ann = somebody(&system);
            system.fail_next(kind, fault);
            let (report, out) = probed(&system, &clock).await;
            assert!(!report.is_fine(), "{kind:?} {fault:?}\n{out}");
            assert!(report.left.is_empty(), "{kind:?} {fault:?}\n{out}");
            assert_eq!(system.records(), std::slice::from_ref(&ann), "{kind:?} {fault:?}\n{out}");
            assert_eq!(system.text(&ann, "company"), "Lee & Co");
        }
    }
}

#[tokio::test]
async fn a_create_without_an_answer_is_told_by_its_mark_and_not_touched() {
    let clock = Arc::new(ManualClock::starting(at("12:00")));
    let system = system(&clock);
    let ann = somebody(&system);
    system.fail_next(CallKind::Create, Fault::AnswerLost);
    let (report, out) = probed(&system, &clock).await;
    assert!(!report.is_fine());
    let [mark] = report.doubtful.as_slice() else { panic!("{out}") };
    assert!(out.contains(&format!("if a record is called {mark}, remove it")), "{out}");
    let more: Vec<RecordId> = system.records().into_iter().filter(|id| *id != ann).collect();
    assert_eq!(more.len(), 1, "{out}");
    assert_eq!(system.text(&more[0], "lastname"), *mark);
}

/// What a create needs and nobody can make up is asked for, and nothing is made without it.
#[tokio::test]
async fn a_field_that_a_create_needs_is_given_by_the_caller() {
    let clock = Arc::new(ManualClock::starting(at("12:00")));
    let whose = FieldSchema::new(
        FieldName::new("client").unwrap(),
        FieldType::Ref { object: ObjectType::new("clients").unwrap() },
    );
    let system = Arc::new(Arc::unwrap_or_clone(system(&clock)).schema_field(whose.required()));
    let (report, out) = probed(&system, &clock).await;
    assert!(matches!(verdict(&report, "schema"), Verdict::Lacks(_)), "{out}");
    assert!(out.contains("give one with --set client=VALUE"), "{out}");
    assert!(system.records().is_empty() && !report.is_fine(), "{out}");

    let (report, out) = probed_with(&system, &clock, &[("client", "42")]).await;
    assert!(report.is_fine() && system.records().is_empty(), "{out}");
    let (report, out) = probed_with(&system, &clock, &[("clint", "42")]).await;
    assert!(!report.is_fine() && out.contains("there is no field `clint`"), "{out}");
}

/// Systems that are late, that show archived records by a flag or not at all, that make one at a time.
#[tokio::test]
async fn systems_of_every_sort_pass_and_what_can_be_removed_is() {
    for profile in [
        SimProfile::default(),
        SimProfile::hubspot_like(),
        SimProfile::salesforce_like(),
        SimProfile::pipedrive_like(),
        SimProfile::jobber_like(),
    ] {
        let clock = Arc::new(ManualClock::starting(at("12:00")));
        let can = profile.capabilities.archives || profile.capabilities.deletes_for_good;
        let system = system_like(profile.clone(), &clock);
        let ann = somebody(&system);
        let (report, out) = probed(&system, &clock).await;
        assert!(report.is_fine(), "{profile:?}\n{out}");
        assert_eq!(report.left.is_empty(), can, "{profile:?}\n{out}");
        let why = verdict(&report, "clean up").why();
        let is_archived = why.contains("archived, and not deleted");
        assert_eq!(is_archived, profile.capabilities.archives, "{profile:?}\n{out}");
        assert_eq!(out.contains("archived, and still among"), is_archived, "{profile:?}\n{out}");
        let is_deleted = can && !profile.capabilities.archives;
        assert_eq!(why.contains("nothing is left"), is_deleted, "{profile:?}\n{out}");
        let left = system.records().into_iter().filter(|id| *id != ann);
        assert_eq!(left.count(), report.left.len(), "{profile:?}\n{out}");
    }
}

/// Drawn trouble of all sorts at once.
#[tokio::test]
async fn whatever_goes_wrong_nobody_else_is_touched_and_what_is_left_is_told() {
    let (mut left, mut told_of) = (0, 0);
    for seed in 0..300 {
        let clock = Arc::new(ManualClock::starting(at("12:00")));
        let system = system(&clock);
        let ann = somebody(&system);
        system.fail_by(FaultPlan::all(seed, 120));
        let (report, out) = probed(&system, &clock).await;
        system.fail_no_more();
        for (field, value) in
            [("email", "ann@lee.example"), ("lastname", "Lee"), ("company", "Lee & Co")]
        {
            assert_eq!(system.text(&ann, field), value, "seed {seed}\n{out}");
        }
        for record in system.records().into_iter().filter(|id| *id != ann) {
            left += 1;
            // What a create left that was carried out twice has its mark, whoever sees it.
            let named = system.text(&record, "lastname");
            let marker = out.split("is called ").nth(1).unwrap().split("-1…").next().unwrap();
            assert!(named.starts_with(marker), "seed {seed}: {record}\n{out}");
            let told = report.left.contains(&record) || report.strays.contains(&record);
            let unseen =
                report.steps.iter().any(|(step, _)| *step == "look for others of its name");
            told_of += usize::from(told || unseen || !report.doubtful.is_empty());
        }
    }
    assert!(left > 20, "{left}: the faults hit nothing");
    assert!(told_of * 10 > left * 9, "{told_of} of {left} were told");
}

/// A proxy sends a create twice: the second record is seen, and told.
#[tokio::test]
async fn a_create_that_is_carried_out_twice_is_told_and_not_touched() {
    let clock = Arc::new(ManualClock::starting(at("12:00")));
    let system = system(&clock);
    let ann = somebody(&system);
    system.fail_next(CallKind::Create, Fault::DoneTwice);
    let (report, out) = probed(&system, &clock).await;
    let others: Vec<RecordId> = system.records().into_iter().filter(|id| *id != ann).collect();
    assert_eq!(report.strays, others, "{out}");
    assert_eq!(others.len(), 1, "{out}");
    assert!(!report.is_fine() && out.contains("it was not touched"), "{out}");
}
