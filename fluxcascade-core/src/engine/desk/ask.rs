//! What the desk is asked: a page of what waits, and answers to it.

use std::collections::{BTreeSet, HashMap};

use super::{Desk, DeskError, DeskItem, item};
use crate::engine::{Compiled, Engine, SyncError};
use crate::mapping::CompiledMapping;
use crate::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, Conflict, ConflictId, Fingerprint, Hold, HoldKey,
    HoldReason, Link, LinkId, Side, Sides,
};
use crate::store::Page;

/// Which part of the desk is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskPage {
    /// Only what waits for this reason. [`HoldReason::Excluded`] is shown only if it is asked for.
    pub only: Option<HoldReason>,
    /// Where the page begins: what [`Desk::next`] said.
    pub skip: usize,
    /// At most this many items; 0 is taken as 1, so that following [`Desk::next`] comes to an end.
    pub limit: usize,
}

impl Default for DeskPage {
    fn default() -> Self {
        Self { only: None, skip: 0, limit: 100 }
    }
}

/// What a person decided about an item of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskAnswer {
    /// The item.
    pub key: HoldKey,
    /// The version of the item that they saw.
    pub version: Fingerprint,
    /// What they decided.
    pub choice: Choice,
}

/// How many holds are read together.
const PAGE: usize = 200;

