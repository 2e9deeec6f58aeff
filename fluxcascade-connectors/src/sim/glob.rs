//! Patterns in which `*` stands for any text. Nothing else is special in them.

/// Whether the text is the pattern.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*').peekable();
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(glob("/crm/v3/*", "/crm/v3/objects/contacts"));
        assert!(glob("*/search", "/crm/v3/objects/contacts/search"));
        assert!(glob("/crm/*/batch/*", "/crm/v3/objects/contacts/batch/read"));
        assert!(glob("/crm", "/crm"));
        assert!(!glob("/crm", "/crm/v3"));
        assert!(!glob("*/search", "/crm/v3/objects/contacts"));
        assert!(!glob("/a*a", "/a"));
    }
}
