//! What is done to a list, as a table: the list before, what is written, the list after.

use super::*;

/// `*` flags a primary; `work:a` is an entry described WORK with the text `a`.
fn entry(text: &str) -> Entry {
    let (primary, text) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
    let (kind, text) = text.split_once(':').unwrap();
    Entry { id: None, text: text.to_owned(), normalized: None, kind: kind_of(kind), primary }
}

fn kind_of(name: &str) -> Kind {
    Contact::Phone
        .kinds()
        .iter()
        .chain(Contact::Email.kinds())
        .copied()
        .find(|kind| kind.code().eq_ignore_ascii_case(name))
        .unwrap()
}

fn list(text: &str) -> Vec<Entry> {
    let entries = text.split_whitespace().map(entry).enumerate();
    entries.map(|(n, entry)| Entry { id: Some(format!("id{n}")), ..entry }).collect()
}

fn place(name: &str) -> Place {
    if name == "primary" { Place::Primary } else { Place::Kind(kind_of(name)) }
}

fn places(text: &str) -> Vec<Place> {
    text.split_whitespace().map(place).collect()
}

/// `primary=a work=` writes `a` to the primary and clears the work entry.
fn wanted(text: &str) -> Vec<Wanted> {
    let one = |part: &str| {
        let (name, text) = part.split_once('=').unwrap();
        (place(name), (!text.is_empty()).then(|| text.to_owned()))
    };
    text.split_whitespace().map(one).collect()
}

/// The list after the edits, as Jobber would make it.
fn apply(before: &[Entry], edits: &Edits) -> Vec<Entry> {
    let mut after: Vec<Entry> = before
        .iter()
        .filter(|entry| !edits.delete.contains(entry.id.as_ref().unwrap()))
        .cloned()
        .collect();
    for edit in &edits.edit {
        let entry = after.iter_mut().find(|entry| entry.id.as_ref() == Some(&edit.id)).unwrap();
        entry.text = edit.text.clone().unwrap_or_else(|| entry.text.clone());
        entry.kind = edit.kind.unwrap_or(entry.kind);
        entry.primary = edit.primary.unwrap_or(entry.primary);
    }
    after.extend(edits.add.iter().cloned());
    after
}

