//! Writing associations: what a write wants, which requests that takes, and what came of them.
//!
//! - A field of all records is made so: those that are missing are associated without a label, those
//!   that are too many are not associated any more; labels of the others stay.
//! - A field of one record: the record takes the place of the only one. Where several are associated it
//!   becomes the primary one beside them, if HubSpot has such a label between these. A value that the
//!   field would not show then is refused.
//! - A record's new associations are sent before those that end: what fails in between has lost
//!   nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, RecordId, Timestamp, Value};

use super::association::{self, Ends};
use super::client::{Api, Tying};
use super::convert;
use super::error::{names_pair, of_row};
use super::object::{Kind, Shows, Tie};
use super::wire::{
    AssociationAnswer, AssociationRow, AssociationSpec, EndInput, Ends as WireEnds, ErrorBody,
    IdInput, Inputs, NewAssociation, PairInput,
};
use crate::http::{Failure, Fate};

/// Pairs in one request, at most. HubSpot takes 2,000 in a labelled one, and does not say how many in
/// the others.
const BATCH: usize = 100;

/// Pairs that are sent again by themselves for errors that name none of them, at most.
const ALONE: usize = 20;

/// What a write wants of a field of associations.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) field: FieldName,
    pub(super) tie: Tie,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    All(BTreeSet<RecordId>),
    One(Option<RecordId>),
}

/// What a write wants of associations.
///
/// # Errors
/// The field that cannot be written, and why.
pub(super) fn wishes(
    fields: &[(FieldName, Value)],
    kind: &Kind,
) -> Result<Vec<Wish>, (FieldName, String)> {
    let mut wishes: Vec<Wish> = Vec::new();
    for (field, value) in fields {
        let Some((tie, shows)) = kind.tie_of(field) else { continue };
        let refuse = |why: String| (field.clone(), why);
        if wishes.iter().any(|wish| wish.tie == *tie) {
            let other = &tie.object;
            return Err(refuse(format!(
                "`associations.{other}` and `association.{other}` are written at once; write one"
            )));
        }
        let wanted = wanted(tie, shows, value).ok_or_else(|| {
            refuse(format!("the value for `{field}` is no reference to {} of HubSpot", tie.object))
        })?;
        wishes.push(Wish { field: field.clone(), tie: tie.clone(), wanted });
    }
    Ok(wishes)
}

fn wanted(tie: &Tie, shows: Shows, value: &Value) -> Option<Wanted> {
    let items: Vec<&Value> =
        if value.is_blank() { Vec::new() } else { value.items().unwrap_or_else(|| vec![value]) };
    let id = |item: &&Value| {
        let Value::Ref(to) = item else { return None };
        (to.object == tie.object && convert::is_record_id(&to.id)).then(|| to.id.clone())
    };
    let ids: BTreeSet<RecordId> = items.iter().map(id).collect::<Option<_>>()?;
    match shows {
        Shows::All => Some(Wanted::All(ids)),
        Shows::One if ids.len() > 1 => None,
        Shows::One => Some(Wanted::One(ids.into_iter().next())),
    }
}

impl Wish {
    /// Whether a create can bring it with it.
    pub(super) fn is_inline(&self) -> bool {
        self.tie.plain.is_some()
    }

    /// Whether this is the id of a record that is wanted.
    pub(super) fn leads_to(&self, id: &str) -> bool {
        match &self.wanted {
            Wanted::All(ids) => ids.contains(id),
            Wanted::One(one) => one.as_ref().is_some_and(|one| one.as_str() == id),
        }
    }

