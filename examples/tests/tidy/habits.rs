//! How files look, and what may stand in none of them. Who may import whom is in `walls.rs`.

use super::Finding;
use super::code::lines_naming;

const MOST_LINES: usize = 500;

/// Marks of work that was put off. Put together here, so that this file has none.
const UNFINISHED: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE: [&str; 6] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "bash_jobs"),
    concat!("/wo", "rk/"),
    concat!("C:\\", "Users"),
];

/// Signs of a package registry that is not the public one.
const REGISTRY: [&str; 6] = [
    concat!("sparse", "+"),
    concat!("replace", "-with"),
    concat!("arti", "factory"),
    concat!("jf", "rog"),
    concat!("sonatype", ".nexus"),
    concat!("CARGO_REGISTRIES", "_"),
];

/// Where every package in `Cargo.lock` comes from that is not ours.
const CRATES_IO: &str = "\"registry+https://github.com/rust-lang/crates.io-index\"";

/// A file that one cannot hold in one's head has two subjects.
pub(crate) fn file_size(path: &str, text: &str) -> Option<Vec<Finding>> {
    source(path)?;
    let lines = text.lines().count();
    let what = format!("{lines} lines, at most {MOST_LINES}: split it, tests to name/tests.rs");
    Some(if lines > MOST_LINES { vec![Finding::new(lines, what)] } else { Vec::new() })
}

/// The first line says what lives in the file.
pub(crate) fn first_line(path: &str, text: &str) -> Option<Vec<Finding>> {
    source(path)?;
    let said = text.lines().next().and_then(|line| line.strip_prefix("//! "));
    let what = "begin with `//! ` and what lives here, and what deliberately does not";
    Some(match said {
        Some(words) if words.split_whitespace().count() > 1 => Vec::new(),
        Some(_) | None => vec![Finding::new(1, what)],
    })
}

/// Twenty tabs named `mod.rs` tell nothing.
pub(crate) fn no_mod_rs(path: &str, _text: &str) -> Option<Vec<Finding>> {
    source(path)?;
    let is_one = path == "mod.rs" || path.ends_with("/mod.rs");
    let what = "name it like its folder, and put it beside that: name.rs and name/";
    Some(if is_one { vec![Finding::new(1, what)] } else { Vec::new() })
}

/// What is put off belongs into an issue, not into the sources.
pub(crate) fn finished(path: &str, text: &str) -> Option<Vec<Finding>> {
    let sources = ["rs", "sql", "graphql", "toml"].iter().any(|end| has_ending(path, end));
    if !sources && !path.starts_with(".ci/") && path != "justfile" {
        return None;
    }
    let lines = UNFINISHED.iter().flat_map(|mark| lines_naming(text, mark));
    Some(lines.map(|line| Finding::new(line, "finish it, or open an issue")).collect())
}

/// What works on one machine only works for nobody else.
#[expect(clippy::unnecessary_wraps, reason = "a rule's shape; this one is about every file")]
pub(crate) fn no_machine_paths(_path: &str, text: &str) -> Option<Vec<Finding>> {
    let what = "a path of one machine: make it relative, or use a temporary folder";
    Some(lines_with(text, &MACHINE, what))
}

/// Everybody builds from the public registry; where else packages come from is a host's business.
#[expect(clippy::unnecessary_wraps, reason = "a rule's shape; this one is about every file")]
pub(crate) fn no_other_registry(path: &str, text: &str) -> Option<Vec<Finding>> {
    let what = "another registry than crates.io: keep it in your own configuration";
    let mut findings = lines_with(text, &REGISTRY, what);
    if path == "Cargo.lock" {
        let sources = text.lines().zip(1..).filter_map(|(line, number)| {
            let source = line.strip_prefix("source = ")?;
            (source != CRATES_IO).then(|| Finding::new(number, what))
        });
        findings.extend(sources);
    }
    Some(findings)
}

