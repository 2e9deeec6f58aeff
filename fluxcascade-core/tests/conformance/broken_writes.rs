//! Writes that break one rule each, as connectors are known to.

use std::time::Duration;

use fluxcascade_core::Connector;
use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{RecordId, Slot, Value, Version};

use crate::broken::Broken;
use crate::broken_reads::one_version;

impl Broken {
    pub(crate) async fn broken_write(&self, mut request: WriteRequest) -> Vec<WriteOutcome> {
        for write in &mut request.writes {
            self.change_what_is_sent(write);
        }
        if self.breaks("no_request_leaves_after_not_after") {
            request.not_after = request.not_after + Duration::from_secs(3600);
        }
        let writes = request.writes.clone();
        let mut outcomes = if self.breaks("one_write_s_failure_stops_no_other") {
            self.up_to_the_first_failure(request.clone()).await
        } else {
            self.sim.write(request.clone()).await
        };
        for (write, outcome) in writes.iter().zip(&mut outcomes) {
            self.change_what_is_said(&request, write, outcome);
        }
        if let [WriteOutcome::Applied { record, .. }] = outcomes.as_mut_slice()
            && self.breaks("the_same_record_has_the_same_id_in_every_answer")
            && writes[0].action == WriteAction::Create
        {
            *record = RecordId::new(record.as_str().to_uppercase()).unwrap();
        }
        if self.breaks("there_is_one_outcome_per_write_in_the_order_of_the_writes") {
            outcomes.reverse();
        }
        let unknown = outcomes.iter().any(|outcome| matches!(outcome, WriteOutcome::Unknown(_)));
        if self.breaks("a_create_is_sent_at_most_once_in_a_call") && unknown {
            self.sim.write(request).await;
        }
        outcomes
    }

    async fn up_to_the_first_failure(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let mut outcomes = Vec::new();
        let mut failed = false;
        for write in &request.writes {
            if failed {
                let error = ConnectorError::new(ErrorKind::Transient, "another write failed");
                outcomes.push(WriteOutcome::NotSent(error));
                continue;
            }
            let one = WriteRequest { writes: vec![write.clone()], ..request.clone() };
            outcomes.extend(self.sim.write(one).await);
            failed = matches!(outcomes.last(), Some(WriteOutcome::Rejected { .. }));
        }
        outcomes
    }

    fn holder(&self, write: &Write) -> Option<RecordId> {
        let (_, value) = write.fields.iter().find(|(field, _)| field.as_str() == "email")?;
        let mut records = self.sim.records().into_iter();
        records.find(|record| self.sim.value(record, "email") == *value)
    }

    fn change_what_is_sent(&self, write: &mut Write) {
        let second = write.fields.iter().any(|(field, _)| field.as_str() == "second");
        if self.breaks("fields_that_are_not_in_the_write_keep_their_values") && second {
            write.fields.push(("first".try_into().unwrap(), Value::Null));
        }
        if self.breaks("a_blank_clears_a_field") {
            write.fields.retain(|(_, value)| !value.is_blank());
        }
        let holder = self.holder(write);
        match &mut write.action {
            WriteAction::Update { if_tag, .. } => {
                if self.breaks("a_write_on_condition_is_refused_once_the_record_has_moved_on") {
                    *if_tag = None;
                }
            }
            WriteAction::Upsert { .. } => {
                let creates = "an_upsert_changes_the_record_that_has_the_value_and_makes_no_other";
                if self.breaks(creates) {
                    write.action = WriteAction::Create;
                } else if self.breaks("an_upsert_of_a_new_value_makes_a_record") && holder.is_none()
                {
                    let record = "nobody".try_into().unwrap();
                    write.action = WriteAction::Update { record, if_tag: None };
                }
            }
            WriteAction::Archive { record, .. } => {
                let again = "what_is_archived_is_gone_and_archiving_it_again_is_applied";
                if self.breaks(again) && !self.sim.records().contains(record) {
                    write.action = WriteAction::Update { record: record.clone(), if_tag: None };
                }
            }
            WriteAction::Delete { record, .. } => {
                let again = "what_is_deleted_is_gone_and_deleting_it_again_is_applied";
                if self.breaks(again) && !self.sim.records().contains(record) {
                    write.action = WriteAction::Update { record: record.clone(), if_tag: None };
                }
            }
            WriteAction::Restore { record } => {
                // It is said to be done, and is not.
                if self.breaks("what_is_restored_has_its_id_and_its_values") {
                    let (record, if_tag) = (record.clone(), None);
                    write.action = WriteAction::Archive { record, if_tag };
                }
            }
            WriteAction::Create => {}
        }
    }

    fn change_what_is_said(
        &self,
        request: &WriteRequest,
        write: &Write,
        outcome: &mut WriteOutcome,
    ) {
        match outcome {
            WriteOutcome::Applied { version, values, .. } => {
                if self.breaks("a_changed_record_has_a_newer_version") {
                    *version = if version == &Version::default() {
                        Version::default()
                    } else {
                        one_version()
                    };
                }
                if let Some(values) = values
                    && self.breaks("what_an_answer_says_of_a_record_is_what_is_stored")
                {
                    for (field, sent) in &write.fields {
                        let slot = request.projection.slot(field.as_str()).unwrap();
                        values.slots_mut()[slot] = Slot::Present(sent.clone());
                    }
                }
            }
            WriteOutcome::Rejected { error, .. } => {
                if self.breaks("a_write_of_a_record_that_is_not_there_is_not_found") {
                    error.kind = ErrorKind::Permanent;
                }
            }
            WriteOutcome::Exists(_) => {
                if self.breaks("a_create_that_repeats_a_key_names_the_record_that_has_it") {
                    let error = ConnectorError::new(ErrorKind::Validation, "it is there already");
                    *outcome = WriteOutcome::Rejected { fields: Vec::new(), error };
                }
            }
            WriteOutcome::Unknown(error) => {
                if self.breaks("a_write_that_may_have_been_carried_out_is_unknown") {
                    *outcome = WriteOutcome::NotSent(error.clone());
                }
            }
            WriteOutcome::PreconditionFailed | WriteOutcome::NotSent(_) => {}
        }
    }
}
