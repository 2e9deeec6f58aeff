//! How often planning allocates: for the plan that it returns, and for nothing else while nothing
//! has changed. How long it takes is `benches/decide.rs`.

use allocation_counter::measure;
use fluxcascade_benches::{Edits, FIELDS, Fixture, PAGE};
use fluxcascade_core::plan::Entry;

/// A plan's own parts: its entries, its names, and one title per pair.
fn allowed(fields: usize) -> u64 {
    let names = 3;
    let entries = 2;
    let title = 2;
    names + entries + title * fields as u64 + 1
}

/// Allocations for planning one page of records that have not changed.
fn allocations(records: usize, fields: usize) -> u64 {
    let fixture = Fixture::new(records, fields, Edits::None);
    let page = &fixture.pages()[0];
    assert_eq!(page.len(), records);
    let mut quiet = false;
    let counted = measure(|| quiet = fixture.plan(page).entries.iter().all(Entry::is_quiet));
    assert!(quiet, "nothing has changed");
    counted.count_total
}

#[test]
fn planning_unchanged_records_allocates_only_for_the_plan_itself() {
    for fields in [1, 5, FIELDS] {
        let counted = allocations(PAGE, fields);
        assert!(
            counted <= allowed(fields),
            "{counted} allocations for {PAGE} unchanged records of {fields} fields, at most {} are \
             the plan's own: look for a clone or a collect in plan/linked.rs and plan/detect.rs",
            allowed(fields),
        );
    }
}

#[test]
fn an_unchanged_record_more_allocates_nothing_more() {
    for fields in [1, FIELDS] {
        assert_eq!(allocations(PAGE, fields), allocations(PAGE / 2, fields), "{fields} fields");
    }
}

#[test]
fn the_counter_counts_what_a_changed_record_takes() {
    let quiet = allocations(PAGE, FIELDS);
    let fixture = Fixture::new(PAGE, FIELDS, Edits::OnePercent);
    let counted = measure(|| drop(fixture.plan(&fixture.pages()[0])));
    assert!(counted.count_total > quiet, "the counter is not in use");
}
