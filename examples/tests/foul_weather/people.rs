//! People between each two of both vendors.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::model::{MappingKey, MappingName};
use fluxcascade_core::store::{Page, Store};
use fluxcascade_core::{Engine, Mapping, Side};
use fluxcascade_store::MemoryStore;

use super::endpoint::Endpoint;
use super::system::{Dice, Late, People, System, Vendor, clock, minutes, was_foul};

/// People on each side when it begins, of whom the first three are on both.
const PEOPLE: usize = 8;
/// Runs in foul weather.
const ROUNDS: usize = 8;
const SEEDS: u64 = 8;

fn email(side: Side, n: usize) -> String {
    match side {
        _ if n < 3 => format!("both{n}@x.example"),
        Side::Source => format!("source{n}@x.example"),
        Side::Target => format!("target{n}@x.example"),
    }
}

/// The engine, which is told of what happens.
async fn engine(
    systems: [&System; 2],
    endpoint: &Endpoint,
    store: &Arc<MemoryStore>,
    clock: &Arc<ManualClock>,
) -> Engine {
    let [(source, of_source), (target, of_target)] = systems.map(System::names);
    let mut mapping = Mapping::builder("people")
        .source("left", source)
        .target("right", target)
        .primary(Side::Source)
        .match_on(of_source[0], of_target[0]);
    for (from, to) in of_source.into_iter().zip(of_target) {
        mapping = mapping.pair(from, to);
    }
    let [left, right] = systems.map(|system| system.connector(clock));
    endpoint.listens_to("left", &left, source, &of_source).await;
    endpoint.listens_to("right", &right, target, &of_target).await;
    let builder = Engine::builder()
        .shared_connection("left", left)
        .shared_connection("right", right)
        .store(Arc::<MemoryStore>::clone(store))
        .clock(Arc::<ManualClock>::clone(clock))
        .mapping(mapping.build().unwrap());
    builder.build().await.unwrap()
}

/// Runs until one writes nothing; at most six. None reads whole sides: what feeds have shown is enough.
async fn settle(engine: &Engine, clock: &ManualClock) {
    for _ in 0..6 {
        minutes(clock, 30);
        let report = engine.sync("people").await.unwrap();
        if report.writes() == 0 && report.failed.is_empty() {
            return;
        }
    }
    panic!("it does not come to rest");
}

/// What users last called people, by e-mail and side.
type Said = BTreeMap<String, [Option<String>; 2]>;

/// Everybody is called as a user has called them last, on one of both sides; what was called on the other
/// stands in the log.
async fn check_names(people: &People, said: &Said, store: &MemoryStore) {
    let key = MappingKey::of(MappingName::new("people").unwrap());
    let page = Page { limit: 10_000, ..Page::default() };
    let log = serde_json::to_string(&store.log(&key, &page).await.unwrap()).unwrap();
    for (email, (name, _)) in people {
        match said.get(email) {
            None => assert!(name.starts_with("First"), "nobody called {email} {name}"),
            Some(names) => {
                for last in names.iter().flatten().filter(|last| *last != name) {
                    assert!(log.contains(last.as_str()), "{email}: {last} was lost for {name}");
                }
            }
        }
    }
}

async fn storm(vendors: [Vendor; 2], seed: u64, faults: &mut BTreeMap<String, usize>) {
    let clock = clock();
    let late = if seed.is_multiple_of(2) { Late::Writes } else { Late::Answers };
    let source = System::start(vendors[0], seed, &clock).await;
    let target = System::start(vendors[1], seed + 100, &clock).await;
    for n in 0..PEOPLE {
        source.add(&email(Side::Source, n), &format!("First{n}"));
        target.add(&email(Side::Target, n), &format!("First{n}"));
    }
    minutes(&clock, 30);
    let mut endpoint = Endpoint::open(&clock).await;
    let store = Arc::new(MemoryStore::new());
    let engine = engine([&source, &target], &endpoint, &store, &clock).await;
    let mut dice = Dice(seed);
    source.goes_wrong(seed, late);
    target.goes_wrong(seed + 1, late);
    let mut said = Said::new();
    for round in 0..ROUNDS {
        // A run that fails is made again; what it began is settled.
        let _ = engine.sync("people").await;
        for edit in 0..3 {
            minutes(&clock, 1);
            let side = dice.below(2);
            let whose = if dice.below(2) == 0 { Side::Source } else { Side::Target };
            let (email, name) = (email(whose, dice.below(PEOPLE)), format!("Name{round}{edit}"));
            if [&source, &target][side].rename(&email, &name) {
                said.entry(email).or_default()[side] = Some(name);
            }
            source.tells(&mut dice).await;
            target.tells(&mut dice).await;
            endpoint.pass_on(&engine).await;
        }
        minutes(&clock, 11);
    }
    assert!(endpoint.heard > 0, "{vendors:?} {seed}: nobody told of anything");
    source.clears();
    target.clears();
    settle(&engine, &clock).await;
    let (left, right) = (source.people(), target.people());
    assert_eq!(left.len(), 2 * PEOPLE - 3, "{vendors:?} {seed}: everybody is there");
    assert_eq!(left, right, "{vendors:?} {seed}");
    match late {
        Late::Answers => check_names(&left, &said, &store).await,
        Late::Writes => {}
    }
    let full = engine.run("people").full().sync().await.unwrap();
    assert_eq!(full.writes(), 0, "{vendors:?} {seed}: something was overlooked: {full}");
    let counts = engine.counts("people").await.unwrap();
    assert_eq!((counts.operations, counts.holds.len()), (0, 0), "{vendors:?} {seed}: {counts:?}");
    source.add_faults(faults);
    target.add_faults(faults);
}

async fn storms(vendors: [Vendor; 2]) {
    let mut faults = BTreeMap::new();
    for seed in 1..=SEEDS {
        storm(vendors, seed, &mut faults).await;
    }
    was_foul(&faults, 200, 14);
}

#[tokio::test]
async fn hubspot_and_jobber_agree_when_the_weather_clears() {
    storms([Vendor::HubSpot, Vendor::Jobber]).await;
}

#[tokio::test]
async fn two_hubspots_agree_when_the_weather_clears() {
    storms([Vendor::HubSpot, Vendor::HubSpot]).await;
}

#[tokio::test]
async fn two_jobbers_agree_when_the_weather_clears() {
    storms([Vendor::Jobber, Vendor::Jobber]).await;
}
