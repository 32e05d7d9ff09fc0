//! Socket options of every connection.

use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tracing::debug;

/// Time after which a connection with unacknowledged data is closed. A client of live updates that receives nothing
/// would otherwise hold its connection permanently: while its socket is full, its timeouts are not checked.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Prepares a connection that was just accepted.
pub(super) fn prepare(stream: &TcpStream) {
    // Live updates are small: without this the second of two would wait for the acknowledgement of the first.
    if let Err(cause) = stream.set_nodelay(true) {
        debug!("failed to set TCP_NODELAY: {cause}");
    }
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
        if let Err(cause) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
            debug!("failed to set TCP_USER_TIMEOUT: {cause}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = USER_TIMEOUT;
}

/// The response to a connection without a place, whose request is not read.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Rejects a connection that was just accepted. It is closed when it is dropped.
pub(super) fn refuse(stream: &TcpStream) {
    // A new connection has capacity for this response; a closed one needs none.
    let _ = stream.try_write(FULL);
}
