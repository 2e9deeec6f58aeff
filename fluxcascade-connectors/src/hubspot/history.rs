//! When properties were last changed: by their histories, which HubSpot gives for fifty records in a request
//! (`propertiesWithHistory` of a batch read).
//!
//! A property that was never filled in has no history, and associations have none: their times are not
//! known. What was cleared has the time when it was.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use fluxcascade_core::connector::{ConnectorError, FieldHistory, FieldTime, FieldTimesRequest};
use fluxcascade_core::model::{FieldName, RecordId, Version};

use super::catalog::Known;
use super::convert;
use super::error::{self, of_row};
use super::read::failures;
use super::wire::{BatchRead, IdInput, Record};
use super::{HubSpot, told};

/// Records in one request, at most: half of what a read without histories takes.
const BATCH: usize = 50;

#[async_trait]
impl FieldHistory for HubSpot {
    async fn field_times(
        &self,
        request: FieldTimesRequest,
    ) -> Result<Vec<Vec<FieldTime>>, ConnectorError> {
        let known = self.known(&request.object).await.map_err(told)?;
        let times = self.times(&known, &request).await.map_err(told)?;
        let of = |record| times.get(record).cloned().unwrap_or_default();
        Ok(request.records.iter().map(of).collect())
    }
}

impl HubSpot {
    async fn times(
        &self,
        known: &Known,
        request: &FieldTimesRequest,
    ) -> Result<HashMap<RecordId, Vec<FieldTime>>, ConnectorError> {
        let is_property = |name: &&FieldName| {
            known.schema.field(name).is_some_and(|field| !convert::is_association(field))
        };
        let fields: Vec<&FieldName> = request.fields.iter().filter(is_property).collect();
        let names: Vec<&str> = fields.iter().map(|name| name.as_str()).collect();
        let mut seen = HashSet::new();
        let ids: Vec<&RecordId> = request
            .records
            .iter()
            .filter(|id| convert::is_record_id(id) && seen.insert((*id).clone()))
            .collect();
        let mut times = HashMap::with_capacity(ids.len());
        if names.is_empty() {
            return Ok(times);
        }
        for chunk in ids.chunks(BATCH) {
            let batch = BatchRead {
                properties: &["hs_object_id"],
                properties_with_history: &names,
                id_property: None,
                inputs: chunk.iter().map(|id| IdInput { id: id.as_str() }).collect(),
            };
            let answer = self.api.history(&known.kind.path, &batch).await?;
            // Of a record that cannot be read nothing is known; anything else is no answer.
            if let Some(row) = failures(&answer.errors).find(|row| !error::is_rows_own(row)) {
                return Err(of_row(row));
            }
            for record in &answer.results {
                times.insert(convert::record_id(&record.id)?, times_of(record, &fields));
            }
        }
        Ok(times)
    }
}

fn times_of(record: &Record, fields: &[&FieldName]) -> Vec<FieldTime> {
    let time = |field: &&FieldName| {
        let past = record.properties_with_history.get(field.as_str())?;
        // The newest is first, as documented; nothing goes by that.
        let changed =
            past.iter().filter_map(|past| convert::instant(past.timestamp.as_deref()?)).max();
        let version = Version::modified(changed?, convert::GRANULARITY);
        Some(FieldTime { field: (*field).clone(), modified: version.modified? })
    };
    fields.iter().filter_map(time).collect()
}
