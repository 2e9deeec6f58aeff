//! Just enough of Rust's grammar to see what code names: comments and literals are blanked, names
//! and paths are found. No parser: macros are read as they stand.

/// The text with comments and the insides of literals blanked, line for line.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let before = code.chars().next_back();
        let length = blank_length(rest, before.is_some_and(is_name_char));
        if length == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// How many bytes of a comment or literal begin here.
fn blank_length(rest: &str, after_name: bool) -> usize {
    let up_to = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return up_to("*/", 2);
    }
    if rest.starts_with('"') {
        return quoted(rest);
    }
    if rest.starts_with('r') && !after_name {
        let hashes = rest[1..].bytes().take_while(|&byte| byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            return up_to(&format!("\"{}", "#".repeat(hashes)), 2 + hashes);
        }
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    0
}

/// A text literal, up to its closing quote.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, _))) => {
            let from = at + 1;
            rest[from..].find('\'').map_or(0, |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// The lines, from 1, on which code has this name or path, as whole words.
pub(crate) fn lines_naming(code: &str, name: &str) -> Vec<usize> {
    places_of(code, name).into_iter().map(|at| line_of(code, at)).collect()
}

fn places_of(code: &str, name: &str) -> Vec<usize> {
    let whole = |at: &usize| {
        !code[..*at].ends_with(is_name_char) && !code[*at + name.len()..].starts_with(is_name_char)
    };
    code.match_indices(name).map(|(at, _)| at).filter(whole).collect()
}

/// A name that a path leads to from a module further up.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// How many modules up the path goes; `None`: to the crate's root.
    pub(crate) up: Option<usize>,
    /// The first name after that.
    pub(crate) name: String,
}

/// What every path that begins with `crate::` or `super::` leads to; a group leads to several.
pub(crate) fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for at in places_of(code, "crate") {
        let after = &code[at + "crate".len()..];
        push_names(&mut found, line_of(code, at), None, after);
    }
    for at in places_of(code, "super") {
        if code[..at].ends_with("super::") {
            continue; // inside a chain that has been followed
        }
        let mut up = 1;
        let mut after = &code[at + "super".len()..];
        while let Some(further) = after.strip_prefix("::super") {
            up += 1;
            after = further;
        }
        push_names(&mut found, line_of(code, at), Some(up), after);
    }
    found
}

fn push_names(found: &mut Vec<Import>, line: usize, up: Option<usize>, after: &str) {
    let Some(path) = after.strip_prefix("::") else { return };
    let names = match path.strip_prefix('{') {
        Some(group) => group_names(group),
        None => vec![first_name(path)],
    };
    found.extend(names.into_iter().map(|name| Import { line, up, name }));
}

/// The first names of a group's members: `{a::b, c::{d, e}}` has `a` and `c`.
fn group_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut member = 0;
    let mut names = Vec::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(first_name(group[member..at].trim_start()));
                member = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|&c| is_name_char(c) || c == '*').collect()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_blanked_and_lifetimes_are_not() {
    let text =
        "a // tokio\nb(\"tokio \\\" tokio\", r#\"to\"kio\"#, '\"', '\\'') /* tokio\n */ c<'d>";
    let code = code_of(text);
    assert!(!code.contains("kio"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(code.starts_with('a') && code.ends_with("c<'d>"), "{code}");
}

#[test]
fn names_are_found_as_whole_words() {
    let code = "use rand;\nlet operand = brand_new(rand::random());\n";
    assert_eq!(lines_naming(code, "rand"), [1, 2]);
}

#[test]
fn imports_are_found_in_groups_and_by_super() {
    let code = "use crate::{model::{A, B},\n    store};\nfn f() { super::super::clock::now() }\n";
    let import = |line, up, name: &str| Import { line, up, name: name.into() };
    assert_eq!(
        imports(code),
        [import(1, None, "model"), import(1, None, "store"), import(3, Some(2), "clock")]
    );
}
