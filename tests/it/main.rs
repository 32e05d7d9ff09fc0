//! What the server promises, tested on the real binary, over a real port, a real SQLite file and a real PostgreSQL.
//!
//! One binary: each further one would link the whole tree again. A file a facade or a promise.

mod harness;

mod house;
