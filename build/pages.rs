//! Makes the files of the web pages: by npm from their sources, or from those that a published crate contains.

use std::path::Path;
use std::process::{Command, Output};
use std::{fs, io};

/// Inputs of the pages. Files that npm writes are excluded: they would trigger a rebuild each time.
pub(crate) const SOURCES: [&str; 14] = [
    "package.json",
    "package-lock.json",
    "vite.config.js",
    "svelte.config.js",
    "tsconfig.json",
    "tsconfig.app.json",
    "compress.js",
    "sizes.js",
    "graphiql",
    "dashboard",
    "app",
    "parts",
    "pages",
    "texts",
];

/// Makes the files in `pages`. An error is the reason why npm made none; then they are those of an earlier build in
/// `dist`, if there is one.
pub(crate) fn make(folder: &Path, pages: &Path, npm: &str) -> Result<(), String> {
    // Files of an earlier build would be embedded as well.
    drop(fs::remove_dir_all(pages));
    let built = folder.join("dist");
    // A published crate has no sources: nothing is built below the registry's folder.
    if !folder.join("package.json").exists() {
        return copy(&built, pages).map_err(|error| format!("no pages in {}: {error}", built.display()));
    }
    by_npm(folder, pages, npm).inspect_err(|_| {
        drop(fs::remove_dir_all(pages));
        if copy(&built, pages).is_err() {
            drop(fs::remove_dir_all(pages));
        }
    })
}

fn by_npm(folder: &Path, pages: &Path, npm: &str) -> Result<(), String> {
    if !is_installed(folder) {
        let mut install = Command::new(npm);
        install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
        run(install.current_dir(folder), "npm ci")?;
    }
    let mut build = Command::new(npm);
    build.args(["run", "--silent", "build"]);
    run(build.current_dir(folder).env("PAGES_FOLDER", pages), "npm run build")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// `true` if npm has installed the packages of the lock file. npm writes `.package-lock.json` last.
fn is_installed(folder: &Path) -> bool {
    let time_of = |file: &Path| fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified());
    match (
        time_of(Path::new("node_modules/.package-lock.json")),
        time_of(Path::new("package-lock.json")),
    ) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let not_started = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound {
            "npm is not installed (Node.js 20 or later includes it)".to_owned()
        } else {
            format!("failed to start `{what}`: {error}")
        }
    };
    let Output { status, stdout, stderr } = command.output().map_err(not_started)?;
    if status.success() {
        return Ok(());
    }
    let output = [stdout, stderr].concat();
    let output = String::from_utf8_lossy(&output);
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].join(" | ");
    Err(format!("`{what}` in dashboard/ failed ({status}): {last}"))
}
