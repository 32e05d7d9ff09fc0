//! The file of a SQLite database: which one it really is, and the lock that keeps it for one server.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::options::ConnectError;

/// Maximum number of symbolic links that are followed, as on Linux.
const LINKS_MAX: usize = 40;
/// The mode of new files: for the server's own user. SQLite gives its log and its index the mode of the database.
const PRIVATE: u32 = 0o600;

/// The file that a SQLite URL names; `None` for another database's URL.
pub(crate) fn named_by(url: &str) -> Option<Result<PathBuf, ConnectError>> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split('?').next().unwrap_or(path);
    if path.is_empty() || path == ":memory:" {
        // A database in memory belongs to one connection and is lost when the process ends.
        return Some(Err(ConnectError::Url { url: url.to_owned() }));
    }
    Some(Ok(PathBuf::from(path)))
}

/// Locks the database for this server. The lock is beside the real file, so that a server that uses a symbolic link finds
/// it; hard links have no real one among them, and SQLite would keep a log for each: they are refused.
pub(crate) fn lock(database: &Path) -> Result<File, ConnectError> {
    let unknown = |cause| ConnectError::Lock {
        file: database.to_owned(),
        cause,
    };
    let real = real(database).map_err(unknown)?;
    let mut name = real.clone().into_os_string();
    name.push(".lock");
    let file = PathBuf::from(name);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(&file)
        .map_err(|cause| ConnectError::Lock {
            file: file.clone(),
            cause,
        })?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(ConnectError::InUse {
                file: database.to_owned(),
            });
        }
        Err(TryLockError::Error(cause)) => return Err(ConnectError::Lock { file, cause }),
    }
    match fs::metadata(&real) {
        Ok(metadata) if metadata.is_file() && metadata.nlink() > 1 => Err(ConnectError::ManyNames {
            file: database.to_owned(),
            names: metadata.nlink(),
        }),
        Ok(_) => Ok(lock),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            create(&real).map_err(unknown)?;
            Ok(lock)
        }
        Err(cause) => Err(unknown(cause)),
    }
}

/// Makes an empty file, which SQLite takes for a new database: SQLite itself would make one that all users may read. A file
/// that exists is not opened (see [`super::file_watch`]).
fn create(database: &Path) -> io::Result<()> {
    let created = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(PRIVATE)
        .open(database);
    match created {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Where a file is, or will be made, when all symbolic links are followed.
pub(crate) fn real(file: &Path) -> io::Result<PathBuf> {
    let mut file = file.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        match fs::read_link(&file) {
            Ok(target) => file = folder.join(target),
            // No link, or nothing yet.
            Err(_) => {
                let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
                return Ok(folder.canonicalize()?.join(name));
            }
        }
    }
    Err(io::Error::other("too many symbolic links"))
}