/// One set of lints for all packages.
pub(crate) fn lints_of_the_workspace(path: &str, text: &str) -> Option<Vec<Finding>> {
    let is_package = path.ends_with("Cargo.toml") && text.contains("[package]");
    let what = "add `[lints]` with `workspace = true`";
    is_package.then(|| {
        let inherits = text.contains("[lints]\nworkspace = true");
        if inherits { Vec::new() } else { vec![Finding::new(text.lines().count(), what)] }
    })
}

/// What users will notice is noted when it is made, not when it is released.
pub(crate) fn changelog(path: &str, text: &str) -> Option<Vec<Finding>> {
    let is_changelog = path == "CHANGELOG.md";
    let what = "the first heading of a version is `## Unreleased`: add it";
    is_changelog.then(|| {
        let first = text.lines().zip(1..).find(|(line, _)| line.starts_with("## "));
        match first {
            Some((line, _)) if line.contains("Unreleased") => Vec::new(),
            Some((_, number)) => vec![Finding::new(number, what)],
            None => vec![Finding::new(1, what)],
        }
    })
}

fn source(path: &str) -> Option<()> {
    has_ending(path, "rs").then_some(())
}

fn has_ending(path: &str, ending: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == ending)
}

fn lines_with(text: &str, signs: &[&str], what: &str) -> Vec<Finding> {
    let lines = text.lines().zip(1..);
    let found = lines.filter(|(line, _)| signs.iter().any(|sign| line.contains(sign)));
    found.map(|(_, number)| Finding::new(number, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: Option<Vec<Finding>>) -> Vec<usize> {
        findings.expect("a file that the rule is about").iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_file_of_501_lines_is_found() {
        assert_eq!(lines(file_size("a/b.rs", &"x\n".repeat(501))), [501]);
        assert_eq!(lines(file_size("a/b.rs", &"x\n".repeat(500))), []);
        assert_eq!(file_size("a/b.md", &"x\n".repeat(501)), None);
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        assert_eq!(lines(first_line("a.rs", "use std::fmt;\n")), [1]);
        assert_eq!(lines(first_line("a.rs", "//! x\n")), [1]);
        assert_eq!(lines(first_line("a.rs", "//! The parts of a plan.\n")), []);
    }

    #[test]
    fn a_mod_rs_is_found() {
        assert_eq!(lines(no_mod_rs("src/plan/mod.rs", "")), [1]);
        assert_eq!(lines(no_mod_rs("src/plan.rs", "")), []);
    }

    #[test]
    fn what_is_put_off_is_found_in_code_and_in_comments() {
        let text = format!("//! x\n// {}: later\n{}()\n", UNFINISHED[0], UNFINISHED[2]);
        assert_eq!(lines(finished("a.rs", &text)), [2, 3]);
        assert_eq!(lines(finished("Cargo.toml", "todo = \"warn\"\n")), []);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let text = format!("cd here\ncd {}x\n", MACHINE[0]);
        assert_eq!(lines(no_machine_paths("README.md", &text)), [2]);
    }

    #[test]
    fn another_registry_is_found() {
        let config = format!("[source.crates-io]\n{} = \"here\"\n", REGISTRY[1]);
        assert_eq!(lines(no_other_registry(".cargo/config.toml", &config)), [2]);
        let lock = format!("source = {CRATES_IO}\nsource = \"registry+https://elsewhere\"\n");
        assert_eq!(lines(no_other_registry("Cargo.lock", &lock)), [2]);
    }

    #[test]
    fn a_package_without_the_lints_is_found() {
        let package = "[package]\nname = \"x\"\n";
        assert_eq!(lines(lints_of_the_workspace("x/Cargo.toml", package)), [2]);
        let inherits = "[package]\n\n[lints]\nworkspace = true\n";
        assert_eq!(lines(lints_of_the_workspace("x/Cargo.toml", inherits)), []);
        assert_eq!(lints_of_the_workspace("Cargo.toml", "[workspace]\n"), None);
    }

    #[test]
    fn a_changelog_without_a_place_for_the_unreleased_is_found() {
        let text = "# Changelog\n\n## 0.1.0\n\n## Unreleased\n";
        assert_eq!(lines(changelog("CHANGELOG.md", text)), [3]);
        assert_eq!(lines(changelog("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")), []);
    }
}
