//! What people do with properties, work and custom fields in Jobber's own pages, for tests and
//! examples in Rust. The same over HTTP is in [`super::control`].

use fluxcascade_core::Timestamp;

use super::state::State;
use super::{JobberCustomField, JobberProperty, JobberRecord, JobberSim};

impl JobberSim {
    /// Changes the account as people do, and tells whoever asked for webhooks.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let account = &self.vendor().account;
        let now = account.now();
        let done = change(&mut account.state(), now);
        account.tell();
        done
    }

    /// A user gives a client a property. Its id; `None` if there is no such client.
    pub fn create_property(&self, client: &str, property: JobberProperty) -> Option<String> {
        self.change(|state, now| state.add_property(client, property, now))
    }

    /// A property as it is stored.
    pub fn property(&self, id: &str) -> Option<JobberProperty> {
        self.vendor().account.state().property(id).map(|(property, _)| property.clone())
    }

    /// A user edits a property. What it then is; `None` if there is no such property.
    pub fn edit_property(
        &self,
        id: &str,
        edit: impl FnOnce(&mut JobberProperty),
    ) -> Option<JobberProperty> {
        self.change(|state, now| state.edit_property(id, now, edit))?;
        self.property(id)
    }

    /// A user deletes a property, and with it the jobs there. What it was.
    pub fn delete_property(&self, id: &str) -> Option<JobberProperty> {
        self.change(|state, now| state.remove_property(id, now))
    }

    /// A user makes a request, quote, job, visit or invoice. Its id.
    ///
    /// ```
    /// # use fluxcascade_connectors::sim::SimConfig;
    /// # use fluxcascade_connectors::sim::jobber::{JobberClient, JobberRequest, JobberSim};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let sim = JobberSim::start(SimConfig::new(1)).await.unwrap();
    /// let client_id = sim.create_client(JobberClient::person("Ann", "Lee"));
    /// let id = sim.create(JobberRequest { client_id, ..JobberRequest::default() });
    /// sim.edit(&id, |request: &mut JobberRequest| request.title = Some("Roof".to_owned()));
    /// assert_eq!(sim.record::<JobberRequest>(&id).unwrap().title.as_deref(), Some("Roof"));
    /// # });
    /// ```
    pub fn create<T: JobberRecord>(&self, record: T) -> String {
        self.change(|state, now| state.insert_work(record, now).id().to_owned())
    }

    /// A request, quote, job, visit or invoice as it is stored.
    pub fn record<T: JobberRecord>(&self, id: &str) -> Option<T> {
        let state = self.vendor().account.state();
        T::table(&state.ledger).get(id).map(|record| record.as_ref().clone())
    }

    /// All of a kind as they are stored, in the order in which they were made.
    pub fn records<T: JobberRecord>(&self) -> Vec<T> {
        let state = self.vendor().account.state();
        T::table(&state.ledger).all().map(|(_, record)| record.as_ref().clone()).collect()
    }

    /// A user edits a request, quote, job, visit or invoice. What it then is; `None` if there is
    /// none of this id.
    pub fn edit<T: JobberRecord>(&self, id: &str, edit: impl FnOnce(&mut T)) -> Option<T> {
        self.change(|state, now| {
            let mut record = T::table(&state.ledger).get(id)?.as_ref().clone();
            edit(&mut record);
            state.replace_work(id, record, now).map(|record| record.as_ref().clone())
        })
    }

    /// A user deletes a request, quote, job, visit or invoice for good, a job with its visits. What it was.
    pub fn delete<T: JobberRecord>(&self, id: &str) -> Option<T> {
        let removed = self.change(|state, now| state.remove_work::<T>(id, now))?;
        Some(removed.as_ref().clone())
    }

    /// A user renames a custom field, archives it, or takes it back. What it then is; `None` if there
    /// is none of this id.
    pub fn edit_custom_field(
        &self,
        id: &str,
        edit: impl FnOnce(&mut JobberCustomField),
    ) -> Option<JobberCustomField> {
        self.change(|state, _| state.edit_custom_field(id, edit).cloned())
    }

    /// Somebody makes a custom field. The id of its configuration.
    pub fn create_custom_field(&self, of: JobberCustomField) -> String {
        self.change(|state, _| state.add_custom_field(of))
    }
}