    /// What a create brings with it.
    pub(super) fn inline(&self) -> Vec<NewAssociation<'_>> {
        let Some(plain) = self.tie.plain else { return Vec::new() };
        let (ids, primary): (Vec<&RecordId>, _) = match &self.wanted {
            Wanted::All(ids) => (ids.iter().collect(), None),
            Wanted::One(id) => (id.iter().collect(), self.tie.primary),
        };
        let types = || -> Vec<AssociationSpec> {
            [Some(plain), primary].into_iter().flatten().map(AssociationSpec::of_hubspot).collect()
        };
        ids.into_iter()
            .map(|id| NewAssociation { to: IdInput { id: id.as_str() }, types: types() })
            .collect()
    }

    /// What is to be done so that the field shows it, beside what there is.
    fn steps(&self, place: usize, from: &RecordId, ends: &Ends) -> Result<Vec<Step>, String> {
        let step = |tying: Tying, to: &RecordId, types: Vec<AssociationSpec>| Step {
            place,
            field: self.field.clone(),
            tie: self.tie.clone(),
            tying,
            from: from.clone(),
            to: to.clone(),
            types,
        };
        let add = |to: &RecordId| step(Tying::Default, to, Vec::new());
        let end = |to: &RecordId| step(Tying::Archive, to, Vec::new());
        match &self.wanted {
            Wanted::All(ids) => {
                let missing = ids.iter().filter(|id| !ends.contains_key(*id)).map(add);
                let too_many = ends.keys().filter(|id| !ids.contains(*id)).map(end);
                Ok(missing.chain(too_many).collect())
            }
            Wanted::One(Some(id)) if association::the_one(&self.tie, ends) == Some(id) => {
                Ok(Vec::new())
            }
            Wanted::One(Some(id)) => match (self.tie.primary, self.tie.plain) {
                (Some(primary), Some(plain)) => {
                    // A labelled create takes the labels away that it does not have.
                    let kept = ends.get(id).cloned().unwrap_or_default();
                    let own = [plain, primary].map(AssociationSpec::of_hubspot);
                    let types: BTreeSet<_> = kept.into_iter().chain(own).collect();
                    let first = step(Tying::Label, id, types.into_iter().collect());
                    // Of several the others were somebody's wish. The only one is the field's value: left
                    // behind, it would come back once this one is cleared.
                    let former = ends.keys().filter(|end| ends.len() == 1 && *end != id).map(end);
                    Ok(std::iter::once(first).chain(former).collect())
                }
                _ if ends.len() > 1 => Err(self.cannot_show(ends.len())),
                _ => Ok(std::iter::once(add(id)).chain(ends.keys().map(end)).collect()),
            },
            Wanted::One(None) if ends.len() > 1 => Err(self.cannot_show(ends.len())),
            Wanted::One(None) => Ok(ends.keys().map(end).collect()),
        }
    }

    fn cannot_show(&self, count: usize) -> String {
        let (field, other) = (&self.field, &self.tie.object);
        format!(
            "`{field}` would not show its value: the record is associated with {count} {other}, and \
             HubSpot has no way to name one of them; write `associations.{other}`, or remove the others"
        )
    }
}

/// One association that is to be made or ended.
#[derive(Debug, Clone)]
pub(super) struct Step {
    place: usize,
    field: FieldName,
    tie: Tie,
    tying: Tying,
    from: RecordId,
    to: RecordId,
    types: Vec<AssociationSpec>,
}

impl Step {
    /// The place of its write.
    pub(super) fn place(&self) -> usize {
        self.place
    }
}

/// Why a record's associations are not as a write wants them.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Nothing of it was sent.
    NotSent(ConnectorError),
    /// HubSpot refused it, or the field could not show it.
    Refused(FieldName, ConnectorError),
    /// Some of it may have been carried out.
    Unclear(ConnectorError),
}

impl Trouble {
    /// Why it is worth another try.
    pub(super) fn passing(&self) -> Option<&ConnectorError> {
        match self {
            Trouble::NotSent(error) | Trouble::Unclear(error) => {
                Some(error).filter(|error| error.is_transient())
            }
            Trouble::Refused(..) => None,
        }
    }

    fn error(&self) -> &ConnectorError {
        match self {
            Trouble::NotSent(error) | Trouble::Refused(_, error) | Trouble::Unclear(error) => error,
        }
    }
}

/// A record of which associations are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanting<'a> {
    pub(super) place: usize,
    pub(super) record: &'a RecordId,
    pub(super) wishes: Vec<&'a Wish>,
}

