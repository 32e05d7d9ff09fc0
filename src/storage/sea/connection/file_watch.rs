//! Checks that the files of a SQLite database are still the opened ones.
//!
//! A removed file remains for processes that have it open, and a commit to it succeeds and is lost. SQLite does not
//! detect it.
//!
//! No code here opens a file: POSIX drops all locks of a process on a file when it closes any of its descriptors,
//! including SQLite's. Another process would then consider the database closed, and remove its log.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::domain::metrics::storage_fault::StorageFault;
use crate::storage::repository::RepositoryError;

/// The files of a database as they were when it was opened.
pub(crate) struct FileWatch {
    database: PathBuf,
    /// The database first; then the files that SQLite keeps beside it while it is open.
    files: Vec<Watched>,
}

struct Watched {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl FileWatch {
    /// Watches the files of a database that is open: all of them exist.
    pub(crate) fn new(database: &Path, real: &Path) -> io::Result<Self> {
        // By the name that was given: another target of a symbolic link is another file.
        let mut files = vec![Watched::new(database.to_owned())?];
        for suffix in ["-wal", "-shm"] {
            files.push(Watched::new(with_suffix(real, suffix))?);
        }
        Ok(Self {
            database: database.to_owned(),
            files,
        })
    }

    /// Fails when one of the files is not the one that was opened.
    pub(crate) fn check(&self) -> Result<(), RepositoryError> {
        self.files.iter().try_for_each(Watched::check)
    }

    /// Also detects a truncated file, and one that has become read-only.
    pub(crate) fn check_state(&self) -> Result<(), RepositoryError> {
        self.check()?;
        if fs::metadata(&self.database).is_ok_and(|metadata| metadata.len() == 0) {
            let displayed = self.database.display();
            return Err(fault(StorageFault::Corrupt, format!("'{displayed}' is empty")));
        }
        for Watched { path, .. } in &self.files {
            // Root may write a read-only file: the mark applies to its own server as well.
            let is_locked = fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o222 == 0);
            if is_locked || access(path, Access::WRITE_OK).is_err() {
                return Err(fault(
                    StorageFault::ReadOnly,
                    format!("'{}' is not writable", path.display()),
                ));
            }
        }
        Ok(())
    }
}

impl Watched {
    fn new(path: PathBuf) -> io::Result<Self> {
        let metadata = fs::metadata(&path)?;
        Ok(Self {
            path,
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    fn is_same(&self, metadata: &Metadata) -> bool {
        (metadata.dev(), metadata.ino()) == (self.device, self.inode)
    }

    fn check(&self) -> Result<(), RepositoryError> {
        let displayed = self.path.display();
        match fs::metadata(&self.path) {
            Ok(metadata) if self.is_same(&metadata) => Ok(()),
            Ok(_) => Err(fault(
                StorageFault::FileReplaced,
                format!("'{displayed}' is not the file that this server has open"),
            )),
            Err(error) => Err(fault(StorageFault::FileMissing, format!("'{displayed}': {error}"))),
        }
    }
}

fn fault(fault: StorageFault, reason: String) -> RepositoryError {
    RepositoryError::Fault { fault, reason }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(checked: Result<(), RepositoryError>) -> Option<StorageFault> {
        match checked {
            Ok(()) => None,
            Err(RepositoryError::Fault { fault, .. }) => Some(fault),
            Err(other) => panic!("{other}"),
        }
    }

    fn watched() -> (tempfile::TempDir, PathBuf, FileWatch) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("jobs.db");
        fs::write(&database, "a page").unwrap();
        for suffix in ["-wal", "-shm"] {
            fs::write(with_suffix(&database, suffix), "").unwrap();
        }
        let watch = FileWatch::new(&database, &database).unwrap();
        (folder, database, watch)
    }

    #[test]
    fn each_file_that_is_removed_is_missed_until_it_is_back() {
        let (_folder, database, watch) = watched();
        assert_eq!(found(watch.check_state()), None);
        for suffix in ["", "-wal", "-shm"] {
            let file = with_suffix(&database, suffix);
            let aside = with_suffix(&database, ".aside");
            fs::rename(&file, &aside).unwrap();
            assert_eq!(found(watch.check()), Some(StorageFault::FileMissing), "{suffix}");
            fs::write(&file, "a page").unwrap();
            assert_eq!(found(watch.check()), Some(StorageFault::FileReplaced), "{suffix}");
            fs::rename(&aside, &file).unwrap();
            assert_eq!(found(watch.check()), None, "{suffix}");
        }
    }

    #[test]
    fn a_file_that_was_emptied_or_marked_read_only_is_found() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, database, watch) = watched();
        fs::set_permissions(&database, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(found(watch.check_state()), Some(StorageFault::ReadOnly));
        fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(found(watch.check_state()), None);
        fs::write(&database, "").unwrap();
        assert_eq!(found(watch.check_state()), Some(StorageFault::Corrupt));
    }

    #[test]
    fn another_target_of_a_symbolic_link_is_another_file() {
        let (folder, database, _) = watched();
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let watch = FileWatch::new(&link, &database).unwrap();
        assert_eq!(found(watch.check()), None);
        let other = folder.path().join("other.db");
        fs::write(&other, "a page").unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert_eq!(found(watch.check()), Some(StorageFault::FileReplaced));
    }
}
