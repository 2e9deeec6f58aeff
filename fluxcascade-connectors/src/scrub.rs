//! What people have typed, taken out of a vendor's words before anybody sees them: addresses always, and a
//! request's values where they are known. Errors are made by the adapters.

use std::collections::{HashMap, HashSet};

use fluxcascade_core::connector::ConnectorError;

/// As many bytes of a vendor's words are looked at: more than the longest value that it takes.
const WORDS_READ: usize = 1 << 20;
/// As many characters of them are kept.
const WORDS_KEPT: usize = 400;
/// So many characters on end that a value has, too, are of that value: vendors quote long ones in part.
const RUN: usize = 10;
/// So many digits on end are a number that a person is called by, however it is written.
const DIGITS: usize = 7;
/// What divides our words from the vendor's, where they are divided.
const SAYS: &str = "it says: ";

/// A vendor's words without addresses, in one line. They may be long: values are taken out of all of them
/// before they are cut.
pub(crate) fn line(said: &str) -> String {
    let mut end = said.len().min(WORDS_READ);
    while !said.is_char_boundary(end) {
        end -= 1;
    }
    let (said, is_whole) = (plain(&said[..end]), end == said.len());
    let mut words: Vec<&str> = said.split_whitespace().collect();
    if !is_whole {
        words.pop(); // it may be the beginning of an address
    }
    let is_address = |word: &str| word.contains(['@', '\u{ff20}', '\u{fe6b}']);
    let shown = words.into_iter().map(|word| if is_address(word) { "[address]" } else { word });
    shown.collect::<Vec<_>>().join(" ")
}

/// The text with what is written in other ways for an address, a page or JSON as it was meant: `%40`,
/// `&#64;` and `\u0040` are all an `@`.
fn plain(text: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (meant, taken) = escaped(rest).unwrap_or((Meant::Char(first), first.len_utf8()));
        match meant {
            Meant::Byte(byte) => bytes.push(byte),
            Meant::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Meant {
    /// A byte of a text in UTF-8.
    Byte(u8),
    Char(char),
}

/// What a text begins with, if that is written in another way, and how long it is so.
fn escaped(text: &str) -> Option<(Meant, usize)> {
    let hex = |from: usize, to: usize| u32::from_str_radix(text.get(from..to)?, 16).ok();
    if text.starts_with('%') {
        return Some((Meant::Byte(u8::try_from(hex(1, 3)?).ok()?), 3));
    }
    if text.starts_with("\\u") {
        return Some((Meant::Char(char::from_u32(hex(2, 6)?)?), 6));
    }
    if text.starts_with("\\n") || text.starts_with("\\t") || text.starts_with("\\r") {
        return Some((Meant::Char(' '), 2));
    }
    if let Some(next) = text.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
        return matches!(next, '"' | '\'' | '/' | '\\').then_some((Meant::Char(next), 2));
    }
    let name = text.strip_prefix('&')?;
    let end = name.char_indices().take(10).find(|(_, c)| *c == ';')?.0;
    let name = name.get(..end)?;
    let meant = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "commat" => Some('@'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            };
            code.and_then(char::from_u32)
        }
    };
    Some((Meant::Char(meant?), end + 2))
}

/// Takes a request's values out of what a vendor says about it.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    /// In lower case, in one line.
    values: HashSet<Vec<char>>,
    /// Of values that are a number with so many digits.
    digits: HashSet<String>,
}

