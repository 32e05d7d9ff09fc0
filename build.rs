//! Builds the web pages in `dashboard/` with npm and lets the program carry them.
//!
//! Without npm, or when npm fails, the program is built all the same; its pages then say how to get them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "dashboard")]
    dashboard::build();
}

#[cfg(feature = "dashboard")]
mod dashboard {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};
    use std::{env, fs, io};

    /// What the pages are made from, without what npm itself writes there: cargo would see it change at every build.
    const SOURCES: [&str; 6] = [
        "package.json",
        "package-lock.json",
        "vite.config.js",
        "tsconfig.json",
        "compress.js",
        "graphiql",
    ];
    #[cfg(not(windows))]
    const NPM: &str = "npm";
    #[cfg(windows)]
    const NPM: &str = "npm.cmd";

    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells a build script where to write in no other way"
    )]
    pub(super) fn build() {
        let folder = Path::new("dashboard");
        for source in SOURCES {
            println!("cargo:rerun-if-changed={}", folder.join(source).display());
        }
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        let pages = out.join("pages");
        // What an earlier build has left must not be taken for what this one makes.
        drop(fs::remove_dir_all(&pages));
        if let Err(reason) = make(folder, &pages) {
            println!("cargo:warning=built without web pages: {reason}");
            // A file that is never there: the next build tries again.
            println!("cargo:rerun-if-changed={}", out.join("try-again").display());
            drop(fs::remove_dir_all(&pages));
        }
        let embedded = fs::create_dir_all(&pages).and_then(|()| static_files::resource_dir(&pages).build());
        if let Err(error) = embedded {
            println!("cargo:error=the web pages can not be embedded: {error}");
            std::process::exit(1);
        }
    }

    fn make(folder: &Path, pages: &Path) -> Result<(), String> {
        if !is_installed(folder) {
            let mut install = Command::new(NPM);
            install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
            run(install.current_dir(folder), "npm ci")?;
        }
        let mut build = Command::new(NPM);
        build.args(["run", "--silent", "build"]);
        run(build.current_dir(folder).env("PAGES_FOLDER", pages), "npm run build")
    }

    /// Whether npm has installed what the lock file names; npm writes this file last.
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
                "npm is not there (Node.js 20 or later has it)".to_owned()
            } else {
                format!("`{what}` could not be started: {error}")
            }
        };
        let Output { status, stdout, stderr } = command.output().map_err(not_started)?;
        if status.success() {
            return Ok(());
        }
        let said = [stdout, stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(5)..].join(" | ");
        Err(format!("`{what}` in dashboard/ failed ({status}): {last}"))
    }
}
