//! Connections: options, pools, the SQLite file, health and migrations.

pub(crate) mod caller_turns;
pub(crate) mod expensive_read;
pub(crate) mod file_watch;
pub(crate) mod found_fault;
pub(crate) mod health_check;
pub(crate) mod links;
pub(crate) mod migrations;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod pool;
pub(crate) mod pools;
pub(crate) mod postgres;
pub(crate) mod postgres_readers;
pub(crate) mod sqlite_file;
pub(crate) mod sqlite_files;
pub(crate) mod sqlite_readers;
pub(crate) mod sqlite_upkeep;
