//! The web pages of builds with and without npm, and of the published crate.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::repository;

#[path = "../../../build/pages.rs"]
mod pages;

/// A folder with built pages.
fn folder_with_pages() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let item = folder.path().join("dist/dashboard/item");
    fs::create_dir_all(&item).expect("a folder");
    fs::write(item.join("index.html"), "built before").expect("a page");
    folder
}

fn page(out: &Path) -> Option<String> {
    fs::read_to_string(out.join("dashboard/item/index.html")).ok()
}

#[test]
fn a_published_crate_has_its_pages_without_npm() {
    let folder = folder_with_pages();
    let out = folder.path().join("out");
    fs::create_dir_all(&out).expect("a folder");
    fs::write(out.join("of-an-earlier-build.js"), "").expect("a file");
    assert_eq!(pages::make(folder.path(), &out, "no-such-program"), Ok(()));
    assert_eq!(page(&out).as_deref(), Some("built before"));
    assert!(!out.join("of-an-earlier-build.js").exists());
}

#[test]
fn sources_without_npm_have_the_pages_of_an_earlier_build_or_none() {
    let folder = folder_with_pages();
    fs::write(folder.path().join("package.json"), "{}").expect("a manifest");
    let out = folder.path().join("out");
    let made = pages::make(folder.path(), &out, "no-such-program");
    assert!(made.is_err_and(|reason| reason.contains("npm is not installed")));
    assert_eq!(page(&out).as_deref(), Some("built before"));

    fs::remove_dir_all(folder.path().join("dist")).expect("the pages are removed");
    assert!(pages::make(folder.path(), &out, "no-such-program").is_err());
    assert!(!out.exists());
}

#[test]
fn the_build_starts_again_when_a_source_of_the_pages_changes() {
    let folder = repository().join("dashboard");
    let tracked = Command::new("git")
        .args(["ls-files", "."])
        .current_dir(&folder)
        .output()
        .expect("git runs");
    let tracked = String::from_utf8_lossy(&tracked.stdout);
    for file in tracked.lines() {
        let first = file.split('/').next().unwrap_or_default();
        let is_known = pages::SOURCES.contains(&first) || ["scripts", ".gitignore"].contains(&first);
        assert!(is_known, "build/pages.rs does not name dashboard/{first}");
    }
    for source in pages::SOURCES {
        assert!(folder.join(source).exists(), "{source}");
    }
}

#[test]
fn the_published_crate_contains_what_its_build_needs() {
    let output = Command::new(env!("CARGO"))
        .args([
            "package",
            "--list",
            "--allow-dirty",
            "--offline",
            "--package",
            "tickerq",
        ])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8_lossy(&output.stdout);
    let files: Vec<&str> = listed.lines().collect();
    for needed in [
        "build.rs",
        "build/pages.rs",
        "src/lib.rs",
        "src/api/pages/without.html",
        "README.md",
    ] {
        assert!(files.contains(&needed), "{needed} is missing in {files:?}");
    }
    // The pages themselves, not their sources: cargo builds nothing with npm below its registry.
    let built = repository().join("dashboard/dist/dashboard/index.html");
    assert_eq!(built.exists(), files.contains(&"dashboard/dist/dashboard/index.html"));
    let sources = |file: &&&str| file.starts_with("dashboard/") && !file.starts_with("dashboard/dist/");
    assert_eq!(files.iter().find(sources), None);
}
