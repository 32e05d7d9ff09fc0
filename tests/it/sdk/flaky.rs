//! A network that loses every second response after the server has executed the request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The proxy. Stops when it is dropped.
pub struct Flaky {
    pub url: String,
    _listening: AbortOnDropHandle<()>,
}

impl Flaky {
    /// A proxy of the server at this URL.
    pub async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let responses = Arc::new(AtomicUsize::new(0));
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), Arc::clone(&responses)));
            }
        });
        Self {
            url: format!("http://{address}"),
            _listening: AbortOnDropHandle::new(listening),
        }
    }
}

async fn pass(mut client: TcpStream, server: String, responses: Arc<AtomicUsize>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_request_sent = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => match read {
                Ok(length @ 1..) => {
                    is_request_sent = true;
                    if server.write_all(&from_client[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut from_server) => match read {
                Ok(length @ 1..) => {
                    // The first part of a response: every second one is cut off here.
                    if std::mem::take(&mut is_request_sent) && responses.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                        return;
                    }
                    if client.write_all(&from_server[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
