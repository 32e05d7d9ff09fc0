//! A TCP proxy between a server and its PostgreSQL, which a test may cut as a network does: without notice to either end.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The line. It is gone when this is dropped.
pub struct Line {
    port: u16,
    /// Number of cuts: a connection carries what was sent before the next time, and nothing after it.
    cuts: Arc<watch::Sender<u32>>,
}

impl Line {
    /// A line to where this database is.
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

    /// The URL of the database at the other end, by this line.
    pub fn url_of(&self, database_url: &str) -> String {
        database_url.replacen(host_of(database_url), &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Existing connections carry nothing from now on; new ones do.
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
        // Either has said goodbye.
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
        changed = cuts.changed() => if changed.is_err() { return },
    }
    // Both ends stay open until the test is over.
    while cuts.changed().await.is_ok() {}
}
