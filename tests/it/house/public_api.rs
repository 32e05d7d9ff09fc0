//! The public items of the crates are those of the snapshots: a removed or changed signature is a difference to review.

use super::{source, surface};

#[test]
fn the_public_api_of_the_server_is_that_of_the_snapshot() {
    let lines = surface::of_crate("tickerq", &source().join("lib.rs"));
    assert!(lines.len() > 300, "{} lines", lines.len());
    insta::assert_snapshot!("tickerq", lines.join("\n"));
}

#[test]
fn the_public_api_of_the_domain_is_that_of_the_snapshot() {
    let root = crate::harness::repository().join("core/src/lib.rs");
    let lines = surface::of_crate("tickerq_core", &root);
    assert!(lines.len() > 300, "{} lines", lines.len());
    insta::assert_snapshot!("tickerq_core", lines.join("\n"));
}
