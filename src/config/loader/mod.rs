//! Reads settings from file, environment and flags, each with its source.

pub(crate) mod aliases;
pub(crate) mod byte_size;
pub(crate) mod connection_string;
pub(crate) mod environment;
pub(crate) mod render;
pub(crate) mod secret;
pub(crate) mod section;
pub(crate) mod source;
pub(crate) mod suggestion;
pub(crate) mod typed_value;
pub(crate) mod value;