/// The steps for some records, by a read of what there is; and what cannot be done.
pub(super) async fn plan(
    api: &Api,
    kind: &Kind,
    wanting: &[Wanting<'_>],
) -> (Vec<Step>, HashMap<usize, Trouble>) {
    let (mut steps, mut troubles) = (Vec::new(), HashMap::new());
    for tie in &kind.ties {
        let of_it = |wish: &&&Wish| wish.tie == *tie;
        let some: Vec<(usize, &RecordId, &Wish)> = wanting
            .iter()
            .flat_map(|one| {
                one.wishes.iter().filter(of_it).map(|wish| (one.place, one.record, *wish))
            })
            .collect();
        if some.is_empty() {
            continue;
        }
        let ids: BTreeSet<RecordId> = some.iter().map(|(_, id, _)| (*id).clone()).collect();
        let ids: Vec<RecordId> = ids.into_iter().collect();
        let read = association::read(api, kind, tie, &ids).await;
        for (place, id, wish) in some {
            let planned = match &read {
                Err(error) => Err(Trouble::NotSent(error.clone())),
                Ok(read) => match read.get(id) {
                    None => Err(Trouble::NotSent(ConnectorError::new(
                        ErrorKind::Transient,
                        "HubSpot did not say what the record is associated with; it is asked again",
                    ))),
                    Some(ends) => wish.steps(place, id, ends).map_err(|why| {
                        let field = wish.field.clone();
                        let mut error = ConnectorError::new(ErrorKind::Validation, why);
                        error.fields = vec![field.clone()];
                        Trouble::Refused(field, error)
                    }),
                },
            };
            match planned {
                Ok(planned) => steps.extend(planned),
                Err(trouble) => {
                    troubles.entry(place).or_insert(trouble);
                }
            }
        }
    }
    steps.retain(|step: &Step| !troubles.contains_key(&step.place));
    (steps, troubles)
}

/// Carries steps out; gives what went wrong, by place.
pub(super) async fn carry_out(
    api: &Api,
    kind: &Kind,
    steps: Vec<Step>,
    not_after: Timestamp,
) -> HashMap<usize, Trouble> {
    let mut groups: BTreeMap<(Tying, String), Vec<Step>> = BTreeMap::new();
    for step in steps {
        groups.entry((step.tying, step.tie.object.to_string())).or_default().push(step);
    }
    let (troubles, begun) = (HashMap::new(), BTreeSet::new());
    let mut run = Run { api, kind, not_after, troubles, begun, alone: ALONE };
    for ((tying, to), steps) in groups {
        // What ends comes last, and not for a record of which something could not be made.
        let steps: Vec<Step> =
            steps.into_iter().filter(|step| !run.troubles.contains_key(&step.place)).collect();
        for chunk in steps.chunks(BATCH) {
            run.send(tying, &to, chunk.to_vec()).await;
        }
    }
    run.troubles()
}

struct Run<'a> {
    api: &'a Api,
    kind: &'a Kind,
    not_after: Timestamp,
    troubles: HashMap<usize, Trouble>,
    /// Places of which something was carried out.
    begun: BTreeSet<usize>,
    /// So many pairs may still be sent by themselves.
    alone: usize,
}