fn written(entries: &[Entry]) -> String {
    let one = |entry: &Entry| {
        let flag = if entry.primary { "*" } else { "" };
        format!("{flag}{}:{}", entry.kind.code().to_lowercase(), entry.text)
    };
    entries.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(contact: Contact, row: (&str, &str, &str, &str)) {
    let (before, wants, watched, after) = row;
    let before = list(before);
    let edits = plan(contact, &before, &wanted(wants), &places(watched));
    assert_eq!(written(&apply(&before, &edits)), after, "{row:?} gave {edits:?}");
    // Written again, nothing is to be done.
    let settled: Vec<Entry> = apply(&before, &edits)
        .into_iter()
        .enumerate()
        .map(|(n, entry)| Entry { id: Some(format!("new{n}")), ..entry })
        .collect();
    let again = plan(contact, &settled, &wanted(wants), &places(watched));
    assert_eq!(again, Edits::default(), "{row:?} a second time");
}

#[test]
fn a_write_does_the_least_that_shows_the_value_and_leaves_the_rest() {
    // before, written, fields of the mapping that are watched, after
    let rows = [
        // The primary.
        ("", "primary=a", "primary", "*main:a"),
        ("*main:a", "primary=a", "primary", "*main:a"),
        ("*main:a", "primary=b", "primary", "*main:b"),
        ("*work:a other:c", "primary=b", "primary", "*work:b other:c"),
        ("main:a", "primary=b", "primary", "main:a *main:b"),
        ("*main:a *work:b", "primary=c", "primary", "*main:c *work:b"),
        // An address that is there already is promoted.
        ("*main:a work:b", "primary=b", "primary", "main:a *work:b"),
        ("main:a work:b", "primary=b", "primary", "main:a *work:b"),
        ("*main:a *work:b", "primary=b", "primary", "main:a *work:b"),
        ("*main:a work:b", "primary=b", "primary main work", "main:a *work:b"),
        ("main:b main:b", "primary=b", "primary", "*main:b main:b"),
        // Not where another field of the mapping would change with it.
        ("*main:a work:b main:c", "primary=b", "primary main", "*main:b work:b main:c"),
        ("*main:a work:b work:c", "primary=b", "primary work", "*main:b work:b work:c"),
        ("*work:a", "primary=b", "primary work", "work:a *main:b"),
        ("*main:a", "primary=b", "primary main", "main:a *main:b"),
        ("other:c", "primary=b", "primary main other", "other:c *other:b"),
        // A description.
        ("", "work=a", "work", "work:a"),
        ("*main:a", "work=b", "work", "*main:a work:b"),
        ("*main:a work:b", "work=c", "primary work", "*main:a work:c"),
        ("*work:a", "work=c", "work", "*work:c"),
        ("*work:a", "work=c", "primary work", "*work:a work:c"),
        ("*work:a work:b", "work=c", "work", "*work:a work:c"),
        ("*main:a other:b", "work=b", "work", "*main:a work:b"),
        ("*main:a other:b", "work=b", "work other", "*main:a other:b work:b"),
        // Blanks.
        ("", "primary=", "primary", ""),
        ("*main:a work:b", "primary=", "primary", "work:b"),
        ("*main:a *work:b", "primary=", "primary", "work:b"),
        ("main:a work:b", "primary=", "primary", "main:a work:b"),
        ("*work:a", "primary=", "primary work", "work:a"),
        ("*main:a work:b other:c", "work=", "work", "*main:a other:c"),
        ("*work:a", "work=", "primary work", "*other:a"),
        ("*work:a", "work=", "primary work other", "*main:a"),
        // A double goes with it; another one of its description stays, and does not come after it.
        ("*main:a work:b work:b", "work=", "primary work", "*main:a"),
        ("*main:a work:b work:c", "work=", "primary work", "*main:a other:c"),
        ("work:b other:c work:d work:b", "work=", "work", "other:c other:d"),
        ("work:b other:c work:d", "work=", "work other", "other:c other:d"),
        ("work:b work:c", "work=", "work other", "main:c"),
        ("work:a *work:a", "work=", "primary work", "*other:a"),
        // Several at once.
        ("", "primary=a work=b other=", "", "*main:a work:b"),
        ("*main:a work:b", "primary=b work=a", "primary work", "work:a *work:b"),
        ("*main:a work:b", "primary= work=", "primary work", ""),
        ("*main:a work:b", "primary=c work=d", "primary work", "*main:c work:d"),
        ("", "work=b primary=b", "primary work", "*work:b"),
    ];
    for row in rows {
        check(Contact::Email, row);
    }
}

#[test]
fn of_two_entries_with_one_description_a_blank_deletes_the_shown_one_only() {
    let before = list("work:a work:b");
    let edits = plan(Contact::Email, &before, &wanted("work="), &places("work"));
    assert_eq!(edits.delete, ["id0"]);
    let kept = Edit { id: "id1".to_owned(), text: None, kind: Some(Kind::Other), primary: None };
    assert_eq!(edits.edit, [kept]);
}

#[test]
fn a_blank_is_refused_where_it_could_only_be_had_by_changing_another_field() {
    let before = list("*work:a");
    let all = places("primary main work personal other");
    let edits = plan(Contact::Email, &before, &wanted("work="), &all);
    assert_eq!(edits, Edits { refused: vec![place("work")], ..Edits::default() });
}

#[test]
fn a_number_is_the_same_by_its_digits_and_by_jobbers_own_reading_of_it() {
    let mut before = list("*main:555-0100 work:(555)0177");
    before[1].normalized = Some("+1-555-0177".to_owned());
    let primary = |text: &str| {
        let wanted = [(Place::Primary, Some(text.to_owned()))];
        apply(&before, &plan(Contact::Phone, &before, &wanted, &[Place::Primary]))
    };
    assert_eq!(written(&primary("555 0177")), "main:555-0100 *work:555 0177");
    assert_eq!(written(&primary("+15550177")), "main:555-0100 *work:+15550177");
    assert_eq!(written(&primary("555.0100")), "*main:555.0100 work:(555)0177");
    assert!(!same(Contact::Phone, "none", "unknown"));
}

#[test]
fn an_address_is_the_same_without_case_and_its_case_can_be_edited() {
    check(Contact::Email, ("*main:a@x work:b@x", "primary=B@X", "primary", "main:a@x *work:B@X"));
    check(Contact::Email, ("*main:a@x work:b@x", "primary=A@X", "primary", "*main:A@X work:b@x"));
    check(Contact::Email, ("*work:a@x", "primary=A@X", "primary work", "*work:A@X"));
}

#[test]
fn an_edit_sends_only_what_changes_in_an_entry() {
    let before = list("*main:a work:b");
    let edits = plan(Contact::Email, &before, &wanted("primary=b"), &[]);
    let edit = |id: &str, primary| Edit {
        id: id.to_owned(),
        text: None,
        kind: None,
        primary: Some(primary),
    };
    assert_eq!(edits.edit, [edit("id0", false), edit("id1", true)]);
    assert!(edits.add.is_empty() && edits.delete.is_empty());
}

#[test]
fn empty_entries_are_not_shown() {
    let mut entries = list("*main:x work:b");
    entries[0].text = " ".to_owned();
    assert_eq!(shown(&entries, Place::Primary), None);
    assert_eq!(shown(&entries, Place::Kind(Kind::Work)).unwrap().text, "b");
}
