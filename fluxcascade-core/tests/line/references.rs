//! P25: contacts that refer to companies, each with its own mapping.

use std::sync::Arc;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::mapping::{Create, Mapping, MappingBuilder};
use fluxcascade_core::model::{
    FieldName, FieldSchema, FieldType, HoldReason, ObjectType, RecordId, Reference, Value,
};
use fluxcascade_core::store::{Page, Store};
use fluxcascade_core::testkit::{SimProfile, SimSystem};
use fluxcascade_core::{Engine, Strategy, SyncError};
use fluxcascade_store::MemoryStore;

use crate::world::at;

pub(crate) struct Firm {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) crm: SimSystem,
    pub(crate) erp: SimSystem,
    /// The same two systems' companies: a simulated system has one object type.
    pub(crate) crm_companies: SimSystem,
    pub(crate) erp_companies: SimSystem,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) contacts: MappingBuilder,
    pub(crate) companies: Create,
}

pub(crate) fn reference(object: &str) -> FieldType {
    FieldType::Ref { object: ObjectType::new(object).unwrap() }
}

pub(crate) fn to(id: &RecordId) -> Value {
    Value::Ref(Reference { object: ObjectType::new("companies").unwrap(), id: id.clone() })
}

pub(crate) fn contacts() -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("companies"))
}

impl Firm {
    pub(crate) fn new(company: FieldSchema) -> Self {
        let clock = Arc::new(ManualClock::starting(at("12:00")));
        let system = |name: &str, object: &str| {
            let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
            SimSystem::new(name, object, SimProfile::default(), clock)
        };
        let own = FieldSchema { required: false, ..company.clone() };
        Self {
            crm: system("crm", "contacts").field("mail").schema_field(own),
            erp: system("erp", "contacts").field("mail").schema_field(company),
            crm_companies: system("crm-companies", "companies").field("name"),
            erp_companies: system("erp-companies", "companies").field("name"),
            store: Arc::new(MemoryStore::new()),
            contacts: contacts(),
            companies: Create::Both,
            clock,
        }
    }

    pub(crate) async fn engine(self) -> Result<(Engine, Self), SyncError> {
        let companies = Mapping::builder("companies")
            .source("crm", "companies")
            .target("erp", "companies")
            .create(self.companies)
            .match_on("name", "name")
            .pair("name", "name");
        let mut firm = self;
        let contacts = std::mem::replace(&mut firm.contacts, contacts());
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&firm.clock);
        let engine = Engine::builder()
            .connection("crm", Both(firm.crm.clone(), firm.crm_companies.clone()))
            .connection("erp", Both(firm.erp.clone(), firm.erp_companies.clone()))
            .store(Arc::clone(&firm.store))
            .clock(clock)
            .mapping(contacts.build()?)
            .mapping(companies.build()?)
            .build()
            .await?;
        Ok((engine, firm))
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.clock.advance(std::time::Duration::from_secs(60 * minutes));
    }
}

/// Two simulated systems as one with two object types.
#[derive(Debug, Clone)]
struct Both(SimSystem, SimSystem);

mod both {
    use async_trait::async_trait;
    use fluxcascade_core::connector::{
        Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Extensions,
        FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
    };
    use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName};

    use super::{Both, SimSystem};

    impl Both {
        fn of(&self, object: &ObjectType) -> &SimSystem {
            if object.as_str() == "companies" { &self.1 } else { &self.0 }
        }
    }

    #[async_trait]
    impl Reader for Both {
        fn system(&self) -> &SystemName {
            self.0.system()
        }

        fn capabilities(&self, object: &ObjectType) -> Capabilities {
            self.of(object).capabilities(object)
        }

        async fn account(&self) -> Result<Account, ConnectorError> {
            self.0.account().await
        }

        async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
            self.of(object).schema(object).await
        }

        async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
            self.of(&request.object.clone()).changes(request).await
        }

        async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
            self.of(&request.object.clone()).fetch(request).await
        }

        async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
            self.of(&request.object.clone()).find(request).await
        }
    }

    #[async_trait]
    impl Connector for Both {
        async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
            self.of(&request.object.clone()).write(request).await
        }

        fn extensions(&self) -> Extensions<'_> {
            self.0.extensions()
        }
    }
}

pub(crate) fn company() -> FieldSchema {
    FieldSchema::new(FieldName::new("company").unwrap(), reference("companies"))
}

pub(crate) async fn settle(engine: &Engine, firm: &Firm, mapping: &str) {
    for _ in 0..3 {
        firm.minutes(15);
        engine.sync(mapping).await.unwrap();
    }
    firm.minutes(15);
    assert_eq!(engine.sync(mapping).await.unwrap().writes(), 0);
}

#[tokio::test]
pub(crate) async fn a_reference_is_written_once_what_it_refers_to_is_linked() {
    let (engine, firm) = Firm::new(company()).engine().await.unwrap();
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    let ann = firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    assert_eq!(firm.erp.value(&copy, "company"), Value::Null, "the contact is made without it");
    let key = engine.mapping_key(&contacts().build().unwrap().name);
    let holds = firm.store.holds(&key, &Page::all()).await.unwrap();
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Reference));

    // Linking the company wakes the contact: no side of it was edited.
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let acme_there = firm.erp_companies.records()[0].clone();
    assert_eq!(firm.erp.value(&copy, "company"), to(&acme_there));
    assert!(firm.store.holds(&key, &Page::all()).await.unwrap().is_empty());

    // And back: another company chosen on the other side.
    let other_there = firm.erp_companies.insert([("name", "Other")]);
    firm.erp.edit(&copy, "company", to(&other_there));
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let others = firm.crm_companies.records();
    assert_eq!(firm.crm.value(&ann, "company"), to(others.last().unwrap()));
}

