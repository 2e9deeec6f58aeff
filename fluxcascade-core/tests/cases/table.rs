//! A table of rows: each is taken by an adapter, or has a reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// The rows of a file under this key, by their names; names that repeat are numbered.
pub(crate) fn rows(file: &str, key: &str, name: impl Fn(&Json) -> String) -> Vec<(String, Json)> {
    let file: Json = serde_json::from_str(file).unwrap();
    for said in ["repo", "path", "commit", "licence"] {
        assert!(file["source"][said].is_string(), "the file does not say its {said}");
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let rows = file[key].as_array().unwrap().iter();
    rows.map(|row| {
        let name = name(row);
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name} #{count}") };
        (name, row.clone())
    })
    .collect()
}

/// The field of a row that names it.
pub(crate) fn named(field: &'static str) -> impl Fn(&Json) -> String {
    move |row| row[field].as_str().unwrap().to_owned()
}

/// Takes each row that has no reason not to be taken, and counts them.
pub(crate) fn take(
    rows: &[(String, Json)],
    left: &[(&str, &str)],
    mut adapter: impl FnMut(&str, &Json),
) -> usize {
    let names: BTreeSet<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), rows.len());
    for (name, reason) in left {
        assert!(names.contains(name), "there is no row {name} any more: it was left, as {reason}");
        assert!(reason.split(' ').count() > 3, "{name}: {reason:?} is no reason");
    }
    let left: BTreeMap<&str, &str> = left.iter().copied().collect();
    let taken: Vec<_> = rows.iter().filter(|(name, _)| !left.contains_key(name.as_str())).collect();
    for (name, row) in &taken {
        adapter(name, row);
    }
    assert_eq!(taken.len() + left.len(), rows.len(), "a row has two reasons");
    taken.len()
}
