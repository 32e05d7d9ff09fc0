//! A TCP proxy between a server and PostgreSQL that a test can cut as a network failure does, without notice to either
//! end.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The proxy. Dropping it stops it.
pub struct Line {
    port: u16,
    /// Number of cuts: a connection forwards nothing after the first cut since it was opened.
    cuts: Arc<watch::Sender<u32>>,
}

impl Line {
    /// A proxy to this database.
    pub async fn to(database_url: &str) -> Self {
        let target = host_of(database_url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let cuts = Arc::new(watch::Sender::new(0));
        let cutting = Arc::downgrade(&cuts);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Some(cuts) = cutting.upgrade() else { return };
                let far = TcpStream::connect(&target).await.expect("the database listens");
                tokio::spawn(carry(near, far, cuts.subscribe()));
            }
        });
        Self { port, cuts }
    }

    /// URL of the database through the proxy.
    pub fn url_of(&self, database_url: &str) -> String {
        database_url.replacen(host_of(database_url), &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Cuts existing connections; new ones work.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// `postgres://user@HOST:PORT/database`.
fn host_of(database_url: &str) -> &str {
    let (_, rest) = database_url.rsplit_once('@').expect("a URL with a user");
    rest.split_once('/').expect("a URL with a database").0
}

async fn carry(mut near: TcpStream, mut far: TcpStream, mut cuts: watch::Receiver<u32>) {
    tokio::select! {
        // Either end may have closed.
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
        changed = cuts.changed() => if changed.is_err() { return },
    }
    // Both ends stay open until the test ends.
    while cuts.changed().await.is_ok() {}
}
