//! Files with secrets or jobs that other users of the machine can open.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::api::auth::JwtKeySource;
use crate::config::Config;
use crate::storage::sea::SeaRepository;

/// The permissions of the group and of others.
const FOREIGN: u32 = 0o077;
/// Maximum number of files in a warning.
const NAMED_MAX: usize = 10;

/// A file, and its permissions.
struct Exposed {
    path: PathBuf,
    mode: u32,
}

/// A warning for each file of the configuration with secrets that other users can open.
pub(super) fn of_configuration(config: &Config) -> Vec<String> {
    let key_file = match config.api.auth.jwt.as_ref().map(|jwt| &jwt.key) {
        Some(JwtKeySource::JwksFile(path)) if has_symmetric_key(path) => Some(path.as_path()),
        Some(JwtKeySource::JwksFile(_) | JwtKeySource::Secret(_) | JwtKeySource::PublicKey(_)) | None => None,
    };
    let files = config.files_with_secrets().into_iter().chain(key_file);
    let exposed = files.filter_map(exposed);
    exposed
        .map(|file| {
            let Exposed { path, mode } = &file;
            format!(
                "'{}' holds secrets and is accessible to other users (mode {mode:04o}); run: chmod 600 {}",
                path.display(),
                shell_word(path)
            )
        })
        .collect()
}

/// A warning if other users can open the files of a SQLite database or copies beside it.
pub(super) fn of_database(url: &str) -> Option<String> {
    let database = SeaRepository::file(url)?;
    let files: Vec<Exposed> = namesakes(&database).iter().filter_map(|file| exposed(file)).collect();
    if files.is_empty() {
        return None;
    }
    let named = || files.iter().take(NAMED_MAX);
    let displayed: Vec<String> = named()
        .map(|Exposed { path, mode }| format!("'{}' (mode {mode:04o})", path.display()))
        .collect();
    let more = match files.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let words: Vec<String> = named().map(|file| shell_word(&file.path)).collect();
    Some(format!(
        "files of the database are accessible to other users: {}{more}; run: chmod 600 {}",
        displayed.join(", "),
        words.join(" ")
    ))
}

/// The database first, then all files of its folder that begin with its name, or with its stem and have its extension
/// within: `jobs.db-wal`, `jobs.db.lock`, `jobs.db.bak`, `jobs-2026-11-01.db.gz`.
fn namesakes(database: &Path) -> Vec<PathBuf> {
    let mut files = vec![database.to_owned()];
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let (Some(folder), Some(name), Some(stem)) = (
        database.parent(),
        text(database.file_name()),
        text(database.file_stem()),
    ) else {
        return files;
    };
    let extension = text(database.extension()).map(|extension| format!(".{extension}"));
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    let mut beside: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let other = entry.file_name().to_string_lossy().into_owned();
            let is_copy = extension
                .as_ref()
                .is_some_and(|extension| other.starts_with(&stem) && other.contains(extension));
            other != name && (other.starts_with(&name) || is_copy)
        })
        .map(|entry| entry.path())
        .collect();
    beside.sort();
    files.append(&mut beside);
    files
}

/// A regular file that others can open. Nothing is opened: closing a file of SQLite would drop its locks.
fn exposed(path: &Path) -> Option<Exposed> {
    let metadata = fs::metadata(path).ok()?;
    let mode = metadata.mode() & 0o7777;
    (metadata.is_file() && mode & FOREIGN != 0).then(|| Exposed {
        path: path.to_owned(),
        mode,
    })
}

/// `true` if a file of JSON Web Keys has a symmetric key, which also signs.
fn has_symmetric_key(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains("\"oct\""))
}

/// A path as a word of a shell's command.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ':' | '@' | '='));
    if is_plain {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_database_its_files_and_copies_are_named_with_the_command_that_closes_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        write("jobs.db", 0o600);
        write("jobs.db-wal", 0o600);
        write("jobs.toml", 0o644);
        write("other.db", 0o644);
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        assert_eq!(of_database(&url), None);

        for (name, mode) in [
            ("jobs.db", 0o644),
            ("jobs.db-wal", 0o640),
            ("jobs.db.bak", 0o604),
            ("jobs of May.db.gz", 0o666),
        ] {
            write(name, mode);
        }
        let warning = of_database(&url).expect("a warning");
        let real = folder.path().canonicalize().unwrap();
        let displayed = real.display();
        assert_eq!(
            warning,
            format!(
                "files of the database are accessible to other users: '{displayed}/jobs.db' (mode 0644), '{displayed}/jobs of \
                 May.db.gz' (mode 0666), '{displayed}/jobs.db-wal' (mode 0640), '{displayed}/jobs.db.bak' (mode 0604); run: chmod \
                 600 {displayed}/jobs.db '{displayed}/jobs of May.db.gz' {displayed}/jobs.db-wal {displayed}/jobs.db.bak"
            )
        );
        assert_eq!(of_database("postgres://localhost/jobs"), None);
    }

    #[test]
    fn a_quote_in_a_path_stays_in_its_word() {
        assert_eq!(shell_word(Path::new("/a/it's;x")), "'/a/it'\\''s;x'");
        assert_eq!(shell_word(Path::new("/a/b-c_d.db")), "/a/b-c_d.db");
    }
}
