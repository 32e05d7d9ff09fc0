//! The program under test and its repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in a folder of the repository")
}

/// Path of the program `tickerq`, built before its first use: cargo only provides programs of the test's own package.
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let profile = programs()
            .file_name()
            .expect("a profile")
            .to_string_lossy()
            .into_owned();
        let mut build = Command::new(env!("CARGO"));
        // Cargo describes the package of this test in variables on which build scripts of dependencies depend: with them
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
            "--package",
            "tickerq",
            "--bin",
            "tickerq",
            // With these features the library is compiled once for the program and for the tests.
            "--features",
            "conformance",
        ]);
        if profile != "debug" {
            build.args(["--profile", &profile]);
        }
        let built = build.current_dir(repository()).status().expect("cargo runs");
        assert!(built.success(), "the program is built: {built}");
        programs()
            .join("tickerq")
            .to_str()
            .expect("a path of Unicode")
            .to_owned()
    });
    &PROGRAM
}

/// Folder of the profile's programs: this test binary is in its folder `deps`.
pub fn programs() -> PathBuf {
    let this = std::env::current_exe().expect("the path of the test binary");
    this.ancestors().nth(2).expect("a folder of programs").to_path_buf()
}
