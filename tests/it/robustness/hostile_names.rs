//! Names that resemble others or that change the rendering of the text around them: rejected in names, and escaped in
//! output where free text may contain them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::{Server, Site, Storage};
use crate::harness::shell::Shell;
use crate::harness::tokens::{Signer, now, token};

/// Bidi controls, line separators, control characters and zero-width characters.
const HOSTILE: &[char] = &[
    '\u{202A}',
    '\u{202B}',
    '\u{202C}',
    '\u{202D}',
    '\u{202E}',
    '\u{2066}',
    '\u{2067}',
    '\u{2068}',
    '\u{2069}',
    '\u{200E}',
    '\u{200F}',
    '\u{061C}',
    '\u{2028}',
    '\u{2029}',
    '\u{85}',
    '\u{0}',
    '\u{7}',
    '\u{1b}',
    '\u{7f}',
    '\u{9b}',
    '\n',
    '\r',
    '\u{FEFF}',
    '\u{200B}',
    '\u{2060}',
    '\u{AD}',
    '\u{206A}',
    '\u{3164}',
    '\u{FFA0}',
    '\u{E0001}',
    '\u{E0041}',
    '\u{FFF9}',
    '\u{34F}',
    '\u{115F}',
    '\u{180B}',
    '\u{200C}',
    '\u{200D}',
    '\u{2800}',
    '\u{3000}',
    '\u{FE0F}',
    '\u{E0100}',
    '\u{E01EF}',
];

/// Characters of names.
const HARMLESS: &[&str] = &["Ünïcödé 日本語 العربية עברית", "👨👩👧", "می خواهم", "e\u{301}", "a b"];

async fn put(client: &Client, path: &str, body: Value) -> ApiResponse {
    client.send(client.request(Method::PUT, path).json(&body)).await
}

/// The character as a path segment.
fn in_path(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn names_with_invisible_or_direction_characters_are_rejected_everywhere() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let daily = |extra: Value| {
        let mut body = json!({ "type": "T", "cronExpression": "0 2 * * *" });
        for (name, value) in extra.as_object().expect("members") {
            body[name] = value.clone();
        }
        body
    };
    for character in HOSTILE {
        let name = format!("pay{character}load");
        let endpoint = json!({ "url": "https://example.com/", "events": ["*"], "name": name });
        let responses = [
            ("type", client.post("/jobs", json!({ "type": name })).await),
            ("name", client.post("/jobs", json!({ "type": "T", "name": name })).await),
            (
                "queue",
                client.post("/jobs", json!({ "type": "T", "queue": name })).await,
            ),
            (
                "uniqueKey",
                client.post("/jobs", json!({ "type": "T", "uniqueKey": name })).await,
            ),
            (
                "batch",
                client.post("/jobs/batch", json!([{ "type": "T", "name": name }])).await,
            ),
            (
                "recurring name",
                client.post("/jobs/recurring", daily(json!({ "name": name }))).await,
            ),
            (
                "recurring queue",
                client.post("/jobs/recurring", daily(json!({ "queue": name }))).await,
            ),
            (
                "key",
                put(
                    &client,
                    &format!("/jobs/recurring/by-key/{}", in_path(&name)),
                    daily(json!({})),
                )
                .await,
            ),
            ("endpoint", client.post("/webhooks/endpoints", endpoint).await),
            (
                "worker",
                client.post("/workers", json!({ "name": name, "types": ["T"] })).await,
            ),
            (
                "worker's type",
                client.post("/workers", json!({ "name": "w", "types": [name] })).await,
            ),
            (
                "worker's queue",
                client
                    .post("/workers", json!({ "name": "w", "types": ["T"], "queues": [name] }))
                    .await,
            ),
        ];
        for (what, response) in responses {
            assert!(
                matches!(response.status.as_u16(), 400 | 404),
                "{what} with {character:?}: {} {}",
                response.status,
                response.text
            );
            assert!(
                !response.text.contains(*character) || *character == '\n',
                "{what}: {}",
                response.text
            );
        }
        let mutation = "mutation ($name: String!) { createJob(input: { type: \"T\", name: $name }) { job { id } } }";
        let response = client
            .graphql(&json!({ "query": mutation, "variables": { "name": name } }))
            .await;
        assert!(response["errors"][0].is_object(), "{character:?}: {response}");
    }
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 0);
    for name in HARMLESS {
        let job = client
            .create(json!({ "type": "T", "name": name, "uniqueKey": name }))
            .await;
        assert_eq!(job["name"], *name);
    }
    let log = server.log();
    for character in HOSTILE.iter().filter(|character| **character != '\n') {
        assert!(!log.contains(*character), "{character:?}: {log}");
    }
}