#[tokio::test]
async fn a_record_whose_system_needs_the_reference_is_made_when_that_is_linked() {
    let (engine, firm) = Firm::new(company().required()).engine().await.unwrap();
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
    settle(&engine, &firm, "contacts").await;
    assert!(firm.erp.records().is_empty());
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    assert_eq!(firm.erp.value(&copy, "company"), to(&firm.erp_companies.records()[0]));
}

/// Two people who refer to each other: both are made, then both references are written.
#[tokio::test]
async fn a_cycle_takes_two_writes_of_each_record() {
    let mut firm =
        Firm::new(FieldSchema::new(FieldName::new("boss").unwrap(), reference("contacts")));
    firm.contacts = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("boss", "boss", |p| p.references("contacts"));
    let (engine, firm) = firm.engine().await.unwrap();
    let person = |id: &RecordId| {
        Value::Ref(Reference { object: ObjectType::new("contacts").unwrap(), id: id.clone() })
    };
    let ann = firm.crm.insert([("mail", "ann@x.io")]);
    let bob = firm.crm.insert([("mail", Value::from("bob@x.io")), ("boss", person(&ann))]);
    firm.crm.edit(&ann, "boss", person(&bob));
    settle(&engine, &firm, "contacts").await;
    let there = firm.erp.records();
    let by_mail =
        |mail: &str| there.iter().find(|id| firm.erp.text(id, "mail") == mail).unwrap().clone();
    let (ann_there, bob_there) = (by_mail("ann@x.io"), by_mail("bob@x.io"));
    assert_eq!(firm.erp.value(&ann_there, "boss"), person(&bob_there));
    assert_eq!(firm.erp.value(&bob_there, "boss"), person(&ann_there));
}

fn referring(field: &str, mapping: &str) -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair_with(field, field, |p| p.references(mapping))
}

#[tokio::test]
async fn a_reference_to_a_mapping_that_is_missing_and_to_a_field_that_is_none_are_found() {
    let mut firm = Firm::new(company());
    firm.contacts = referring("company", "firms");
    let Err(SyncError::Config(error)) = firm.engine().await.map(|_| ()) else {
        panic!("it was built")
    };
    let text = error.to_string();
    assert!(text.contains("the mapping firms, which the engine does not have"), "{text}");

    let mut firm = Firm::new(company());
    firm.contacts = referring("mail", "companies");
    let Err(SyncError::Config(error)) = firm.engine().await.map(|_| ()) else {
        panic!("it was built")
    };
    assert!(error.to_string().contains("refers to no record"), "{error}");
}

/// P25: each side adds a company to a set of them, and both have all; once all of them are linked.
#[tokio::test]
async fn sets_of_references_are_united() {
    let set = |ids: &[&RecordId]| Value::Set(ids.iter().map(|id| to(id)).collect());
    for linked_before in [true, false] {
        let (engine, firm) = uniting().engine().await.unwrap();
        let acme = firm.crm_companies.insert([("name", "Acme")]);
        let beta = firm.crm_companies.insert([("name", "Beta")]);
        engine.sync("companies").await.unwrap();
        let ann = firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", set(&[&acme]))]);
        settle(&engine, &firm, "contacts").await;
        let there = firm.erp.records()[0].clone();
        let theirs = firm.erp_companies.records();
        let gamma = firm.erp_companies.insert([("name", "Gamma")]);
        if linked_before {
            engine.sync("companies").await.unwrap();
        }
        firm.minutes(15);
        firm.crm.edit(&ann, "company", set(&[&acme, &beta]));
        firm.erp.edit(&there, "company", set(&[&theirs[0], &gamma]));
        settle(&engine, &firm, "contacts").await;
        if !linked_before {
            let key = engine.mapping_key(&contacts().build().unwrap().name);
            let holds = firm.store.holds(&key, &Page::all()).await.unwrap();
            assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Reference));
            assert_eq!(firm.crm.value(&ann, "company"), set(&[&acme, &beta]));
            engine.sync("companies").await.unwrap();
            settle(&engine, &firm, "contacts").await;
            assert!(firm.store.holds(&key, &Page::all()).await.unwrap().is_empty());
        }
        let all = firm.erp_companies.records();
        assert_eq!(firm.erp.value(&there, "company"), set(&all.iter().collect::<Vec<_>>()));
        let all = firm.crm_companies.records();
        assert_eq!(all.len(), 3);
        assert_eq!(firm.crm.value(&ann, "company"), set(&all.iter().collect::<Vec<_>>()));
    }
}

/// Contacts that refer to sets of companies.
fn uniting() -> Firm {
    let item = Box::new(reference("companies"));
    let name = FieldName::new("company").unwrap();
    let mut firm = Firm::new(FieldSchema::new(name, FieldType::Set { item }));
    firm.contacts = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("companies").conflicts(Strategy::Union));
    firm
}
