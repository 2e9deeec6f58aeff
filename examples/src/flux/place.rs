//! What is wrong with a file, and where: offsets while it is read, lines and columns when it is told.
//! What is a mistake is said by those who read.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// One thing that is wrong in a file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, and what to do. No value of a secret.
    pub message: String,
}

/// Everything that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file, as it was named.
    pub file: String,
    /// What is wrong, from top to bottom.
    pub list: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Mistake { line, column, message } in &self.list {
            writeln!(f, "{}:{line}:{column}: {message}", self.file)?;
        }
        match self.list.len() {
            1 => write!(f, "{}: 1 mistake", self.file),
            many => write!(f, "{}: {many} mistakes", self.file),
        }
    }
}

/// Mistakes while they are found, by offset.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: BTreeSet<(usize, String)>,
}

impl Findings {
    /// Notes what is wrong at a place; the same thing twice is one mistake.
    pub(super) fn add(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.found.insert((at.start, message.into()));
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// As lines and columns of the text that was read.
    pub(super) fn told(self, file: &str, text: &str) -> Mistakes {
        let list = self.found.into_iter().map(|(offset, message)| {
            let before = text.get(..offset).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Mistake { line, column, message }
        });
        Mistakes { file: file.to_owned(), list: list.collect() }
    }
}

/// The words for what was meant: the nearest that is known, or all that are.
pub(super) fn meant<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None if known.len() > MOST_NAMED => {
            format!("there are {} others, such as {}", known.len(), ticked(&known[..MOST_NAMED]))
        }
        None => format!("there is {}", ticked(&known)),
    }
}

/// More names than these are not listed.
const MOST_NAMED: usize = 24;

fn ticked(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The known word that is most like this one, if any is like it.
fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let lower = word.to_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let near = known.iter().copied().min_by_key(distance)?;
    (distance(&near) <= 2.max(word.chars().count() / 3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_and_all_if_none_is_near() {
        assert_eq!(meant("hubspt", ["hubspot", "jobber"]), "did you mean `hubspot`?");
        assert_eq!(meant("Jobber", ["hubspot", "jobber"]), "did you mean `jobber`?");
        assert_eq!(meant("salesforce", ["hubspot", "jobber"]), "there is `hubspot`, `jobber`");
        assert_eq!(meant("x", []), "there is none");
    }

    #[test]
    fn mistakes_are_told_from_top_to_bottom_with_line_and_column() {
        let text = "a = 1\nä = b\n";
        let mut findings = Findings::default();
        findings.add(&(11..12), "second");
        findings.add(&(0..1), "first");
        findings.add(&(0..1), "first");
        let told = findings.told("sync.toml", text);
        assert_eq!(
            told.to_string(),
            "sync.toml:1:1: first\nsync.toml:2:5: second\nsync.toml: 2 mistakes"
        );
    }
}
