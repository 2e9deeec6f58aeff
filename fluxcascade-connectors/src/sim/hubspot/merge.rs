//! Merging two records: what the merged record holds, and where the old ids lead.

use fluxcascade_core::Timestamp;

use super::MergedId;
use super::collection::Collection;
use super::event::What;
use super::property::is_system;
use super::record::Author;
use super::refusal::HubSpotRefusal;

const MERGED_IDS: &str = "hs_merged_object_ids";
const MORE_EMAILS: &str = "hs_additional_emails";

impl Collection {
    /// Merges a record into the primary one; gives the id of the merged record. The primary's
    /// values win, the other's fill its blanks.
    pub(super) fn merge(
        &mut self,
        primary: &str,
        other: &str,
        by: Author,
        at: Timestamp,
    ) -> Result<u64, HubSpotRefusal> {
        let (winner, loser) = (self.live(None, primary)?, self.live(None, other)?);
        if winner == loser {
            return Err(HubSpotRefusal::request("Cannot merge a record with itself".to_owned()));
        }
        let is_new = match self.options.merged_id {
            MergedId::Usual => self.kind.name == "deals",
            MergedId::Primary => false,
            MergedId::New => true,
        };
        let gone = if is_new { vec![winner, loser] } else { vec![loser] };
        let changes = self.merged_values(winner, loser, &gone);
        // Before the write: it puts the values of those that go in the name of the one that stays.
        let old: Vec<_> = gone.iter().filter_map(|id| self.records.remove(id)).collect();
        let survivor = if is_new {
            self.create_prepared(&changes, by, at)
        } else {
            self.write(winner, &changes, by, at);
            winner
        };
        for id in gone {
            self.merged.insert(id, survivor);
        }
        let keys: Vec<_> = old.iter().flat_map(|record| self.unique_keys(record)).collect();
        self.unique.extend(keys.into_iter().map(|key| (key, survivor)));
        let new = is_new.then_some(survivor);
        self.note(What::Merge { primary: winner, others: vec![loser], new }, winner, by, at);
        self.note(What::Deletion, loser, by, at);
        Ok(survivor)
    }

    /// What is written to the record that stays.
    fn merged_values(&self, winner: u64, loser: u64, gone: &[u64]) -> Vec<(String, String)> {
        let (Some(winner), Some(loser)) = (self.record(winner), self.record(loser)) else {
            return Vec::new();
        };
        let ours = |(name, _): &(&String, &String)| !is_system(name);
        let owned = |(name, value): (&String, &String)| (name.clone(), value.clone());
        let mut values: Vec<_> = winner.state().properties.iter().filter(ours).map(owned).collect();
        let filled = loser.state().properties.iter().filter(ours);
        values.extend(filled.filter(|(name, _)| winner.value(name).is_none()).map(owned));

        let joined = |parts: Vec<String>| {
            let mut parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            parts.sort();
            parts.dedup();
            parts.join(";")
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let mut ids = vec![text(winner.value(MERGED_IDS)), text(loser.value(MERGED_IDS))];
        ids.extend(gone.iter().map(u64::to_string));
        let mut mails = vec![text(winner.value(MORE_EMAILS)), text(loser.value(MORE_EMAILS))];
        if winner.value("email").is_some() {
            mails.push(text(loser.value("email")));
        }
        values.push((MERGED_IDS.to_owned(), joined(ids)));
        if self.properties.get(MORE_EMAILS).is_some() {
            values.push((MORE_EMAILS.to_owned(), joined(mails)));
        }
        values
    }
}
