//! Two mappings that would make the same record, and what a create runs into.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Engine;
use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::{Create, Mapping, MappingBuilder};
use fluxcascade_core::model::{FieldType, HoldReason};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile, SimSystem};

use crate::world::{World, contacts};

/// A shop whose buyers go to the same clients as the contacts.
struct Two {
    world: World,
    shop: SimSystem,
    buyers: Mapping,
}

fn buyers() -> MappingBuilder {
    Mapping::builder("buyers")
        .source("shop", "buyers")
        .target("field", "clients")
        .match_on_all(["name", "login"], ["name", "mail"], |rule| rule)
        .pair("login", "mail")
        .pair("name", "name")
}

impl Two {
    fn new(field: SimProfile) -> Self {
        // Its rule has the same fields in another order, and another label.
        let mapping = Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on_all(["email", "name"], ["mail", "name"], |rule| rule)
            .pair("email", "mail")
            .pair("name", "name")
            .create(Create::ToTarget);
        let world = World::with(SimProfile::default(), field, mapping);
        let shop = SimSystem::new("shop", "buyers", SimProfile::default(), world.shared_clock())
            .typed_field("login", FieldType::Email)
            .field("name");
        let buyers = buyers().create(Create::ToTarget).build().unwrap();
        Self { world, shop, buyers }
    }

    async fn engine(&self) -> Engine {
        Engine::builder()
            .connection("crm", self.world.crm.clone())
            .connection("field", self.world.field.clone())
            .connection("shop", self.shop.clone())
            .store(Arc::clone(&self.world.store))
            .clock(self.world.shared_clock())
            .mapping(self.world.mapping.clone())
            .mapping(self.buyers.clone())
            .build()
            .await
            .unwrap()
    }
}

/// P6: a create without an answer is claimed against all mappings.
#[tokio::test]
pub(crate) async fn a_create_that_another_mapping_claims_waits_for_its_answer() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let two = Two::new(SimProfile::default());
        two.world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        two.shop.insert([("login", "ANN@x.io"), ("name", "Ann")]);
        let engine = two.engine().await;
        two.world.field.fail_next(CallKind::Create, fault);
        engine.sync("contacts").await.unwrap();
        let report = engine.sync("buyers").await.unwrap();
        // A record that is listed already is matched; nothing is created in either case.
        assert_eq!(report.writes(), 0, "{fault:?} {report}");
        if fault == Fault::RequestLost {
            assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");
            assert!(report.held[0].detail.contains("contacts is creating"), "{report}");
        }
        for _ in 0..3 {
            two.world.minutes(15);
            engine.sync("contacts").await.unwrap();
            engine.sync("buyers").await.unwrap();
        }
        assert_eq!(two.world.field.records().len(), 1, "{fault:?}");
        for mapping in ["contacts", "buyers"] {
            let counts = engine.counts(mapping).await.unwrap();
            assert_eq!((counts.active_links, counts.operations), (1, 0), "{mapping} {fault:?}");
            assert!(counts.holds.is_empty(), "{mapping} {counts:?}");
        }
    }
}

/// P6: a record that another mapping has made just now, and that no listing shows yet, is not made
/// again.
#[tokio::test]
async fn a_record_that_another_mapping_made_just_now_is_linked_and_not_made_again() {
    let lag = Duration::from_secs(600);
    let field = SimProfile {
        capabilities: Capabilities {
            list: Consistency::Lagging(lag),
            look_back: lag,
            ..SimProfile::default().capabilities
        },
        list_lag: lag,
        ..SimProfile::default()
    };
    let two = Two::new(field);
    two.world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    two.shop.insert([("login", "ann@x.io"), ("name", "Ann")]);
    let engine = two.engine().await;
    assert_eq!(engine.sync("contacts").await.unwrap().writes(), 1);
    assert_eq!(engine.sync("buyers").await.unwrap().writes(), 0);
    engine.sync("buyers").await.unwrap();
    assert_eq!(engine.counts("buyers").await.unwrap().active_links, 1);
    for _ in 0..3 {
        two.world.minutes(15);
        engine.sync("contacts").await.unwrap();
        engine.sync("buyers").await.unwrap();
    }
    assert_eq!(two.world.field.records().len(), 1);
}

/// P6 (b): a record that the system names is adopted by the match rules.
#[tokio::test]
async fn a_create_that_runs_into_a_record_is_linked_to_it_by_its_key() {
    let lag = Duration::from_secs(600);
    let field = SimProfile {
        capabilities: Capabilities {
            refuses_duplicates: true,
            list: Consistency::Lagging(lag),
            look_back: lag,
            ..SimProfile::default().capabilities
        },
        list_lag: lag,
        ..SimProfile::default()
    };
    let mut world = World::with(SimProfile::default(), field, contacts());
    world.field = world.field.unique("mail");
    world.minutes(30);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "Anna")]);
    let source = world.crm.insert([("email", "ann@x.io"), ("phone", "256 555 0100")]);
    world.sync().await;
    world.settle().await;
    let link = world.link().await;
    assert_eq!((&link.records.source, &link.records.target), (&source, &target));
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
}