impl Scrub {
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scrub = Self::default();
        for value in values {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            if digits.len() >= DIGITS {
                // A country's code may be left out.
                scrub
                    .digits
                    .extend(digits.get(digits.len().saturating_sub(10)..).map(str::to_owned));
                scrub.digits.insert(digits);
            }
            // A single letter tells nothing, and is in every word.
            let forms = [value.replace(' ', "+"), value].map(|form| lower(&form));
            scrub.values.extend(forms.into_iter().filter(|form| form.len() > 1));
        }
        scrub
    }

    /// The error without the values, and its text cut to a length that can be kept.
    pub(crate) fn apply(&self, mut error: ConnectorError) -> ConnectorError {
        if let Some((ours, theirs)) = error.message.split_once(SAYS) {
            error.message = format!("{ours}{SAYS}{}", self.words(theirs));
        }
        error
    }

    /// The words without the values, cut to a length that can be kept.
    pub(crate) fn words(&self, text: &str) -> String {
        self.without(text).chars().take(WORDS_KEPT).collect()
    }

    /// The text without the values, whatever the case of either.
    fn without(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let lower = lower(text);
        let mut hidden = vec![false; chars.len()];
        self.hide_parts(&lower, &mut hidden);
        for value in self.values.iter().filter(|value| value.len() <= RUN) {
            for (at, found) in lower.windows(value.len()).enumerate() {
                let end = at + value.len();
                // A short one is a part of many words.
                let is_word =
                    || !is_letter(&lower, at.checked_sub(1)) && !is_letter(&lower, Some(end));
                if found == value.as_slice() && (value.len() > 2 || is_word()) {
                    hidden[at..end].fill(true);
                }
            }
        }
        self.hide_digits(&lower, &mut hidden);
        let mut kept = String::with_capacity(text.len());
        for (at, c) in chars.iter().enumerate() {
            match (hidden[at], at > 0 && hidden[at - 1]) {
                (false, _) => kept.push(*c),
                (true, false) => kept.push_str("[value]"),
                (true, true) => {}
            }
        }
        kept
    }

    /// Hides every run of characters that a longer value has.
    fn hide_parts(&self, text: &[char], hidden: &mut [bool]) {
        let mut runs: HashMap<&[char], Vec<usize>> = HashMap::new();
        for (at, run) in text.windows(RUN).enumerate() {
            runs.entry(run).or_default().push(at);
        }
        for run in self.values.iter().flat_map(|value| value.windows(RUN)) {
            // Once is enough for each.
            for at in runs.remove(run).unwrap_or_default() {
                hidden[at..at + RUN].fill(true);
            }
        }
    }

    /// Hides numbers that are the values', however their digits are set apart.
    fn hide_digits(&self, text: &[char], hidden: &mut [bool]) {
        if self.digits.is_empty() {
            return;
        }
        let places: Vec<usize> = (0..text.len()).filter(|at| text[*at].is_ascii_digit()).collect();
        let all: String = places.iter().map(|at| text[*at]).collect();
        for digits in &self.digits {
            for (from, _) in all.match_indices(digits.as_str()) {
                let of = places.get(from).zip(places.get(from + digits.len() - 1));
                // Numbers far from each other are not one.
                if let Some((first, last)) = of.filter(|(a, b)| *b - *a < 2 * digits.len() + 6) {
                    hidden[*first..=*last].fill(true);
                }
            }
        }
    }
}

/// In lower case, a character for each.
fn lower(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

fn is_letter(text: &[char], at: Option<usize>) -> bool {
    at.and_then(|at| text.get(at)).is_some_and(|c| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::connector::ErrorKind;

    use super::*;

    fn told(words: &str, values: &[&str]) -> String {
        let error =
            ConnectorError::new(ErrorKind::Validation, format!("no; it says: {}", line(words)));
        let error = Scrub::of(values.iter().copied()).apply(error);
        error.message.split_once(SAYS).unwrap().1.to_owned()
    }

    #[test]
    fn an_address_is_taken_out_however_it_is_written() {
        for address in ["ann@x.io", "<ANN@x.io>", "ann%40x.io", "ann&#64;x.io", "ann&#x40;x.io"] {
            assert_eq!(told(&format!("{address} is no mail"), &[]), "[address] is no mail");
        }
        assert_eq!(told(r"ann\u0040x.io is no mail", &[]), "[address] is no mail");
        assert_eq!(told("ann＠x.io is no mail", &[]), "[address] is no mail");
    }

    #[test]
    fn nothing_of_an_address_or_a_value_is_left_where_the_words_are_cut() {
        for before in [WORDS_KEPT - 3, 3_997, WORDS_READ - 3] {
            let words = format!("{} ann@x.io", "n".repeat(before - 1));
            assert!(!told(&words, &[]).contains("ann"), "{before}");
        }
        // What is taken out makes room for what comes behind it.
        let long = "secret words ".repeat(2_000);
        let twice = format!("\"{long}\": too long; it was \"{long}\"");
        let left = told(&twice, &[&long]);
        assert!(left.contains("too long; it was") && !left.contains("secret"), "{left}");
    }

    #[test]
    fn a_value_that_is_quoted_in_part_is_taken_out_as_far_as_it_is_quoted() {
        let value = "Suite 12, behind the old mill";
        for (quoted, left) in [
            ("\"Suite 12, behind the\" is bad", "\"[value]\" is bad"),
            ("...the old mill is bad", "...[value] is bad"),
            ("SUITE 12, BEHIND; bad", "[value]; bad"),
            ("Suite+12%2C+behind+the+old+mill is bad", "[value] is bad"),
        ] {
            assert_eq!(told(quoted, &[value]), left);
        }
    }

    #[test]
    fn a_number_is_taken_out_however_it_is_set_apart() {
        let phone = "+1 (256) 593-8310";
        for quoted in ["+12565938310", "1-256-593-8310", "+1 (256) 593-8310", "(256) 593-8310"] {
            let left = told(&format!("the number {quoted} is bad"), &[phone]);
            assert!(!left.contains("593") && left.ends_with(" is bad"), "{left}");
        }
        assert_eq!(told("Existing ID: 171591000198", &[phone]), "Existing ID: 171591000198");
    }

    #[test]
    fn short_values_are_taken_out_as_words_and_the_sentence_stays() {
        assert_eq!(told("Jo is no name; Jo", &["jo"]), "[value] is no name; [value]");
        assert_eq!(told("join the others", &["jo"]), "join the others");
        assert_eq!(told("ÄRGER was not valid", &["ärger"]), "[value] was not valid");
        assert_eq!(told("İnci is not valid", &["İnci"]).matches("nci").count(), 0);
    }
}
