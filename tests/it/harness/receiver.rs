//! An HTTP endpoint that belongs to somebody else: the target of the http handler.

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An endpoint that answers every POST to `/run` like this.
pub async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/run")).respond_with(response).mount(&server).await;
    server
}
