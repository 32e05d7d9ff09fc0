//! Handlers that block their thread and can't be interrupted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::json;
use tickerq::Server;
use tickerq::config::{Sources, load};
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};
use tickerq::storage::memory::MemoryRepository;

use crate::harness::client::Client;
use crate::harness::eventually;

/// State of a blocking handler: the number of started attempts, and the latch of the first one.
#[derive(Clone)]
struct Work {
    started: Arc<AtomicUsize>,
    go_on: Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
}

async fn block(work: Work, _: JobContext, _: Option<()>) -> Result<(), Failure> {
    if work.started.fetch_add(1, Ordering::SeqCst) == 0 {
        // No await: it can't be interrupted.
        work.go_on.lock().expect("the lock").recv().ok();
    }
    Ok(())
}

#[actix_web::test]
async fn a_handler_that_blocks_after_its_timeout_keeps_its_permit_and_is_reported() {
    let (release, go_on) = mpsc::channel();
    let work = Work {
        started: Arc::default(),
        go_on: Arc::new(std::sync::Mutex::new(go_on)),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tickerq.toml");
    std::fs::write(
        &file,
        "[metrics]\nenable_prometheus_export = true\n[[queues]]\nname = \"default\"\nconcurrency = 4\n\
         [job_types.BlockJob]\nconcurrency = 1\nmax_retries = 0\ntimeout = \"00:00:00.2\"\n",
    )
    .expect("the configuration is written");
    let config = load(Sources {
        file: Some(file),
        environment: std::iter::empty(),
        flags: Vec::new(),
    })
    .expect("a configuration");
    let server = Server::builder()
        .config(config)
        .repository(Arc::new(MemoryRepository::new()))
        .listen("127.0.0.1:0".parse().expect("an address"))
        .handler("BlockJob", in_process::function_with(work.clone(), block))
        .start()
        .await
        .expect("the server starts");
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    let first = client.create_of_type("BlockJob").await;
    let failed = client.wait_finished(&first).await;
    assert_eq!(failed["status"], "failed", "its attempt ends in time: {failed}");
    let second = client.create_of_type("BlockJob").await;
    let system = eventually("health names the handler", || async {
        let system = client.get("/metrics/system").await.json();
        system.to_string().contains("handlers-blocked").then_some(system)
    })
    .await;
    assert!(system.to_string().contains("BlockJob"), "{system}");
    let metrics = client.send(client.at_root(reqwest::Method::GET, "/metrics")).await;
    assert!(metrics.text.contains("tickerq_handlers_blocked 1"), "{}", metrics.text);
    assert_eq!(
        client.job(&second).await["status"],
        "pending",
        "only one of this type may use a thread"
    );
    assert_eq!(work.started.load(Ordering::SeqCst), 1);
    release.send(()).expect("the handler waits");
    assert_eq!(client.wait_finished(&second).await["status"], "completed");
    let metrics = client.send(client.at_root(reqwest::Method::GET, "/metrics")).await;
    assert!(metrics.text.contains("tickerq_handlers_blocked 0"), "{}", metrics.text);
    assert_eq!(client.job(&first).await["attempt"], json!(1));
    server.stop().await;
}
