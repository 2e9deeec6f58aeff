//! Answers to what waits on the desk: found by their key, read into what the engine takes, stored. The next
//! sync carries them out.

use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::mapping::{CompiledMapping, CompiledPair};
use fluxcascade_core::model::{AnswerOutcome, Choice, MappingName, RecordId, Side, Sides, Value};

use super::desk::{key, takes};
use super::place::meant;
use super::{Exit, Host, Outcome, Work};
use crate::typed::value;

/// What was said.
pub(super) struct Said<'s> {
    pub(super) key: &'s str,
    pub(super) choice: &'s [String],
    pub(super) source: &'s [String],
    pub(super) target: &'s [String],
}

/// Choices that are one word.
const WORDS: [(&str, Choice); 9] = [
    ("take-source", Choice::Take(Side::Source)),
    ("take-target", Choice::Take(Side::Target)),
    ("leave", Choice::Leave),
    ("create", Choice::Create),
    ("never", Choice::Never),
    ("not-made", Choice::NotMade),
    ("allow", Choice::Allow),
    ("retry", Choice::Retry),
    ("recreate", Choice::Recreate),
];

impl Work<'_, '_, '_> {
    /// Stores an answer.
    pub(super) async fn answer(
        &self,
        mapping: Option<&String>,
        said: &Said<'_>,
        host: &mut Host<'_>,
    ) -> Outcome<Exit> {
        let (name, item) = self.find(mapping, said.key).await?;
        let compiled = self.engine.mapping(name.as_str())?;
        let choice = choice(compiled, &item, said)?;
        if !item.takes(&choice) && !matches!(choice, Choice::Set(_)) {
            let takes = takes(&item).join(", ");
            return Err(format!("{} takes {takes}", item.title()).into());
        }
        match self.engine.answer(name.as_str(), &item.key, item.version, choice).await? {
            AnswerOutcome::Stored | AnswerOutcome::Already => {
                writeln!(host.out, "{}: stored; flux sync {name} carries it out", item.title())?;
                Ok(Exit::Done)
            }
            AnswerOutcome::Stale | AnswerOutcome::Gone => Err(moved(said.key).into()),
        }
    }

    /// What waits under a key.
    async fn find(
        &self,
        mapping: Option<&String>,
        wanted: &str,
    ) -> Outcome<(MappingName, DeskItem)> {
        let mut found = Vec::new();
        for name in self.named(mapping.cloned().as_slice())? {
            for item in self.waiting(&name).await? {
                if wanted.len() >= 4 && item.version.to_string().starts_with(wanted) {
                    found.push((name.clone(), item));
                }
            }
        }
        let several = || {
            let keys: Vec<String> = found.iter().map(|(_, item)| key(item)).collect();
            format!("{wanted} could be {}: write more of it", keys.join(", "))
        };
        match found.len() {
            0 => Err(moved(wanted).into()),
            1 => Ok(found.remove(0)),
            _ => Err(several().into()),
        }
    }
}

fn moved(key: &str) -> String {
    format!(
        "nothing waits under {key}: it is decided already, or has moved since it was shown; look at the \
         desk again"
    )
}

fn choice(mapping: &CompiledMapping, item: &DeskItem, said: &Said<'_>) -> Outcome<Choice> {
    let [first, rest @ ..] = said.choice else { return Err("say what the answer is".into()) };
    let word = first.trim().replace(' ', "-").to_lowercase();
    let (word, inline) = match word.strip_prefix("link-to-") {
        // An id keeps its capitals.
        Some(_) => ("link-to".to_owned(), first.trim().get("link-to ".len()..)),
        None => (word, None),
    };
    let more = inline.or(rest.first().map(String::as_str));
    match (word.as_str(), more) {
        ("link-to", Some(record)) => Ok(Choice::LinkTo(RecordId::new(record)?)),
        ("link-to", None) => Err("link-to what? name the record".into()),
        ("set", value) => set(mapping, item, value, said),
        (word, None) => {
            let known = WORDS.iter().find(|(name, _)| *name == word);
            known.map(|(_, choice)| choice.clone()).ok_or_else(|| unknown(word, item).into())
        }
        (word, Some(_)) => Err(format!("{word} takes nothing behind it").into()),
    }
}

fn unknown(word: &str, item: &DeskItem) -> String {
    let takes = takes(item);
    let first = takes.iter().filter_map(|take| take.split(' ').next());
    format!("unknown answer `{word}`: {}", meant(word, first))
}

/// Values of a person's own: one for both sides, or some for each.
fn set(
    mapping: &CompiledMapping,
    item: &DeskItem,
    value: Option<&str>,
    said: &Said<'_>,
) -> Outcome<Choice> {
    let pair = item.key.pair().and_then(|id| mapping.pairs.iter().find(|pair| pair.id == *id));
    let Some(pair) = pair else { return Err(format!("{} takes no values", item.title()).into()) };
    let both = value.map(|value| vec![value.to_owned()]);
    let given = match &both {
        Some(both) => Sides::new(both.as_slice(), both.as_slice()),
        None => Sides::new(said.source, said.target),
    };
    let sides = Sides::new(
        read(pair, Side::Source, given.source)?,
        read(pair, Side::Target, given.target)?,
    );
    Ok(Choice::Set(sides))
}

fn read(pair: &CompiledPair, side: Side, texts: &[String]) -> Outcome<Vec<Value>> {
    let end = &pair.ends[side];
    if end.types.len() != texts.len() {
        let names: Vec<&str> =
            end.names.iter().map(fluxcascade_core::model::FieldName::as_str).collect();
        return Err(format!(
            "the {side} needs {} values, and {} were given: --{side} VALUE for each of {}",
            names.len(),
            texts.len(),
            names.join(", ")
        )
        .into());
    }
    let each = end.types.iter().zip(end.names.iter()).zip(texts);
    each.map(|((kind, name), text)| {
        value(kind, text).ok_or_else(|| format!("the {side}'s {name} takes no such value").into())
    })
    .collect()
}
