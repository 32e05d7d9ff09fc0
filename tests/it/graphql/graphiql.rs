//! GraphiQL in a real browser, and the headers of its files.

use reqwest::Method;

use crate::harness::server::Server;
use crate::realtime::clients::run;

const KEY: &str = "tq_key-of-a-user-in-a-browser";

#[tokio::test]
async fn a_user_in_a_browser_runs_a_query_a_mutation_and_a_subscription() {
    let (_site, server) = Server::with_config("");
    run(&["graphiql.mjs", &server.url]).await;
}

#[tokio::test]
async fn the_token_in_the_page_s_field_goes_with_requests_and_subscriptions() {
    let config = format!(
        "[api]\nrequire_authentication = true\n[[api.keys]]\nname = \"browser\"\nkey = \"{KEY}\"\n\
         scopes = [\"tickerq:read\", \"tickerq:write\"]\n"
    );
    let (_site, server) = Server::with_config(&config);
    run(&["graphiql.mjs", &server.url, KEY]).await;
}

#[tokio::test]
async fn the_page_can_be_switched_off() {
    let (_site, server) = Server::with_config("[graphql]\ngraphiql = false\n");
    let client = server.client();
    for path in ["/graphiql", "/graphiql/"] {
        let response = client.send(client.at_root(Method::GET, path)).await;
        response.problem(404);
    }
}

#[tokio::test]
async fn the_page_is_revalidated_and_its_files_are_cached() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let page = client.send(client.at_root(Method::GET, "/graphiql")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let tag = page.header("etag").expect("a tag");
    let again = client.at_root(Method::GET, "/graphiql/").header("if-none-match", tag);
    assert_eq!(client.send(again).await.status, 304);

    let packed = client
        .at_root(Method::GET, "/graphiql/")
        .header("accept-encoding", "br, gzip;q=0.5");
    let packed = client.send(packed).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_ne!(packed.header("etag"), Some(tag));
    for none in ["", "identity", "gzip;q=0, *", "br"] {
        let plain = client
            .at_root(Method::GET, "/graphiql/")
            .header("accept-encoding", none);
        let plain = client.send(plain).await;
        assert_eq!(plain.header("content-encoding"), None, "{none}");
        assert_eq!(plain.header("vary"), Some("accept-encoding"), "{none}");
        assert!(plain.text.contains("<html"), "{none}: {}", plain.text);
    }

    let missing = client.send(client.at_root(Method::GET, "/assets/nothing.js")).await;
    missing.problem(404);
}
