//! The dashboard in a real browser. The scripts are in `tests/clients/dashboard`.

use std::time::Duration;

use crate::harness::server::{Server, Site, Storage};
use crate::realtime::clients::{Running, run_within};

const KEY: &str = "tq_key-of-an-operator-in-a-browser";
const READ_KEY: &str = "tq_key-of-a-reader-in-a-browser";
const CONFIG: &str = "[webhooks]\nenable = true\n";
/// Timeout of a script.
const LIMIT: Duration = Duration::from_secs(240);

async fn run(arguments: &[&str]) {
    run_within(LIMIT, arguments).await;
}

#[tokio::test]
async fn a_first_visit_turns_live_when_a_job_arrives() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let site = Site::new(storage, "");
        let server = site.start();
        run(&["dashboard/first_visit.mjs", &server.url]).await;
    }
}

#[tokio::test]
async fn every_page_is_accessible_in_light_and_dark_on_desktops_and_phones() {
    let (_site, server) = Server::with_config(CONFIG);
    run(&["dashboard/pages.mjs", &server.url, "en-GB", "axe"]).await;
}

#[tokio::test]
async fn every_page_opens_in_german_over_postgresql() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    run(&["dashboard/pages.mjs", &server.url, "de-DE"]).await;
}

#[tokio::test]
async fn the_address_is_the_state() {
    let (_site, server) = Server::with_config("");
    run(&["dashboard/addresses.mjs", &server.url]).await;
}

#[tokio::test]
async fn a_user_signs_in_with_a_key_and_reads_what_the_key_may_not() {
    let config = format!(
        "[api]\nrequire_authentication = true\n\
         [[api.keys]]\nname = \"operator\"\nkey = \"{KEY}\"\n\
         scopes = [\"tickerq:read\", \"tickerq:write\", \"tickerq:admin\"]\n\
         [[api.keys]]\nname = \"reader\"\nkey = \"{READ_KEY}\"\nscopes = [\"tickerq:read\"]\n"
    );
    let (_site, server) = Server::with_config(&config);
    run(&["dashboard/sign_in.mjs", &server.url, KEY, READ_KEY]).await;
}

#[tokio::test]
async fn behind_proxies_it_works_below_a_path_and_without_websockets() {
    let (_site, server) = Server::with_config("");
    run(&["dashboard/proxies.mjs", &server.url]).await;
}

#[tokio::test]
async fn it_goes_on_after_the_server_was_killed_and_started() {
    let site = Site::new(Storage::Sqlite, "");
    let server = site.start();
    let url = server.url.clone();
    let mut browser = Running::start(&["dashboard/outage.mjs", &url]);
    browser.until("live").await;
    server.kill();
    browser.until("away").await;
    let _server = site.start_at(url.trim_start_matches("http://"));
    browser.until("back").await;
    browser.until("ok").await;
}
