//! The connectors' contract: simulated systems keep it, and for each of its rules there is a
//! connector that breaks just that rule, and is found out.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod broken;
mod broken_reads;
mod broken_writes;

use std::collections::BTreeSet;
use std::future::{Ready, ready};
use std::sync::Arc;

use fluxcascade_core::connector::{Capabilities, Consistency, DeleteSignal};
use fluxcascade_core::connector_conformance;
use fluxcascade_core::model::{FieldName, Value};
use fluxcascade_core::testkit::conformance::connector::{Fixture, RULES, Rule, Verdict, Violation};
use fluxcascade_core::testkit::{SimProfile, block_on};

use crate::broken::Broken;

fn easy() -> Ready<Fixture> {
    ready(Fixture::simulated(SimProfile::default()))
}

fn hubspot_like() -> Ready<Fixture> {
    ready(Fixture::simulated(SimProfile::hubspot_like()))
}

fn salesforce_like() -> Ready<Fixture> {
    ready(Fixture::simulated(SimProfile::salesforce_like()))
}

fn pipedrive_like() -> Ready<Fixture> {
    ready(Fixture::simulated(SimProfile::pipedrive_like()))
}

fn jobber_like() -> Ready<Fixture> {
    ready(Fixture::simulated(SimProfile::jobber_like()))
}

fn able() -> Ready<Fixture> {
    ready(Fixture::simulated(with_all_powers()))
}

connector_conformance! { mod an_easy_system { fixture: easy } }
connector_conformance! { #[tokio::test] mod with_hubspots_profile { fixture: hubspot_like } }
connector_conformance! { mod with_salesforces_profile { fixture: salesforce_like } }
connector_conformance! { mod with_pipedrives_profile { fixture: pipedrive_like } }
connector_conformance! { mod with_jobbers_profile { fixture: jobber_like } }
connector_conformance! { mod with_all_powers_at_once { fixture: able } }

/// It can do everything that a system can declare.
fn with_all_powers() -> SimProfile {
    let capabilities = Capabilities {
        page: 7,
        read_batch: 3,
        deletes: DeleteSignal::Flag,
        conditional_writes: true,
        refuses_duplicates: true,
        upserts: true,
        archives: true,
        deletes_for_good: true,
        restores: true,
        ..SimProfile::default().capabilities
    };
    SimProfile { capabilities, field_times: true, ..SimProfile::default() }
}

fn trimming() -> SimProfile {
    let trim = |_: &FieldName, value: &Value| Some(Value::from(value.as_text()?.trim()));
    SimProfile { normaliser: Some(Arc::new(trim)), ..SimProfile::default() }
}

fn lagging() -> SimProfile {
    let lag = std::time::Duration::from_secs(200);
    let capabilities =
        Capabilities { list: Consistency::Lagging(lag), ..SimProfile::default().capabilities };
    SimProfile { list_lag: lag, capabilities, ..SimProfile::default() }
}

/// The profile in which the rule applies.
fn profile(rule: &str) -> SimProfile {
    match rule {
        "a_row_that_shows_late_is_returned_within_the_look_back" => lagging(),
        "what_an_answer_says_of_a_record_is_what_is_stored" => trimming(),
        "an_upsert_changes_the_record_that_has_the_value_and_makes_no_other" => {
            let mut profile = with_all_powers();
            profile.capabilities.refuses_duplicates = false;
            profile
        }
        "a_delete_shows_as_declared"
        | "what_is_archived_shows_its_values"
        | "a_create_that_repeats_a_key_names_the_record_that_has_it"
        | "a_write_on_condition_is_refused_once_the_record_has_moved_on"
        | "an_upsert_of_a_new_value_makes_a_record"
        | "what_is_archived_is_gone_and_archiving_it_again_is_applied"
        | "what_is_deleted_is_gone_and_deleting_it_again_is_applied"
        | "what_is_restored_has_its_id_and_its_values"
        | "times_of_fields_are_answered_per_record_in_the_order_asked"
        | "a_field_that_changed_later_has_the_later_time" => with_all_powers(),
        _ => SimProfile::default(),
    }
}

#[test]
fn each_rule_finds_the_connector_that_breaks_it_and_no_other_rule_does() {
    let mut wrong = Vec::new();
    for broken in RULES {
        for rule in RULES {
            let fixture = Fixture::wrapped(profile(broken.name()), |system| {
                Arc::new(Broken::new(system, broken.name()))
            });
            let verdict = block_on(rule.check(&fixture));
            let is_own = rule.name() == broken.name();
            match verdict {
                Err(violation) if is_own => assert_eq!(violation.rule, rule.name()),
                Ok(Verdict::Kept | Verdict::DoesNotApply(_)) if !is_own => {}
                verdict => wrong.push(format!("broken: {}: {verdict:?}", broken.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// So that no rule passes by never applying.
#[test]
fn each_rule_applies_to_a_system_with_all_powers_or_to_one_that_lags() {
    for rule in RULES {
        let kept = [with_all_powers(), lagging()]
            .into_iter()
            .any(|profile| block_on(rule.check(&Fixture::simulated(profile))) == Ok(Verdict::Kept));
        assert!(kept, "{}", rule.name());
    }
}

#[test]
fn a_rule_is_named_once() {
    let names: BTreeSet<_> = RULES.iter().map(Rule::name).collect();
    assert_eq!(names.len(), RULES.len());
    let violation = Violation { rule: "a_rule", found: "something else".into() };
    assert_eq!(violation.to_string(), "the rule `a_rule` is not kept: something else");
}

/// The sentences of the traits' contracts are the rules, and the rules the sentences.
#[test]
fn each_rule_is_a_sentence_of_the_contract_and_each_sentence_a_rule() {
    let source = include_str!("../../src/connector.rs");
    let docs = source.lines().filter_map(|line| line.trim().strip_prefix("///"));
    let sentences = docs.filter_map(|line| line.strip_prefix(" - ")).map(|sentence| {
        let words = sentence.to_lowercase();
        let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    });
    let sentences: Vec<String> = sentences.collect();
    for sentence in &sentences {
        let is_rule = RULES.iter().any(|rule| sentence.starts_with(rule.name()));
        assert!(is_rule, "no rule is named as {sentence}");
    }
    for rule in RULES {
        let is_said = sentences.iter().any(|sentence| sentence.starts_with(rule.name()));
        assert!(is_said, "no contract has the sentence {}", rule.name());
    }
    assert_eq!(sentences.len(), RULES.len());
}
