//! Folders and files stay small enough to read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{production, rust_files, source};

/// Maximum number of entries in a folder.
const SIBLINGS_MAX: usize = 20;

/// Maximum number of lines of a file, without its tests.
const LINES_MAX: usize = 450;

/// Folders that are lists: an entry for each subject, with one name scheme.
const LISTS: &[&str] = &["docs/guide", "docs/adr", "src/config/sections", "migration/src"];

fn folders(folder: &Path, counts: &mut BTreeMap<String, usize>) {
    let root = crate::harness::repository();
    let entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let name = folder
        .strip_prefix(root)
        .expect("inside the repository")
        .to_string_lossy()
        .into_owned();
    counts.insert(name, entries.len());
    entries
        .iter()
        .filter(|path| path.is_dir())
        .for_each(|path| folders(path, counts));
}

#[test]
fn a_folder_has_at_most_twenty_entries() {
    let root = crate::harness::repository();
    let mut counts = BTreeMap::new();
    for start in [
        "src",
        "core/src",
        "entities/src",
        "migration/src",
        "tests/it",
        "benches",
        "docs",
    ] {
        folders(&root.join(start), &mut counts);
    }
    counts.retain(|folder, count| *count > SIBLINGS_MAX && !LISTS.contains(&folder.as_str()));
    assert!(counts.is_empty(), "{counts:?}");
}

#[test]
fn a_file_has_one_subject() {
    let root = crate::harness::repository();
    let mut long = Vec::new();
    for start in [source(), root.join("core/src")] {
        for file in rust_files(&start) {
            let text = fs::read_to_string(&file).expect("a readable file");
            let lines = production(&text).lines().count();
            let name = file
                .strip_prefix(root)
                .expect("inside the repository")
                .to_string_lossy()
                .into_owned();
            let is_test = name.contains("/tests") || name.contains("/conformance/");
            if lines > LINES_MAX && !is_test {
                long.push(format!("{name}: {lines}"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
