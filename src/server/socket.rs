//! What is set on the socket of every connection.

use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tracing::debug;

/// How long what was sent may stay untaken before the connection is cut. A client of live updates that takes nothing
/// would otherwise hold its connection for ever: while its socket is full, nothing looks at the time for it.
const UNTAKEN_FOR_MAX: Duration = Duration::from_secs(60);

/// Prepares a connection that was just accepted.
pub(super) fn prepare(stream: &TcpStream) {
    // Live updates are small: without this the second of two would wait until the client has acknowledged the first.
    if let Err(cause) = stream.set_nodelay(true) {
        debug!("a connection sends small packets late: {cause}");
    }
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(UNTAKEN_FOR_MAX.as_millis()).unwrap_or(u32::MAX);
        if let Err(cause) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
            debug!("a connection has no limit for what its client does not take: {cause}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = UNTAKEN_FOR_MAX;
}

/// The answer to a connection that has no place, where not even its request can be read.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Refuses a connection that was just accepted. It is closed when it is dropped.
pub(super) fn refuse(stream: &TcpStream) {
    // A new connection has room for so little; one that is gone needs no answer.
    let _ = stream.try_write(FULL);
}