impl Engine {
    /// What waits for a person: conflicts, parked matches, creates without an answer, what guards
    /// hold back, values that do not settle, dead letters. The first hundred; see
    /// [`Engine::desk_page`] for more.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn desk(&self, mapping: &str) -> Result<Desk, SyncError> {
        self.desk_page(mapping, &DeskPage::default()).await
    }

    /// A part of what waits for a person.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn desk_page(&self, mapping: &str, page: &DeskPage) -> Result<Desk, SyncError> {
        self.showing(mapping, page).await
    }

    fn showing<'a>(
        &'a self,
        mapping: &'a str,
        page: &'a DeskPage,
    ) -> Compiled<'a, Result<Desk, SyncError>> {
        Box::pin(async move {
            let compiled = self.compiled(mapping).await?;
            let mut desk = Desk {
                mapping: compiled.mapping.name.clone(),
                ends: Sides::from_fn(|side| compiled.endpoint(side).to_string()),
                items: Vec::new(),
                withheld: self.store().counts(&compiled.key).await?.withheld,
                next: None,
            };
            let (mut skip, limit) = (page.skip, page.limit.max(1));
            loop {
                let wanted = Page { reason: page.only, skip, limit: PAGE, ..Page::default() };
                let holds = self.store().holds(&compiled.key, &wanted).await?;
                if holds.is_empty() {
                    return Ok(desk);
                }
                let mut shown = Vec::new();
                for hold in &holds {
                    if desk.items.len() + shown.len() == limit {
                        desk.next = Some(skip);
                        break;
                    }
                    skip += 1;
                    if page.only.is_some() || hold.asks_a_person() {
                        shown.push(hold);
                    }
                }
                desk.items.extend(self.items(&compiled, &shown).await?);
                if desk.next.is_some() {
                    return Ok(desk);
                }
            }
        })
    }

    /// Holds as items, with their links and conflict rows.
    async fn items(
        &self,
        mapping: &CompiledMapping,
        holds: &[&Hold],
    ) -> Result<Vec<DeskItem>, SyncError> {
        let ids: Vec<ConflictId> = holds.iter().filter_map(|hold| hold.conflict).collect();
        let rows = self.store().conflict_rows(&mapping.key, &ids).await?;
        let rows: HashMap<ConflictId, Conflict> =
            rows.into_iter().flatten().map(|row| (row.id, row)).collect();
        let mut links: HashMap<LinkId, Link> = HashMap::new();
        for hold in holds {
            if let Some(id) = hold.key.link()
                && !links.contains_key(&id)
                && let Some(link) = self.link_by_id(mapping, id).await?
            {
                links.insert(id, link);
            }
        }
        let above = self.above(mapping, holds).await?;
        let of = |hold: &&Hold| {
            let id = hold.key.link();
            let (above, link) =
                (id.and_then(|id| above.get(&id)), id.and_then(|id| links.get(&id)));
            let above = above.filter(|_| hold.key.pair().is_some());
            item(mapping, hold, above, link, hold.conflict.and_then(|id| rows.get(&id)))
        };
        Ok(holds.iter().map(of).collect())
    }

    /// What the whole records of pairs wait for that are answered, by their links.
    async fn above(
        &self,
        mapping: &CompiledMapping,
        holds: &[&Hold],
    ) -> Result<HashMap<LinkId, Hold>, SyncError> {
        let of_pairs =
            holds.iter().filter(|hold| hold.answer.is_some() && hold.key.pair().is_some());
        let links: BTreeSet<LinkId> = of_pairs.filter_map(|hold| hold.key.link()).collect();
        if links.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = links.into_iter().map(HoldKey::Link).collect();
        let page = Page { holds: Some(keys), ..Page::all() };
        let now = self.inner.clock.now();
        let above = self.store().holds(&mapping.key, &page).await?;
        let above = above.into_iter().filter(|hold| hold.waits_on(now));
        Ok(above.filter_map(|hold| Some((hold.key.link()?, hold))).collect())
    }

    /// A mapping with the number of its stored revision, and what its bases are laid out by.
    pub(in crate::engine) async fn compiled(
        &self,
        mapping: &str,
    ) -> Result<CompiledMapping, SyncError> {
        let mut compiled = self.mapping(mapping)?.clone();
        let revisions = self.store().revisions(&compiled.key).await?;
        self.adopt(&mut compiled, &revisions);
        Ok(compiled)
    }

    /// A link, with its bases laid out for the mapping as it is now.
    pub(in crate::engine) async fn link_by_id(
        &self,
        mapping: &CompiledMapping,
        id: LinkId,
    ) -> Result<Option<Link>, SyncError> {
        // Links are read in the order of their ids, after one of them.
        let before = u128::from_be_bytes(id.0).checked_sub(1).map(|n| LinkId(n.to_be_bytes()));
        let found = self.store().links(&mapping.key, before, 1).await?;
        let Some(mut link) = found.into_iter().find(|link| link.id == id) else { return Ok(None) };
        self.relay(mapping, std::slice::from_mut(&mut link)).await?;
        Ok(Some(link))
    }

    /// Lays bases of other revisions out for the mapping as it is now.
    pub(in crate::engine) async fn relay(
        &self,
        mapping: &CompiledMapping,
        links: &mut [Link],
    ) -> Result<(), SyncError> {
        let old = |link: &Link| {
            Side::BOTH.into_iter().any(|side| link.bases[side].revision != mapping.revision)
        };
        if !links.iter().any(old) {
            return Ok(());
        }
        let revisions = self.store().revisions(&mapping.key).await?;
        for link in links {
            for side in Side::BOTH {
                if link.bases[side].revision != mapping.revision {
                    link.bases[side] = mapping.relay(side, &link.bases[side], &revisions);
                }
            }
        }
        Ok(())
    }

    /// Stores what a person decided about an item; the next run carries it out.
    ///
    /// An answer to another version than the item's is stale and changes nothing; the same answer
    /// twice is stored once. No lease is taken: it can be answered during a run.
    ///
    /// # Errors
    /// If the item does not take this choice, a field cannot hold the value that is given for it,
    /// there is no such mapping, or the store fails.
    pub async fn answer(
        &self,
        mapping: &str,
        key: &HoldKey,
        version: Fingerprint,
        choice: Choice,
    ) -> Result<AnswerOutcome, DeskError> {
        let answer = DeskAnswer { key: key.clone(), version, choice };
        let mut outcomes = self.answer_all(mapping, [answer]).await?;
        outcomes.pop().unwrap_or(Ok(AnswerOutcome::Gone))
    }

    /// Stores many answers together; one outcome for each, in their order. One that its item does
    /// not take stops no other.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn answer_all(
        &self,
        mapping: &str,
        answers: impl IntoIterator<Item = DeskAnswer>,
    ) -> Result<Vec<Result<AnswerOutcome, DeskError>>, DeskError> {
        self.answering(mapping, answers.into_iter().collect()).await
    }

    fn answering<'a>(
        &'a self,
        mapping: &'a str,
        answers: Vec<DeskAnswer>,
    ) -> Compiled<'a, Result<Vec<Result<AnswerOutcome, DeskError>>, DeskError>> {
        Box::pin(async move {
            let compiled = self.compiled(mapping).await.map_err(DeskError::Sync)?;
            let of_mapping = |error: SyncError| DeskError::of(&compiled.mapping.name, error);
            let items = self.find_items(&compiled, &answers).await.map_err(of_mapping)?;
            let at = self.inner.clock.now();
            let mut outcomes: Vec<Result<AnswerOutcome, DeskError>> = Vec::new();
            let (mut places, mut stored) = (Vec::new(), Vec::new());
            for answer in answers {
                let outcome = match items.get(&answer.key) {
                    None => Ok(AnswerOutcome::Gone),
                    Some(item) if item.version != answer.version => Ok(AnswerOutcome::Stale),
                    Some(item) if !item.takes(&answer.choice) => {
                        Err(not_offered(item, &answer.choice))
                    }
                    Some(_) => {
                        places.push(outcomes.len());
                        stored.push(AnswerTo {
                            hold: answer.key,
                            version: answer.version,
                            answer: Answer { choice: answer.choice, at },
                        });
                        Ok(AnswerOutcome::Stored)
                    }
                };
                outcomes.push(outcome);
            }
            let told = self.store().answer(&compiled.key, &stored).await;
            for (place, outcome) in places.into_iter().zip(told.map_err(|e| of_mapping(e.into()))?)
            {
                outcomes[place] = Ok(outcome);
            }
            Ok(outcomes)
        })
    }

    /// The items that answers are to.
    async fn find_items(
        &self,
        mapping: &CompiledMapping,
        answers: &[DeskAnswer],
    ) -> Result<HashMap<HoldKey, DeskItem>, SyncError> {
        let keys: Vec<HoldKey> = answers.iter().map(|answer| answer.key.clone()).collect();
        let mut found: HashMap<HoldKey, DeskItem> = HashMap::new();
        for keys in keys.chunks(PAGE) {
            let page = Page { holds: Some(keys.to_vec()), limit: PAGE, ..Page::default() };
            let holds = self.store().holds(&mapping.key, &page).await?;
            let wanted: Vec<&Hold> = holds.iter().collect();
            let items = self.items(mapping, &wanted).await?;
            found.extend(items.into_iter().map(|item| (item.key.clone(), item)));
        }
        Ok(found)
    }
}

/// Why an item does not take a choice.
fn not_offered(item: &DeskItem, choice: &Choice) -> DeskError {
    if let Some((side, field)) = item.offers.misfit(choice) {
        return DeskError::WrongType {
            item: item.title(),
            side,
            field: field.name.clone(),
            takes: field.takes(),
        };
    }
    DeskError::NotOffered { item: item.title(), choice: choice.word(), takes: item.takes_words() }
}
