//! GraphQL with the official clients and audits from npm.

use crate::harness::server::Server;
use crate::realtime::clients::run;

const CONFIG: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

#[tokio::test]
async fn all_audits_of_graphql_over_http_are_content() {
    let (_site, server) = Server::with_config(CONFIG);
    run(&["graphql_http.mjs", &server.url]).await;
}

#[tokio::test]
async fn the_client_graphql_ws_works() {
    let (_site, server) = Server::with_config(CONFIG);
    run(&["graphql_ws.mjs", &server.url, "graphql-transport-ws"]).await;
}

#[tokio::test]
async fn the_older_client_subscriptions_transport_ws_works() {
    let (_site, server) = Server::with_config(CONFIG);
    run(&["graphql_ws.mjs", &server.url, "graphql-ws"]).await;
}

#[tokio::test]
async fn the_client_graphql_sse_works() {
    let (_site, server) = Server::with_config(CONFIG);
    run(&["graphql_sse.mjs", &server.url]).await;
}
