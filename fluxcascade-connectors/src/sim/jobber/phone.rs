//! How Jobber rewrites a phone number: the form for people, and E.164. Nothing else.

/// A number as Jobber keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phone {
    /// What is shown: `(256) 593-8310` for a North American number, else what was sent.
    pub(super) shown: String,
    /// `+12565938310`, where the number is understood.
    pub(super) e164: Option<String>,
}

/// Understands a number as a user typed it; without a country code it is North American.
pub(super) fn read(typed: &str) -> Phone {
    let shown = typed.trim();
    let plain = shown.chars().all(|c| c.is_ascii_digit() || " ()-.+/\u{a0}".contains(c));
    let digits = digits(shown);
    let international = shown.starts_with('+');
    let national = match (digits.strip_prefix('1'), international) {
        (Some(rest), _) if digits.len() == 11 => Some(rest),
        (_, false) => Some(digits.as_str()),
        (_, true) => None,
    };
    if !plain {
        return Phone { shown: shown.to_owned(), e164: None };
    }
    if let Some(national) = national.filter(|n| is_north_american(n)) {
        let (area, rest) = national.split_at(3);
        let (exchange, line) = rest.split_at(3);
        return Phone {
            shown: format!("({area}) {exchange}-{line}"),
            e164: Some(format!("+1{national}")),
        };
    }
    let known = international && (8..=15).contains(&digits.len()) && !digits.starts_with('1');
    Phone { shown: shown.to_owned(), e164: known.then(|| format!("+{digits}")) }
}

/// The digits of a text, in order.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Ten digits whose area code and exchange may begin so.
fn is_north_american(digits: &str) -> bool {
    let begins_well = |at: usize| digits.as_bytes().get(at).is_some_and(|d| *d >= b'2');
    digits.len() == 10 && begins_well(0) && begins_well(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(typed: &str) -> (String, Option<String>) {
        let phone = read(typed);
        (phone.shown, phone.e164)
    }

    #[test]
    fn every_way_to_type_a_north_american_number_reads_back_alike() {
        for typed in
            ["2565938310", "256-593-8310", "+1 (256) 593.8310", "1 256 593 8310", " 256 5938310 "]
        {
            let expected = ("(256) 593-8310".to_owned(), Some("+12565938310".to_owned()));
            assert_eq!(shown(typed), expected, "{typed}");
        }
    }

    #[test]
    fn a_number_that_is_not_understood_stays_as_it_was_typed() {
        assert_eq!(shown("555-0100"), ("555-0100".to_owned(), None));
        assert_eq!(shown("256 593 8310 ext 4"), ("256 593 8310 ext 4".to_owned(), None));
        assert_eq!(shown("0565938310"), ("0565938310".to_owned(), None));
        assert_eq!(shown("+1 256 593"), ("+1 256 593".to_owned(), None));
    }

    #[test]
    fn a_foreign_number_keeps_its_form_and_has_a_normal_one() {
        let expected = ("+44 20 7946 0018".to_owned(), Some("+442079460018".to_owned()));
        assert_eq!(shown("+44 20 7946 0018"), expected);
    }
}
