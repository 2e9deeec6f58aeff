//! When the fields of a simulated system's records were changed.

use async_trait::async_trait;

use super::{CallKind, SimSystem};
use crate::connector::{ConnectorError, FieldHistory, FieldTime, FieldTimesRequest};
use crate::model::{FieldName, Modified};

#[async_trait]
impl FieldHistory for SimSystem {
    async fn field_times(
        &self,
        request: FieldTimesRequest,
    ) -> Result<Vec<Vec<FieldTime>>, ConnectorError> {
        let mut answer = Vec::with_capacity(request.records.len());
        for batch in request.records.chunks(self.profile.capabilities.read_batch.max(1)) {
            let struck = self.call(CallKind::FieldTimes, batch.len());
            self.read_fault(&struck)?;
            let state = self.state();
            answer.extend(batch.iter().map(|id| {
                let record = state.records.get(id).filter(|record| record.live().is_some());
                let time = |field: &FieldName| {
                    let at = *record?.times.get(field)?;
                    let modified = Modified { at, granularity: self.profile.granularity };
                    Some(FieldTime { field: field.clone(), modified })
                };
                request.fields.iter().filter_map(time).collect()
            }));
        }
        Ok(answer)
    }
}
