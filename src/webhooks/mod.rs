//! What the server says to endpoints of other programs, and how they know that it was the server that said it.

pub mod signature;
