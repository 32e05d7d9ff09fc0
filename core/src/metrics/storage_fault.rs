//! Persistent faults of a database, which an operator has to fix.

/// A persistent fault of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageFault {
    /// The database image is malformed: pages can't be read or are inconsistent.
    Corrupt,
    /// Its file, or a file beside it, was removed or renamed.
    FileMissing,
    /// Another file has its name.
    FileReplaced,
    /// The database is read-only.
    ReadOnly,
    /// The disk is full.
    Full,
}

impl StorageFault {
    /// The code in health reasons.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Corrupt => "storage-corrupt",
            Self::FileMissing => "storage-file-missing",
            Self::FileReplaced => "storage-file-replaced",
            Self::ReadOnly => "storage-read-only",
            Self::Full => "disk-full",
        }
    }

    /// Description of the fault and its remedy.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Corrupt => {
                "the database is corrupt; stop the server, copy the database's files to a safe place, then restore a \
                 backup or salvage the rows (SQLite: sqlite3 FILE .recover), and start the server again"
            }
            Self::FileMissing => {
                "the database file, or its -wal or -shm file, was removed or renamed, and no change is accepted; put the \
                 same file back, or stop the server, restore a backup and start the server again"
            }
            Self::FileReplaced => {
                "the database file, or its -wal or -shm file, was replaced by another one, and no change is accepted; put \
                 the original file back, or restart the server to use the new one"
            }
            Self::ReadOnly => {
                "the database is read-only; make the file and its folder writable and the file system mounted for \
                 writing (SQLite), or connect to the primary server (PostgreSQL)"
            }
            Self::Full => "the database's disk is full; free space or enlarge it",
        }
    }
}
