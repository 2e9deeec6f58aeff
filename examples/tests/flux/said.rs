//! What was said about a file, as tests look at it.

/// Each part is in the text.
pub(crate) fn said(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// The lines and columns of mistakes, in their order.
pub(crate) fn places(text: &str) -> Vec<(usize, usize)> {
    let place = |line: &str| {
        let (_, place) = line.split_once("sync.toml:")?;
        let mut numbers = place.split(':').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    text.lines().filter_map(place).collect()
}
