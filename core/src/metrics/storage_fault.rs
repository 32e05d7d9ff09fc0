//! Faults of a database that do not pass by themselves: an operator has to act.

/// What is wrong with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageFault {
    /// Its image is malformed: pages can't be read, or do not fit together.
    Corrupt,
    /// Its file, or a file beside it, was removed or renamed.
    FileMissing,
    /// Another file has its name.
    FileReplaced,
    /// It can only be read.
    ReadOnly,
    /// It can't grow: the disk is full.
    Full,
}

impl StorageFault {
    /// Its code in health reasons.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Corrupt => "storage-corrupt",
            Self::FileMissing => "storage-file-missing",
            Self::FileReplaced => "storage-file-replaced",
            Self::ReadOnly => "storage-read-only",
            Self::Full => "disk-full",
        }
    }

    /// What is wrong and what to do, for people.
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
            Self::Full => "the disk that the database is on is full; free space or enlarge it",
        }
    }
}
