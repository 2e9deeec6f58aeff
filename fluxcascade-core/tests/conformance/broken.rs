//! A connector that breaks one rule, named by the rule. How reads and writes are broken is in
//! `broken_reads` and `broken_writes`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Extensions,
    FetchRequest, FieldHistory, FieldTime, FieldTimesRequest, FindRequest, Found, Reader,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    ObjectSchema, ObjectType, Observation, RecordId, SystemName, Timestamp,
};
use fluxcascade_core::testkit::SimSystem;

#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) sim: SimSystem,
    rule: &'static str,
    asked: AtomicUsize,
    pub(crate) memory: Mutex<Memory>,
}

/// What a defect goes by.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) cursors: BTreeSet<String>,
    pub(crate) last_times: BTreeMap<String, Timestamp>,
    pub(crate) versions: BTreeMap<RecordId, BTreeSet<Timestamp>>,
    pub(crate) in_full_read: bool,
    pub(crate) returned: BTreeSet<RecordId>,
    pub(crate) newest: Option<Timestamp>,
}

impl Broken {
    pub(crate) fn new(sim: SimSystem, rule: &'static str) -> Self {
        Self { sim, rule, asked: AtomicUsize::new(0), memory: Mutex::default() }
    }

    /// Whether this is the rule that it breaks.
    pub(crate) fn breaks(&self, rule: &str) -> bool {
        self.rule == rule
    }
}

#[async_trait]
impl Reader for Broken {
    fn system(&self) -> &SystemName {
        self.sim.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        let mut capabilities = self.sim.capabilities(object);
        if self.breaks("every_size_that_is_declared_is_at_least_one") {
            capabilities.page = 0;
        }
        capabilities
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        let mut account = self.sim.account().await?;
        if self.breaks("the_account_has_the_same_id_in_every_answer") {
            account.id += &self.asked.fetch_add(1, Ordering::Relaxed).to_string();
        }
        Ok(account)
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        let mut schema = self.sim.schema(&self.object(object)).await?;
        if self.breaks("the_schema_names_each_field_once") {
            schema.fields.extend(schema.fields.last().cloned());
        }
        Ok(schema)
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.broken_changes(request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.broken_fetch(request).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.broken_find(request).await
    }
}

#[async_trait]
impl Connector for Broken {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        self.broken_write(request).await
    }

    fn extensions(&self) -> Extensions<'_> {
        let is_there = self.sim.extensions().field_history.is_some();
        if is_there { Extensions::none().field_history(self) } else { Extensions::none() }
    }
}

#[async_trait]
impl FieldHistory for Broken {
    async fn field_times(
        &self,
        request: FieldTimesRequest,
    ) -> Result<Vec<Vec<FieldTime>>, ConnectorError> {
        let mut times = self.sim.field_times(request).await?;
        if self.breaks("times_of_fields_are_answered_per_record_in_the_order_asked") {
            times.sort_by_key(|of| std::cmp::Reverse(of.iter().map(|time| time.modified.at).max()));
        }
        if self.breaks("a_field_that_changed_later_has_the_later_time") {
            for of in &mut times {
                // The record's time, for each of its fields.
                let newest = of.iter().map(|time| time.modified).max_by_key(|time| time.at);
                for time in of {
                    time.modified = newest.unwrap_or(time.modified);
                }
            }
        }
        Ok(times)
    }
}