impl Run<'_> {
    /// Sends steps of one sort, in smaller parts if they are refused together.
    async fn send(&mut self, tying: Tying, to: &str, steps: Vec<Step>) {
        let mut parts = vec![steps];
        while let Some(mut steps) = parts.pop() {
            let failure = match self.post(tying, to, &steps).await {
                Ok(answer) => {
                    parts.extend(self.settle(tying, steps, &answer));
                    continue;
                }
                Err(failure) => failure,
            };
            let error = failure.error;
            let is_of_content = matches!(
                error.kind,
                ErrorKind::NotFound | ErrorKind::Validation | ErrorKind::Permanent
            );
            match failure.fate {
                Fate::Refused if is_of_content && steps.len() > 1 => {
                    let half = steps.split_off(steps.len() / 2);
                    parts.extend([half, steps]);
                }
                Fate::Refused if is_of_content => {
                    for step in &steps {
                        self.refused(step, &error);
                    }
                }
                Fate::Refused | Fate::NotSent => {
                    for step in &steps {
                        self.trouble(step, Trouble::NotSent(error.clone()));
                    }
                }
                Fate::Unknown => {
                    for step in &steps {
                        self.trouble(step, Trouble::Unclear(error.clone()));
                    }
                }
            }
        }
    }

    async fn post(
        &self,
        tying: Tying,
        to: &str,
        steps: &[Step],
    ) -> Result<AssociationAnswer, Failure> {
        let ends = (self.kind.path.as_str(), to);
        let both = steps
            .iter()
            .map(|step| (IdInput { id: step.from.as_str() }, IdInput { id: step.to.as_str() }));
        match tying {
            Tying::Label | Tying::Default => {
                let pairs: Vec<PairInput<'_>> = both
                    .zip(steps)
                    .map(|((from, to), step)| PairInput { from, to, types: &step.types })
                    .collect();
                self.api.tie(ends, tying, &Inputs { inputs: &pairs }, self.not_after).await
            }
            Tying::Archive => {
                let pairs: Vec<EndInput<'_>> =
                    both.map(|(from, to)| EndInput { from, to: [to] }).collect();
                self.api.tie(ends, tying, &Inputs { inputs: &pairs }, self.not_after).await
            }
        }
    }

    /// Looks which of the pairs an answer has. An archive's has none, and did them all. Gives those of
    /// which it does not say why they were not made, each to be sent by itself.
    fn settle(
        &mut self,
        tying: Tying,
        steps: Vec<Step>,
        answer: &AssociationAnswer,
    ) -> Vec<Vec<Step>> {
        let made: BTreeSet<(String, String)> = answer.results.iter().filter_map(pair).collect();
        let is_made = |step: &Step| {
            let (from, to) = (step.from.to_string(), step.to.to_string());
            made.contains(&(from.clone(), to.clone())) || made.contains(&(to, from))
        };
        let (done, failed): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|step| tying == Tying::Archive || is_made(step));
        self.begun.extend(done.iter().map(|step| step.place));
        let is_of = |row: &ErrorBody, step: &Step| names_pair(row, (&step.from, &step.to));
        let (named, others): (Vec<&ErrorBody>, Vec<&ErrorBody>) =
            answer.errors.iter().partition(|row| failed.iter().any(|step| is_of(row, step)));
        let mut open = Vec::new();
        for step in failed {
            match named.iter().find(|row| is_of(row, &step)) {
                Some(row) => self.failed(&step, Some(row)),
                None => open.push(step),
            }
        }
        // One error is about all that are left. Of several it is not known which is whose; that matters
        // only where there is a refusal among them.
        let is_refusal = |row: &&ErrorBody| is_refusal(&of_row(row));
        let is_open = open.len() > 1 && others.len() > 1 && others.iter().any(is_refusal);
        let count = if is_open { open.len().min(self.alone) } else { 0 };
        self.alone -= count;
        let alone: Vec<Vec<Step>> = open.drain(..count).map(|step| vec![step]).collect();
        let why = others.first().copied().filter(|_| !is_open);
        for step in &open {
            self.failed(step, why);
        }
        alone
    }

    /// A pair that was not made, and why, if that is known.
    fn failed(&mut self, step: &Step, why: Option<&ErrorBody>) {
        match why.map(of_row) {
            Some(error) if is_refusal(&error) => self.refused(step, &error),
            Some(error) => self.trouble(step, Trouble::Unclear(error)),
            None => {
                let what = "HubSpot's answer does not say what became of an association; it is read to \
                            find out";
                let error = ConnectorError::new(ErrorKind::Protocol, what);
                self.trouble(step, Trouble::Unclear(error));
            }
        }
    }

    fn refused(&mut self, step: &Step, error: &ConnectorError) {
        let mut error = error.clone();
        // The record is there: what is not may be the other one.
        error.kind = ErrorKind::Validation;
        error.fields = vec![step.field.clone()];
        self.trouble(step, Trouble::Refused(step.field.clone(), error));
    }

    fn trouble(&mut self, step: &Step, trouble: Trouble) {
        self.troubles.entry(step.place).or_insert(trouble);
    }

    /// What was begun is not undone: of a write that was carried out in part nobody may say that it was
    /// refused, or not sent, whichever of its steps came first.
    fn troubles(mut self) -> HashMap<usize, Trouble> {
        for (place, trouble) in &mut self.troubles {
            if self.begun.contains(place) {
                *trouble = Trouble::Unclear(trouble.error().clone());
            }
        }
        self.troubles
    }
}

/// Whether a pair's error is about the pair, and would be the same next time.
fn is_refusal(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Validation)
}

/// The two records that a row of an answer is about.
fn pair(row: &AssociationRow) -> Option<(String, String)> {
    let text = |id| convert::record_id(id).ok().map(|id| id.to_string());
    if let (Some(from), Some(to)) = (&row.from_object_id, &row.to_object_id) {
        return Some((text(from)?, text(to)?));
    }
    match (&row.from, &row.to) {
        (Some(from), Some(WireEnds::Made(to))) => Some((text(&from.id)?, text(&to.id)?)),
        _ => None,
    }
}
