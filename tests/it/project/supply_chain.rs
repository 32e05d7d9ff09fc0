//! Dependencies of the repository are pinned by content, not by a name alone.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::repository;

fn files(pattern: &str) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", pattern])
        .current_dir(repository())
        .output();
    let listed = listed.expect("git runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let files: Vec<PathBuf> = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(|line| repository().join(line))
        .collect();
    assert!(!files.is_empty(), "{pattern}");
    files
}

#[test]
fn every_npm_package_has_a_hash_and_comes_from_the_registry() {
    for lock in files("*package-lock.json") {
        let text = fs::read_to_string(&lock).expect("a lock file");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let packages = document["packages"].as_object().expect("packages");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            let integrity = package["integrity"].as_str().unwrap_or_default();
            assert!(integrity.starts_with("sha512-"), "{}: {name}", lock.display());
            let resolved = package["resolved"].as_str();
            assert!(
                resolved.is_none_or(|url| url.starts_with("https://registry.npmjs.org/")),
                "{}: {name}: {resolved:?}",
                lock.display()
            );
        }
    }
    // A manifest with dependencies has a lock file beside it.
    for manifest in files("*package.json") {
        let text = fs::read_to_string(&manifest).expect("a manifest");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let has_dependencies = ["dependencies", "devDependencies", "optionalDependencies"]
            .iter()
            .any(|kind| document[kind].as_object().is_some_and(|packages| !packages.is_empty()));
        let lock = manifest.with_file_name("package-lock.json");
        assert!(!has_dependencies || lock.exists(), "{}", manifest.display());
    }
}

#[test]
fn every_python_package_has_a_version_and_its_hashes() {
    for lock in files("*requirements.txt") {
        let text = fs::read_to_string(&lock).expect("a lock file").replace("\\\n", " ");
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let is_pinned = line.contains("==") && line.contains("--hash=sha256:") && !line.contains("://");
            assert!(is_pinned, "{}: {line}", lock.display());
        }
    }
}

#[test]
fn every_crate_comes_from_crates_io_with_a_checksum() {
    let text = fs::read_to_string(repository().join("Cargo.lock")).expect("the lock file");
    let lock: toml::Table = text.parse().expect("TOML");
    for package in lock["package"].as_array().expect("packages") {
        let Some(source) = package.get("source").and_then(toml::Value::as_str) else {
            continue;
        };
        assert_eq!(
            source, "registry+https://github.com/rust-lang/crates.io-index",
            "{package}"
        );
        assert!(package.get("checksum").is_some(), "{package}");
    }
}

#[test]
fn scripts_install_by_lock_file_alone() {
    for script in files("scripts/*").into_iter().chain(files("build.rs")) {
        let text = fs::read_to_string(&script).unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            assert!(
                !line.contains("npm install") && !line.contains("npm i "),
                "{}: {line}",
                script.display()
            );
            let installs = line.contains("pip\" install") || line.contains("pip install");
            assert!(
                !installs || line.contains("--require-hashes"),
                "{}: {line}",
                script.display()
            );
            assert!(
                !line.contains("| sh") && !line.contains("| bash"),
                "{}: {line}",
                script.display()
            );
        }
    }
}
