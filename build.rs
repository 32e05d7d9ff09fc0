//! Embeds the web pages of `dashboard/`.
//!
//! npm builds them from their sources; a published crate has the built pages instead. Without both the build succeeds,
//! and a placeholder page states how to include them.

#[cfg(feature = "dashboard")]
#[path = "build/pages.rs"]
mod pages;

/// The program that builds the pages.
#[cfg(all(feature = "dashboard", not(windows)))]
const NPM: &str = "npm";
#[cfg(all(feature = "dashboard", windows))]
const NPM: &str = "npm.cmd";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "dashboard")]
    embed();
}

#[cfg(feature = "dashboard")]
#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes the output folder in a variable only"
)]
fn embed() {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    let folder = Path::new("dashboard");
    println!("cargo:rerun-if-changed=build/pages.rs");
    for source in pages::SOURCES {
        println!("cargo:rerun-if-changed={}", folder.join(source).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let pages = out.join("pages");
    if let Err(reason) = pages::make(folder, &pages, NPM) {
        println!("cargo:warning=built without current web pages: {reason}");
        // A file that never exists: the next build tries again.
        println!("cargo:rerun-if-changed={}", out.join("try-again").display());
    }
    let embedded = fs::create_dir_all(&pages).and_then(|()| static_files::resource_dir(&pages).build());
    if let Err(error) = embedded {
        println!("cargo:error=failed to embed the web pages: {error}");
        std::process::exit(1);
    }
}
