//! Connections: options, pools, the SQLite file, health and migrations.

pub(crate) mod expensive_read;
pub(crate) mod file_watch;
pub(crate) mod health_check;
pub(crate) mod migrations;
pub(crate) mod open;
pub(crate) mod pool;
pub(crate) mod pools;
pub(crate) mod postgres;
pub(crate) mod sqlite_file;
pub(crate) mod sqlite_readers;
pub(crate) mod sqlite_upkeep;
