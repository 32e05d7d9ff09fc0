//! Runs `storage::conformance` on each storage of the server.

use std::sync::Arc;

use tempfile::TempDir;
use tickerq::storage::conformance::{Subject, run};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::server::{new_postgres_database, run_sql};

async fn opened(options: SeaOptions) -> SeaRepository {
    SeaRepository::connect(options).await.expect("the database opens")
}

async fn migrated(options: SeaOptions) -> Arc<dyn JobRepository> {
    let repository = opened(options).await;
    repository.migrate_up().await.expect("the tables are made");
    Arc::new(repository)
}

#[tokio::test]
async fn memory_passes_the_conformance_suite() {
    run(|| async { Subject::alone(Arc::new(MemoryRepository::new())) }).await;
}

#[tokio::test]
async fn sqlite_passes_the_conformance_suite() {
    let folder = TempDir::new().expect("a folder");
    let mut number = 0;
    run(|| {
        number += 1;
        let file = folder.path().join(format!("{number}.db"));
        async move { Subject::alone(migrated(SeaOptions::new(format!("sqlite:{}", file.display()))).await) }
    })
    .await;
}

/// On a database whose collation is linguistic, not bytewise. Each case has a separate schema.
#[tokio::test]
async fn postgresql_passes_the_conformance_suite() {
    let database = new_postgres_database("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    let mut number = 0;
    run(|| {
        number += 1;
        run_sql(&database, &format!("CREATE SCHEMA case_{number}"));
        let url = format!("{database}?options=-csearch_path%3Dcase_{number}");
        async move {
            // Two servers with separate shards of counters and short epochs, which are folded all the time.
            let [one, other] = [0, 1].map(|shard| SeaOptions {
                shard,
                counter_epoch: 2,
                ..SeaOptions::new(url.clone())
            });
            Subject::shared(migrated(one).await, Arc::new(opened(other).await))
        }
    })
    .await;
}
