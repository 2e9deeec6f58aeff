//! Reads the repository's own files and checks what no compiler checks: who may import whom, how
//! long a file may be, what every file begins with, and what may stand in none.
//!
//! Each rule is a function over one file's path and text, and lies in `tidy/walls.rs` or
//! `tidy/habits.rs` beside a test that plants a violation. Here each rule walks over all files.

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/habits.rs"]
mod habits;
#[path = "tidy/walls.rs"]
mod walls;

/// What a rule has against a line of a file, and what to do about it.
#[derive(Debug, PartialEq)]
struct Finding {
    /// The line, from 1.
    line: usize,
    what: String,
}

impl Finding {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// Judges a file by its path from the repository's root, and its text. `None`: the rule is not
/// about this file.
type Rule = fn(&str, &str) -> Option<Vec<Finding>>;

/// A rule that is about no file at all has lost what it guards: a folder was renamed.
fn all_files_keep(rule: Rule) {
    let mut judged = 0;
    let mut failures = Vec::new();
    for file in files::all() {
        let Some(findings) = rule(&file.path, &file.text) else { continue };
        judged += 1;
        failures.extend(findings.iter().map(|f| format!("{}:{}: {}", file.path, f.line, f.what)));
    }
    assert!(judged > 0, "no file is judged by this rule any more: mend the paths in it");
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn modules_of_core_import_only_what_lies_before_them() {
    all_files_keep(walls::core_imports);
}

#[test]
fn the_pure_modules_name_no_io_no_clock_and_no_randomness() {
    all_files_keep(walls::pure_modules);
}

#[test]
fn the_model_has_no_traits() {
    all_files_keep(walls::model_without_traits);
}

#[test]
fn core_names_no_runtime_no_http_client_no_driver_and_no_other_crate_of_ours() {
    all_files_keep(walls::core_dependencies);
}

#[test]
fn store_and_connectors_never_name_each_other() {
    all_files_keep(walls::store_and_connectors);
}

#[test]
fn only_the_http_files_name_reqwest() {
    all_files_keep(walls::http_client);
}

#[test]
fn hubspot_and_jobber_never_name_each_other() {
    all_files_keep(walls::adapters);
}

#[test]
fn only_a_store_s_own_files_name_its_driver() {
    all_files_keep(walls::database_driver);
}

#[test]
fn no_source_file_is_over_500_lines() {
    all_files_keep(habits::file_size);
}

#[test]
fn every_source_file_begins_with_what_lives_in_it() {
    all_files_keep(habits::first_line);
}

#[test]
fn modules_lie_beside_their_folder_and_not_in_it() {
    all_files_keep(habits::no_mod_rs);
}

#[test]
fn nothing_is_left_unfinished() {
    all_files_keep(habits::finished);
}

#[test]
fn no_file_has_a_path_of_one_machine() {
    all_files_keep(habits::no_machine_paths);
}

#[test]
fn packages_come_from_no_other_registry() {
    all_files_keep(habits::no_other_registry);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    all_files_keep(habits::lints_of_the_workspace);
}

#[test]
fn the_changelog_has_a_place_for_what_is_not_released() {
    all_files_keep(habits::changelog);
}
