//! What scenarios are told with.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::mapping::{Mapping, MappingBuilder};
use fluxcascade_core::model::{Choice, RecordId};
use fluxcascade_core::testkit::SimProfile;
use fluxcascade_core::{Strategy, SyncReport};

use crate::world::{World, contacts};

pub(crate) fn plain(mapping: MappingBuilder) -> World {
    World::with(SimProfile::default(), SimProfile::default(), mapping)
}

pub(crate) fn able(mapping: MappingBuilder) -> World {
    crate::deletes::world(mapping)
}

/// A world whose source lists what was edited as late as this.
pub(crate) fn listing_late(lag: Duration) -> World {
    let ordinary = SimProfile::default();
    let capabilities = Capabilities {
        list: Consistency::Lagging(lag),
        look_back: lag,
        ..ordinary.capabilities.clone()
    };
    let lagging = SimProfile { list_lag: lag, capabilities, ..ordinary };
    World::with(lagging, SimProfile::default(), contacts())
}

/// People with an e-mail as key, which is the only pair yet.
pub(crate) fn by_mail() -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
}

/// Linked records that were edited on both sides a quarter of an hour later, and not synced since.
pub(crate) async fn edited(
    mapping: MappingBuilder,
    on_source: &[(&str, &str)],
    on_target: &[(&str, &str)],
) -> (World, RecordId, RecordId) {
    edited_in(plain(mapping), on_source, on_target).await
}

pub(crate) async fn edited_in(
    world: World,
    on_source: &[(&str, &str)],
    on_target: &[(&str, &str)],
) -> (World, RecordId, RecordId) {
    let (source, target) = world.linked().await;
    world.minutes(15);
    for (system, record, edits) in
        [(&world.crm, &source, on_source), (&world.field, &target, on_target)]
    {
        for (field, value) in edits {
            system.edit(record, field, *value);
        }
    }
    (world, source, target)
}

pub(crate) async fn desk(world: &World) -> Vec<DeskItem> {
    world.engine().await.desk("contacts").await.unwrap().items
}

pub(crate) async fn say(world: &World, item: &DeskItem, choice: Choice) {
    let engine = world.engine().await;
    let told = engine.answer("contacts", &item.key, item.version, choice).await.unwrap();
    assert!(matches!(format!("{told:?}").as_str(), "Stored" | "Already"), "{told:?}");
}

/// A dry run, then the run: they must say the same (P19).
pub(crate) async fn checked(world: &World) -> SyncReport {
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    let report = engine.sync("contacts").await.unwrap();
    let planned = plan.writes().map(|n| n as u64);
    let done = report.sides.as_ref().map(fluxcascade_core::report::SideReport::writes);
    assert_eq!(planned, done, "plan:\n{plan}\nrun:\n{report}");
    report
}

pub(crate) fn group_of(strategy: &Strategy) -> MappingBuilder {
    by_mail().pair_with("name", "name", |p| p.group("g").conflicts(strategy.clone())).pair_with(
        "address",
        "street",
        |p| p.group("g").conflicts(strategy.clone()),
    )
}

/// Which of these values are in a folder's files, those that are open included.
pub(crate) fn legible(folder: &Path, values: &[&'static str]) -> BTreeSet<&'static str> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap()).collect();
    let has = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    values.iter().copied().filter(has).collect()
}
