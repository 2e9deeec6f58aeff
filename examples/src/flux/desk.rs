//! The desk for people: what waits, under a key by which it is answered, and what can be said. Answers are
//! taken in `answer`.

use fluxcascade_core::engine::{DeskConflict, DeskItem, DeskPage};
use fluxcascade_core::model::{Choice, MappingName, RecordId, Side, Sides, Value};

use super::{Exit, Host, Outcome, Work};

/// How many digits of an item's version are its key.
const KEY_DIGITS: usize = 8;

/// The key by which an item is answered: of what is shown, so that an answer to something that has moved
/// since finds nothing.
pub(super) fn key(item: &DeskItem) -> String {
    item.version.to_string().chars().take(KEY_DIGITS).collect()
}

impl Work<'_, '_, '_> {
    /// Shows what waits in a mapping, or in each.
    pub(super) async fn desk(
        &self,
        mapping: Option<&String>,
        host: &mut Host<'_>,
    ) -> Outcome<Exit> {
        let mut exit = Exit::Done;
        for name in self.named(mapping.cloned().as_slice())? {
            let items = self.waiting(&name).await?;
            match items.len() {
                0 => writeln!(host.out, "desk of {name}: nothing waits for a person")?,
                1 => writeln!(host.out, "desk of {name}: 1 thing waits")?,
                many => writeln!(host.out, "desk of {name}: {many} things wait")?,
            }
            let compiled = self.engine.mapping(name.as_str())?;
            let ends = Sides::from_fn(|side| compiled.endpoint(side).to_string());
            for item in &items {
                show(item, &ends, host)?;
            }
            if !items.is_empty() {
                writeln!(
                    host.out,
                    "answer: flux desk {name} answer KEY ANSWER; then flux sync {name}"
                )?;
                exit = Exit::Waits;
            }
        }
        Ok(exit)
    }

    /// Everything that waits in a mapping.
    pub(super) async fn waiting(&self, name: &MappingName) -> Outcome<Vec<DeskItem>> {
        let mut page = DeskPage::default();
        let mut items = Vec::new();
        loop {
            let desk = self.engine.desk_page(name.as_str(), &page).await?;
            items.extend(desk.items);
            match desk.next {
                Some(next) => page.skip = next,
                None => return Ok(items),
            }
        }
    }
}

fn show(item: &DeskItem, ends: &Sides<String>, host: &mut Host<'_>) -> Outcome<()> {
    writeln!(host.out, "{}  {}", key(item), item.title())?;
    if let Some(conflict) = &item.conflict {
        show_conflict(item, conflict, ends, host)?;
    }
    writeln!(host.out, "    {}", item.detail)?;
    if item.attempts > 1 {
        writeln!(host.out, "    tried {} times since {}", item.attempts, item.since)?;
    }
    if let Some(choice) = &item.answered {
        writeln!(host.out, "    answered: {}; the next sync carries it out", word(choice))?;
    } else {
        writeln!(host.out, "    next: {}", item.next)?;
        let takes = takes(item);
        if !takes.is_empty() {
            writeln!(host.out, "    answers: {}", takes.join(", "))?;
        }
    }
    Ok(())
}

fn show_conflict(
    item: &DeskItem,
    conflict: &DeskConflict,
    ends: &Sides<String>,
    host: &mut Host<'_>,
) -> Outcome<()> {
    for side in Side::BOTH {
        let at = conflict.times[side].map_or_else(String::new, |at| format!(", changed {at}"));
        let held = shown(conflict.values[side].as_deref());
        let before = match &item.confirmed[side] {
            Some(values) => format!(" (agreed before: {})", shown(Some(values))),
            None => String::new(),
        };
        writeln!(host.out, "    {side}, {}: {held}{at}{before}", ends[side])?;
    }
    Ok(())
}

fn shown(values: Option<&[Value]>) -> String {
    let Some(values) = values else { return "[sensitive]".to_owned() };
    if values.iter().all(Value::is_blank) {
        return "(blank)".to_owned();
    }
    values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(" + ")
}

/// A choice as it is answered.
pub(super) fn word(choice: &Choice) -> String {
    let word = choice.word().replace(' ', "-");
    if let Choice::LinkTo(record) = choice { format!("{word} {record}") } else { word }
}

/// What an item takes, as it is answered.
pub(super) fn takes(item: &DeskItem) -> Vec<String> {
    let mut takes: Vec<String> = item.choices().iter().map(word).collect();
    let set = item.conflict.as_ref().and_then(|conflict| {
        let Sides { source, target } = conflict.values.clone();
        Some(Choice::Set(Sides::new(source?, target?)))
    });
    if let Some(set @ Choice::Set(values)) = &set
        && item.takes(set)
    {
        let one = values.source.len() == 1 && values.target.len() == 1;
        let each = "set --source VALUE … --target VALUE …";
        takes.push(if one { "set VALUE" } else { each }.to_owned());
    }
    if RecordId::new("any").is_ok_and(|any| item.takes(&Choice::LinkTo(any))) {
        takes.push("link-to RECORD".to_owned());
    }
    takes
}
