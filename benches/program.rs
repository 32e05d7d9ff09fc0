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
