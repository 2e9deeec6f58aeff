//! The stores' contract: all stores keep it, and for each of its rules there is a store that
//! breaks just that rule, and is found out.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod broken;
mod failing;
#[cfg(feature = "postgres")]
#[path = "../shared/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::sync::Arc;

#[cfg(feature = "sealed")]
use fluxcascade_core::store::{Budgets, Rows, Schedule, TokenStore, Upkeep};
use fluxcascade_core::store_conformance;
use fluxcascade_core::testkit::block_on;
use fluxcascade_core::testkit::conformance::store::{
    Fixture, Parts, RULES, Rule, Verdict, Violation,
};
use fluxcascade_store::MemoryStore;

use crate::broken::Broken;

async fn in_memory() -> Fixture {
    Fixture::of(Parts::whole(MemoryStore::new()))
}

store_conformance! { mod memory { open: in_memory } }

#[cfg(feature = "sqlite")]
async fn in_a_file() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let open = move || {
        let opening = fluxcascade_store::SqliteStore::open(folder.path().join("sync.db"));
        async move { opening.await.map(Parts::whole) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[cfg(feature = "sqlite")]
store_conformance! { #[tokio::test] mod sqlite { open: in_a_file } }

/// Without a server the rule is put to the store in memory, and the test says that it was skipped.
#[cfg(feature = "postgres")]
async fn on_a_server() -> Fixture {
    let Some(place) = server::Place::or_skip() else { return in_memory().await };
    let options = place.options();
    let open = move || {
        let options = options.clone();
        async move { fluxcascade_store::PostgresStore::open(&options).await.map(Parts::whole) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[cfg(feature = "postgres")]
store_conformance! { #[tokio::test] mod postgres { open: on_a_server } }

/// A store below a layer that seals what is in it.
#[cfg(feature = "sealed")]
fn sealing<S>(store: S) -> Parts
where
    S: Upkeep + Rows + TokenStore + Schedule + Budgets,
{
    use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    below(Sealed::new(store, Keyring::new(SealingKey::new("1", &[7; 32]).unwrap())))
}

/// What a sealed store implements.
#[cfg(feature = "sealed")]
fn below<S>(store: fluxcascade_store::Sealed<S>) -> Parts
where
    S: Upkeep + Rows + TokenStore + Schedule + Budgets,
{
    let store = Arc::new(store);
    Parts::of(&store).tokens(&store).schedule(&store).budgets(&store).upkeep(&store)
}

#[cfg(feature = "sealed")]
async fn sealed_in_memory() -> Fixture {
    Fixture::of(sealing(MemoryStore::new()))
}

#[cfg(feature = "sealed")]
store_conformance! { mod sealed_memory { open: sealed_in_memory } }

#[cfg(all(feature = "sealed", feature = "sqlite"))]
async fn sealed_in_a_file() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = move || folder.path().join("sync.db");
    let open = move || {
        let opening = fluxcascade_store::SqliteStore::open(path());
        async move { opening.await.map(sealing) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[cfg(all(feature = "sealed", feature = "sqlite"))]
store_conformance! { #[tokio::test] mod sealed_sqlite { open: sealed_in_a_file } }

#[cfg(all(feature = "sealed", feature = "postgres"))]
async fn sealed_on_a_server() -> Fixture {
    let Some(place) = server::Place::or_skip() else {
        return sealed_in_memory().await;
    };
    let options = place.options();
    let open = move || {
        let options = options.clone();
        async move { fluxcascade_store::PostgresStore::open(&options).await.map(sealing) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[cfg(all(feature = "sealed", feature = "postgres"))]
store_conformance! { #[tokio::test] mod sealed_postgres { open: sealed_on_a_server } }

#[cfg(feature = "sealed")]
fn sealing_some<S>(store: S) -> Parts
where
    S: Upkeep + Rows + TokenStore + Schedule + Budgets,
{
    use fluxcascade_core::mapping::{FieldPair, Mapping};
    use fluxcascade_core::testkit::conformance::store::nouns::{field, pair};
    use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    let mapping = Mapping::builder("contacts").source("hubspot", "contacts");
    let mapping = mapping.target("jobber", "clients").match_on("email", "emails.primary");
    let mut mapping = mapping.pair("email", "emails.primary").build().unwrap();
    // The pair of the suite's bases, log rows and conflicts.
    let names = FieldPair::new(vec![field("name")], vec![field("firstName"), field("lastName")]);
    mapping.pairs.push(FieldPair { id: Some(pair("name")), ..names });
    let ring = Keyring::new(SealingKey::new("1", &[7; 32]).unwrap());
    below(Sealed::only_sensitive(store, ring, [&mapping]))
}

#[cfg(feature = "sealed")]
async fn sealed_in_part() -> Fixture {
    Fixture::of(sealing_some(MemoryStore::new()))
}

#[cfg(feature = "sealed")]
store_conformance! { mod sealed_in_part { open: sealed_in_part } }

#[cfg(all(feature = "sealed", feature = "sqlite"))]
async fn sealed_in_part_in_a_file() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = move || folder.path().join("sync.db");
    let open = move || {
        let opening = fluxcascade_store::SqliteStore::open(path());
        async move { opening.await.map(sealing_some) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[cfg(all(feature = "sealed", feature = "sqlite"))]
store_conformance! { #[tokio::test] mod sealed_in_part_sqlite { open: sealed_in_part_in_a_file } }

/// A store that breaks a rule; opened again it has what it had, as far as the rule allows.
async fn breaking(rule: &'static str) -> Fixture {
    let inner = Arc::new(MemoryStore::new());
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let open = move || {
        let times = opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store = Broken::new(Arc::clone(&inner), rule, times);
        async move { Ok(Parts::whole(store)) }
    };
    Fixture::reopening(open).await.unwrap()
}

#[test]
fn each_rule_finds_the_store_that_breaks_it_and_no_other_rule_does() {
    let mut wrong = Vec::new();
    for broken in RULES {
        for rule in RULES {
            let verdict = block_on(async { rule.check(&breaking(broken.name()).await).await });
            match (verdict, rule.name() == broken.name()) {
                (Err(violation), true) => assert_eq!(violation.rule, rule.name()),
                (Ok(Verdict::Kept), false) => {}
                (verdict, _) => wrong.push(format!("broken: {}: {verdict:?}", broken.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rule_without_its_means_does_not_apply() {
    let bare = || Fixture::of(Parts::of(&Arc::new(MemoryStore::new())));
    let verdicts: Vec<_> = RULES.iter().map(|rule| block_on(rule.check(&bare()))).collect();
    let left_out =
        verdicts.iter().filter(|verdict| matches!(verdict, Ok(Verdict::DoesNotApply(_))));
    // What is durable, and what is about tokens, schedules, budgets, upkeep and rows.
    assert_eq!(left_out.count(), 8 + 17 + 5 + 14 + 7);
    assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
}

#[test]
fn a_rule_is_named_once() {
    let names: BTreeSet<_> = RULES.iter().map(Rule::name).collect();
    assert_eq!(names.len(), RULES.len());
    let violation = Violation { rule: "a_rule", found: "something else".into() };
    assert_eq!(violation.to_string(), "the rule `a_rule` is not kept: something else");
}

/// The sentences of the traits' contracts: the list items of their doc comments, as names.
fn sentences(source: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in source.lines().filter_map(|line| line.trim().strip_prefix("///")) {
        if let Some(sentence) = line.strip_prefix(" - ") {
            found.push(sentence.into());
        } else if let (Some(rest), Some(last)) = (line.strip_prefix("   "), found.last_mut()) {
            last.push(' ');
            last.push_str(rest);
        }
    }
    let named = |sentence: String| {
        let words = sentence.to_lowercase();
        let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    };
    found.into_iter().map(named).collect()
}

/// The sentences of the traits' contracts are the rules, and the rules the sentences.
#[test]
fn each_rule_is_a_sentence_of_the_contract_and_each_sentence_a_rule() {
    let sources = [
        include_str!("../../../fluxcascade-core/src/store.rs"),
        include_str!("../../../fluxcascade-core/src/store/token.rs"),
        include_str!("../../../fluxcascade-core/src/store/schedule.rs"),
        include_str!("../../../fluxcascade-core/src/store/budget.rs"),
        include_str!("../../../fluxcascade-core/src/store/upkeep.rs"),
    ];
    let sentences: Vec<String> = sources.into_iter().flat_map(sentences).collect();
    for sentence in &sentences {
        let is_rule = RULES.iter().any(|rule| sentence.starts_with(rule.name()));
        assert!(is_rule, "no rule is named as {sentence}");
    }
    for rule in RULES {
        let said = sentences.iter().filter(|sentence| sentence.starts_with(rule.name())).count();
        assert_eq!(said, 1, "{} in the contract", rule.name());
    }
    assert_eq!(sentences.len(), RULES.len());
}
