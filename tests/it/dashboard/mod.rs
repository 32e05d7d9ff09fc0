//! The dashboard: its pages as files, and in a real browser.

pub(crate) mod browser;
pub(crate) mod mount;
