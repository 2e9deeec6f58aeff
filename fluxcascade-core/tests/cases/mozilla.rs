//! Addresses merged field by field: the stored state is the base, the local record our source, the
//! remote one our target. Where theirs forks a record, ours has a conflict row: the remote value
//! stands under the old id, the local one is kept.

use fluxcascade_core::mapping::{CompiledMapping, PairBuilder};
use fluxcascade_core::model::{Side, Sides, Slot, Value, Winner};
use fluxcascade_core::plan::{Entry, PairAction};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::transform::{Refusal, Shape, Transform, custom};
use serde_json::Value as Json;

use crate::sheet::{
    Fields, after, begin, compile, created, decide, fields, filled, link_of, plan_work, unlinked,
};
use crate::table::{named, rows, take};

/// The fields of an address that are tied; others are not ours to touch.
const PLAIN: [&str; 5] = ["street-address", "tel", "country", "organization", "name"];
const COUNTED: [&str; 4] = ["timeCreated", "timeLastModified", "timeLastUsed", "timesUsed"];

const RECONCILE_LEFT: [(&str, &str); 1] = [(
    "Created, last modified time reconciliation with local changes",
    "usage counters are merged there by largest and smallest whoever changed them; to us a side that \
     did not change is written",
)];

fn addresses() -> CompiledMapping {
    let names = PLAIN.iter().chain(&COUNTED);
    compile(
        names.fold(begin().conflicts(Strategy::TargetWins), |built, name| built.pair(name, name)),
    )
}

fn tied(json: &Json) -> Fields {
    let all = fields(json);
    let ours = |(name, _): &(String, Value)| PLAIN.iter().chain(&COUNTED).any(|tied| tied == name);
    filled(&all.into_iter().filter(ours).collect())
}

#[test]
fn addresses_are_reconciled_as_mozilla_reconciles_them() {
    let file = include_str!("mozilla-appservices-address-reconcile.json");
    let rows = rows(file, "cases", named("description"));
    assert_eq!(take(&rows, &RECONCILE_LEFT, check_reconciled), 14);
}

fn check_reconciled(name: &str, row: &Json) {
    let mapping = addresses();
    let base = tied(&row["parent"]);
    // Without a local change the local record is as it was stored.
    let local = row["local"].as_array().unwrap().last().map_or_else(|| base.clone(), tied);
    let held = Sides::new(local.clone(), tied(&row["remote"]));
    let linked = link_of(&mapping, Some(Sides::new(&base, &base)), &held);
    let entry = decide(&mapping, &linked);
    let expected = tied(&row["reconciled"]);
    assert_eq!(after(&mapping, &linked, &entry), Sides::new(expected.clone(), expected), "{name}");
    let conflicts = rows_of(&entry);
    assert_eq!(conflicts.is_empty(), row.get("forked").is_none(), "{name}");
    for (pair, loser) in conflicts {
        let forked = tied(&row["forked"]).get(&pair).cloned().unwrap_or(Value::Null);
        assert!(!loser.changed_from(&forked), "{name}: {pair} keeps {loser}");
    }
}

/// The conflicts that the target won: pairs by their field, with the source's value that lost.
fn rows_of(entry: &Entry) -> Vec<(String, Value)> {
    let carried = entry.pairs.iter().filter_map(|planned| match &planned.action {
        PairAction::Write { conflict, .. } | PairAction::WriteBoth { conflict, .. } => {
            conflict.as_deref()
        }
        PairAction::Adopt => None,
    });
    entry
        .conflicts
        .iter()
        .chain(carried)
        .map(|row| {
            assert_eq!(row.winner, Some(Winner::Target));
            let id = row.pair.as_ref().unwrap().to_string();
            let field = id.split(" = ").next().unwrap().to_owned();
            (field, row.loser().unwrap()[0].clone())
        })
        .collect()
}

/// A whole name here, its parts there. Titles are lost on the way.
#[derive(Debug)]
struct NameParts;

impl Transform for NameParts {
    fn name(&self) -> &'static str {
        "name_parts"
    }

    fn shape(&self) -> Shape {
        Shape::Fixed { source: 1, target: 2 }
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        let name = source[0].value().and_then(Value::as_text).unwrap_or_default();
        let (given, family) = parts(name);
        Ok(vec![Slot::Present(given.into()), Slot::Present(family.into())])
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        let texts = target.iter().filter_map(|slot| slot.value()?.as_text());
        Ok(vec![Slot::Present(texts.collect::<Vec<_>>().join(" ").trim().into())])
    }
}

fn parts(name: &str) -> (&str, &str) {
    let name = name.strip_prefix("Mr. ").unwrap_or(name);
    name.rsplit_once(' ').unwrap_or((name, ""))
}

#[test]
fn addresses_of_another_schema_are_reconciled_as_mozilla_reconciles_them() {
    let file = include_str!("mozilla-appservices-address-migrate.json");
    let rows = rows(file, "cases", named("description"));
    assert_eq!(take(&rows, &[], check_migrated), 9);
}

/// A remote record of the old schema has the parts of a name: their base is what *it* held.
fn check_migrated(name: &str, row: &Json) {
    let remote = filled(&fields(&row["remote"]));
    let is_old = remote.contains_key("given-name");
    let builder = begin().pair("street-address", "street-address");
    let mapping = compile(if is_old {
        let split = |pair: PairBuilder| pair.transform(custom(NameParts));
        builder.pair_fields(["name"], ["given-name", "family-name"], split)
    } else {
        builder.pair("name", "name")
    });
    let expected = filled(&fields(&row["reconciled"]));
    let Some(local) = row["local"].as_array().unwrap().last() else {
        let work = unlinked(&mapping, Side::Target, "r-1", &remote, &Sides::default());
        let entry = plan_work(&mapping, work);
        assert_eq!(created(&mapping, &entry, Side::Source), expected, "{name}");
        return;
    };
    let parent = filled(&fields(&row["parent"]));
    let mut as_remote = parent.clone();
    if is_old && let Some(name) = as_remote.remove("name") {
        let (given, family) = parts(name.as_text().unwrap());
        as_remote.insert("given-name".into(), given.into());
        as_remote.insert("family-name".into(), family.into());
    }
    let held = Sides::new(filled(&fields(local)), remote.clone());
    let linked = link_of(&mapping, Some(Sides::new(&parent, &as_remote)), &held);
    let entry = decide(&mapping, &linked);
    assert_eq!(rows_of(&entry), []);
    let end = after(&mapping, &linked, &entry);
    assert_eq!(end.source, expected, "{name}");
    let kept = remote.iter().filter(|(field, _)| *field != "version");
    assert!(kept.eq(&end.target), "{name}: the remote record is only read");
}
