//! The server program of benchmarks: built before its first use, in the profile of the benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the program `tickerq` and returns its path.
pub(crate) fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of the benchmark");
    let programs = this.ancestors().nth(2).expect("a folder of programs").to_path_buf();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in a folder of the repository");
    let mut build = Command::new(env!("CARGO"));
    // Cargo describes the package of this benchmark in variables on which build scripts of dependencies depend: with them
    // the dependencies would be compiled again.
    for (name, _) in std::env::vars_os() {
        let is_of_package = name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_"));
        if is_of_package
            || name == "CARGO_MANIFEST_DIR"
            || name == "CARGO_MANIFEST_PATH"
            || name == "CARGO_MANIFEST_LINKS"
        {
            build.env_remove(name);
        }
    }
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "tickerq",
        "--bin",
        "tickerq",
    ]);
    let built = build.current_dir(repository).status().expect("cargo runs");
    assert!(built.success(), "the program is built: {built}");
    programs.join("tickerq")
}
