//! Builds the web pages in `dashboard/` with npm and embeds them.
//!
//! Without npm, or when it fails, the build succeeds without them; a placeholder page then states how to include them.

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

    /// Inputs of the pages. Files that npm writes are excluded: they would trigger a rebuild each time.
    const SOURCES: [&str; 13] = [
        "package.json",
        "package-lock.json",
        "vite.config.js",
        "svelte.config.js",
        "tsconfig.json",
        "tsconfig.app.json",
        "compress.js",
        "graphiql",
        "dashboard",
        "app",
        "parts",
        "pages",
        "texts",
    ];
    #[cfg(not(windows))]
    const NPM: &str = "npm";
    #[cfg(windows)]
    const NPM: &str = "npm.cmd";

    #[expect(
        clippy::disallowed_methods,
        reason = "cargo passes the output folder in a variable only"
    )]
    pub(super) fn build() {
        let folder = Path::new("dashboard");
        for source in SOURCES {
            println!("cargo:rerun-if-changed={}", folder.join(source).display());
        }
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        let pages = out.join("pages");
        // Files of an earlier build would be embedded as well.
        drop(fs::remove_dir_all(&pages));
        if let Err(reason) = make(folder, &pages) {
            println!("cargo:warning=built without web pages: {reason}");
            // A file that never exists: the next build tries again.
            println!("cargo:rerun-if-changed={}", out.join("try-again").display());
            drop(fs::remove_dir_all(&pages));
        }
        let embedded = fs::create_dir_all(&pages).and_then(|()| static_files::resource_dir(&pages).build());
        if let Err(error) = embedded {
            println!("cargo:error=failed to embed the web pages: {error}");
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
}