#[test]
fn names_in_the_configuration_are_checked_as_those_of_callers() {
    for character in HOSTILE {
        let escaped = format!("pay\\U{:08X}load", u32::from(*character));
        for (key, config) in [
            (
                "api.keys[0].name",
                format!(
                    "[[api.keys]]\nname = \"{escaped}\"\nkey = \"tq_a-key-of-a-test\"\nscopes = [\"tickerq:read\"]\n"
                ),
            ),
            ("cluster.node_name", format!("[cluster]\nnode_name = \"{escaped}\"\n")),
            (
                "webhooks.endpoints[0].name",
                format!(
                    "[[webhooks.endpoints]]\nname = \"{escaped}\"\nurl = \"https://example.com/\"\nevents = [\"*\"]\nsecret = \
                     \"webhook-secret-key\"\n"
                ),
            ),
            (
                "change_feed.sinks[0].name",
                format!("[[change_feed.sinks]]\nname = \"{escaped}\"\nurl = \"https://example.com/\"\n"),
            ),
            (
                "telemetry.service_name",
                format!("[telemetry]\nservice_name = \"{escaped}\"\n"),
            ),
            ("queues[0].name", format!("[[queues]]\nname = \"{escaped}\"\n")),
            (
                "recurring[0].name",
                format!("[[recurring]]\nkey = \"k\"\ntype = \"T\"\ncron = \"0 2 * * *\"\nname = \"{escaped}\"\n"),
            ),
        ] {
            let site = Site::new(Storage::Sqlite, &config);
            let output = site.command(&["config", "check"]).output().expect("the program runs");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !output.status.success() && errors.contains(key),
                "{key} {character:?}: {errors}"
            );
            assert!(
                *character == '\n' || !errors.contains(*character),
                "{key} {character:?}: {errors}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_whose_subject_imitates_another_is_rejected() {
    const SECRET: &str = "a secret that is thirty-two bytes long or more";
    let config = format!("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[api.jwt]\nsecret = \"{SECRET}\"\n");
    let (_site, server) = Server::with_config(&config);
    for (index, character) in HOSTILE.iter().enumerate() {
        let claims = json!({ "sub": format!("ann{character}"), "exp": now() + 300, "scope": "tickerq:read" });
        let caller = server.client().with_token(&token(&claims, Signer::Hs256(SECRET)));
        // Ten invalid tokens throttle an address: each is sent from another one.
        let request = caller.request(Method::GET, "/jobs");
        let request = request.header("x-forwarded-for", format!("2001:db8:{index:x}::1"));
        caller.send(request).await.problem(401);
    }
    let claims = json!({ "sub": "Añn 日本", "exp": now() + 300, "scope": "tickerq:read" });
    let caller = server.client().with_token(&token(&claims, Signer::Hs256(SECRET)));
    assert_eq!(caller.get("/jobs").await.status, 200);
}

#[tokio::test]
async fn output_of_programs_is_escaped_by_the_command_line_and_the_log() {
    let script = "printf 'gnp\\342\\200\\256exe \\033[31m\\357\\273\\277\\342\\200\\250end' >&2; exit 1";
    let shell = Shell::start(&format!(
        "[job_types.Bad]\nmax_retries = 0\nhandler = {{ command = {{ program = \"sh\", args = [\"-c\", {}] }} }}\n",
        toml_text(script)
    ));
    let id = shell.create(&["Bad"]);
    let client = shell.server.client();
    client.wait_finished(&id).await;
    let printed = shell.run(&["job", "show", &id]);
    let listed = shell.run(&["job", "list"]);
    for text in [&printed.out, &listed.out, &shell.server.log()] {
        for character in ['\u{202E}', '\u{1b}', '\u{2028}'] {
            assert!(!text.contains(character), "{character:?}: {text}");
        }
    }
    assert!(!printed.out.contains('\u{FEFF}'), "{}", printed.out);
    assert!(printed.out.contains("end"), "{}", printed.out);
}

/// Single quotes of TOML would keep backslashes, but cannot contain single quotes.
fn toml_text(text: &str) -> String {
    format!("'''{text}'''")
}
