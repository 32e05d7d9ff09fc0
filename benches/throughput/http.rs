//! x
use super::database::Database;
use tickerq::storage::sea::Durability;
pub async fn measure(_: &Database, _: Durability, _: usize, _: bool) -> f64 {
    0.0
}
