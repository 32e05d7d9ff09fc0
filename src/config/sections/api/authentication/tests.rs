//! Settings of authentication and their errors.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::api::auth::JwtKeySource;
use crate::api::rest::Docs;
use crate::config::{Config, Sources, load};
use crate::domain::access::caller::{Scope, ScopeNames};
use crate::domain::values::time_span::TimeSpan;

const KEY: &str = "tq_a-key-for-these-tests-only";
const SHA256: &str = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";

fn load_file(file: &str) -> Result<Config, String> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let path = written.path().to_owned();
    load(Sources {
        file: Some(path.clone()),
        environment: Vec::new(),
        flags: Vec::new(),
    })
    .map_err(|errors| errors.to_string().replace(&path.display().to_string(), "tickerq.toml"))
}

fn key(lines: &str) -> String {
    format!("[[api.keys]]\nname = \"a\"\nscopes = [\"tickerq:read\"]\n{lines}\n")
}

#[test]
fn without_keys_and_tokens_authentication_is_disabled() {
    let config = load_file("").unwrap();
    assert!(!config.api.auth.is_required);
    assert!(!config.audit.enable);
    assert_eq!(config.retention.audit, Some(TimeSpan::from_secs(90 * 86_400)));
    assert!(config.api.auth.origins.0.is_empty() && config.api.auth.trusted_proxies.is_empty());
    let ScopeNames { read, write, admin } = &*config.api.auth.scope_names;
    assert_eq!(
        [read, write, admin].map(|name| &**name),
        ["tickerq:read", "tickerq:write", "tickerq:admin"]
    );
}

#[test]
fn a_key_turns_authentication_and_the_record_of_changes_on() {
    let config = load_file(&format!(
        r#"
        [server]
        listen = "0.0.0.0:5000"
        cors_origins = ["https://app.example.com", "http://localhost:3000"]
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [audit]
        [retention]
        audit = "never"
        [api]
        authentication_scheme = "Bearer"
        scopes = {{ read = "tickerq:read", write = "tickerq:write" }}
        docs = "public"
        [[api.keys]]
        name = "billing"
        key = "{KEY}"
        scopes = ["tickerq:read", "tickerq:write"]
        rate_limit = "100/s"
        [[api.keys]]
        name = "operator"
        key_sha256 = "{SHA256}"
        scopes = ["tickerq:admin"]
        "#
    ))
    .unwrap();
    let authentication = &config.api.auth;
    assert!(authentication.is_required && config.audit.enable && config.api.rest.docs == Docs::Public);
    let [billing, operator] = authentication.keys.as_slice() else {
        panic!("two keys");
    };
    assert_eq!(billing.digest, <[u8; 32]>::from(Sha256::digest(KEY)));
    assert_eq!(
        billing.rate.map(|rate| (rate.capacity, rate.per)),
        Some((100, Duration::from_secs(1)))
    );
    assert_eq!(operator.digest[..2], [0x9f, 0x86]);
    assert_eq!(operator.scopes, ["tickerq:admin"]);
    assert_eq!(config.retention.audit, None);
    assert_eq!(config.api.auth.origins.0.len(), 2);
    assert_eq!(config.api.auth.trusted_proxies.len(), 2);
    assert!(!format!("{config:?}").contains(KEY) && !config.to_toml().contains(KEY));
}

#[test]
fn tokens_are_checked_as_it_is_written() {
    let config = load_file(
        r#"
        [api.jwt]
        issuer = "https://id.example"
        audience = "jobs"
        secret = "a secret that is thirty-two bytes long"
        scope_claim = "/realm_access/roles"
        leeway = "00:00:10"
        rate_limit = "10/m"
        "#,
    )
    .unwrap();
    let jwt = config.api.auth.jwt.unwrap();
    assert!(config.api.auth.is_required);
    assert_eq!(jwt.audience, ["jobs"]);
    assert_eq!(jwt.leeway, Duration::from_secs(10));
    assert!(matches!(jwt.key, JwtKeySource::Secret(_)));
    let several = load_file("[api.jwt]\naudience = [\"a\", \"b\"]\njwks_file = \"keys.json\"").unwrap();
    let jwt = several.api.auth.jwt.unwrap();
    assert_eq!(jwt.audience, ["a", "b"]);
    assert!(matches!(jwt.key, JwtKeySource::JwksFile(path) if path == Path::new("keys.json")));
    assert_eq!(jwt.leeway, Duration::from_secs(60));
}

#[test]
fn scopes_may_be_called_otherwise_or_not_be_needed() {
    for (written, read, write, admin) in [
        ("scopes = { read = \"\", write = \"\" }", None, None, "tickerq:admin"),
        (
            "scopes = { write = \"w\" }",
            Some("tickerq:read"),
            Some("w"),
            "tickerq:admin",
        ),
        (
            "scopes = { read = \"r\", write = \"w\", admin = \"a\" }",
            Some("r"),
            Some("w"),
            "a",
        ),
        // Former lists.
        ("required_scopes = []", None, None, "tickerq:admin"),
        (
            "required_scopes = [\"jobs\"]",
            Some("jobs"),
            Some("jobs"),
            "tickerq:admin",
        ),
        (
            "required_scopes = [\"r\", \"w\"]",
            Some("r"),
            Some("w"),
            "tickerq:admin",
        ),
        ("required_scopes = [\"r\", \"w\", \"a\"]", Some("r"), Some("w"), "a"),
    ] {
        let config = load_file(&format!("[api]\n{written}")).unwrap();
        let auth = config.api.auth;
        let needed = |scope| (!auth.granted.contains(scope)).then(|| &**auth.scope_names.of(scope));
        let found = (needed(Scope::Read), needed(Scope::Write), needed(Scope::Admin));
        assert_eq!(found, (read, write, Some(admin)), "{written}");
    }
}

#[test]
fn authentication_can_be_switched_off_where_only_this_machine_calls() {
    let config = load_file(&format!(
        "[api]\nrequire_authentication = false\n{}",
        key(&format!("key = \"{KEY}\""))
    ))
    .unwrap();
    assert!(!config.api.auth.is_required);
    assert!(!config.audit.enable);
}

#[test]
fn every_error_has_its_line_and_the_allowed_values() {
    let same = format!("key = \"{KEY}\"");
    for (file, expected) in [
        (
            "[api]\nrequire_authentication = true".to_owned(),
            "tickerq.toml:2: api.require_authentication: every request would be rejected without [[api.keys]] or [api.jwt]; \
             `tickerq key generate` prints a key",
        ),
        (
            "[api]\nauthentication_scheme = \"Basic\"".to_owned(),
            "tickerq.toml:2: api.authentication_scheme: 'Basic' is not allowed; the only scheme is \"Bearer\"",
        ),
        (
            "[api.scopes]\nread = \"a b\"".to_owned(),
            "tickerq.toml:2: api.scopes.read: 'a b' is not the name of a scope",
        ),
        (
            "[api.scopes]\nadmin = \"\"".to_owned(),
            "tickerq.toml:2: api.scopes.admin: '' is not the name of a scope",
        ),
        (
            "[api]\nrequired_scopes = [\"a\", \"b\", \"c\", \"d\"]".to_owned(),
            "api.required_scopes: 4 scopes are too many",
        ),
        (
            "[api]\nkeys = \"a\"".to_owned(),
            "tickerq.toml:2: api.keys: 'a' is not allowed; write [[api.keys]] once for each key",
        ),
        (
            key(""),
            "tickerq.toml:1: api.keys[0].key: exactly one of key and key_sha256 is needed; `tickerq key generate`",
        ),
        (
            key(&format!("key = \"{KEY}\"\nkey_sha256 = \"{SHA256}\"")),
            "tickerq.toml:4: api.keys[0].key: exactly one of key and key_sha256 is needed",
        ),
        (
            key("key = \"secret\""),
            "tickerq.toml:4: api.keys[0].key: has 6 characters; allowed are 16 to 1024; `tickerq key generate`",
        ),
        (
            key("key = \"secret that has spaces\""),
            "tickerq.toml:4: api.keys[0].key: has an invalid character; allowed are",
        ),
        (
            key("key_sha256 = \"abc\""),
            "tickerq.toml:4: api.keys[0].key_sha256: is not a SHA-256: 64 hexadecimal digits",
        ),
        (
            key(&same).replace("tickerq:read", "tickerq:raed"),
            "tickerq.toml:3: api.keys[0].scopes: 'tickerq:raed' is not a scope of this server; allowed are tickerq:read, \
             tickerq:write, tickerq:admin",
        ),
        (
            key(&same).replace("\"tickerq:read\"", ""),
            "tickerq.toml:3: api.keys[0].scopes: at least one scope is needed",
        ),
        (
            format!("[[api.keys]]\nname = \"a\"\n{same}"),
            "tickerq.toml:1: api.keys[0].scopes: is required",
        ),
        (
            format!(
                "{}{}{}",
                key(&same),
                key("key = \"tq_another-key-of-these\""),
                key("key = \"tq_a-third-key-of-these\"")
            ),
            "tickerq.toml:10: api.keys[2].name: 'a' is the name of 2 earlier keys; at most a key and its",
        ),
        (
            format!("{}{}", key(&same), key(&same).replace("\"a\"", "\"b\"")),
            "tickerq.toml:8: api.keys[1].key: is also the key of 'a'; keys must be distinct",
        ),
        (
            key(&format!("{same}\nrate_limit = \"fast\"")),
            "tickerq.toml:5: api.keys[0].rate_limit: 'fast' is not a rate; write a number per s, m or h",
        ),
        (
            key(&format!("{same}\nscope = \"x\"")),
            "tickerq.toml:5: api.keys[0].scope: unknown setting; did you mean scopes?",
        ),
        (
            "[api.jwt]\nissuer = \"x\"".to_owned(),
            "tickerq.toml:1: api.jwt.secret: exactly one of secret, public_key and jwks_file is needed",
        ),
        (
            "[api.jwt]\nsecret = \"short\"".to_owned(),
            "tickerq.toml:2: api.jwt.secret: has 5 bytes; HS256 needs at least 32",
        ),
        (
            "[api.jwt]\npublic_key = \"key.pem\"".to_owned(),
            "tickerq.toml:2: api.jwt.public_key: is not a public key as PEM; it begins with -----BEGIN PUBLIC KEY-----",
        ),
        (
            "[api.jwt]\njwks_file = \"a\"\naudience = []".to_owned(),
            "tickerq.toml:3: api.jwt.audience: at least one is needed",
        ),
        (
            "[api.jwt]\njwks_file = \"a\"\nleeway = \"01:00:00\"".to_owned(),
            "tickerq.toml:3: api.jwt.leeway: 01:00:00 is out of range; allowed is 00:00:00 to 00:10:00",
        ),
        (
            "[server]\ncors_origins = [\"app.example.com\"]".to_owned(),
            "tickerq.toml:2: server.cors_origins: 'app.example.com' is not an origin; write it as browsers send it",
        ),
        (
            "[server]\ncors_origins = [\"*\", \"https://a\"]".to_owned(),
            "tickerq.toml:2: server.cors_origins: \"*\" must be the only origin",
        ),
        (
            "[server]\ntrusted_proxies = [\"proxy\"]".to_owned(),
            "tickerq.toml:2: server.trusted_proxies[0]: 'proxy' is not an IP address or a range of addresses",
        ),
        (
            "[audit]\nenable = 1".to_owned(),
            "tickerq.toml:2: audit.enable: 1 is not allowed",
        ),
    ] {
        let errors = load_file(&file).expect_err(&file);
        assert!(
            errors.contains(expected),
            "{file}\n  actual   {errors}\n  expected {expected}"
        );
        assert_eq!(errors.lines().count(), 1, "{file}\n  actual {errors}");
        assert!(!errors.contains(KEY), "{errors}");
    }
}

#[test]
fn an_open_address_needs_authentication() {
    let open = "[server]\nlisten = [\"127.0.0.1:1\", \"0.0.0.0:5000\"]\n";
    let errors = load_file(open).unwrap_err();
    assert_eq!(
        errors,
        "tickerq.toml:2: server.listen: 0.0.0.0:5000 is reachable from other machines, but authentication is disabled; \
         configure [[api.keys]] (`tickerq key generate` prints a key and its settings) or [api.jwt], or listen on \
         127.0.0.1:5000 or [::1]:5000, which only this machine can reach"
    );
    let with_key = format!("{open}{}", key(&format!("key = \"{KEY}\"")));
    assert!(load_file(&with_key).is_ok());
    let switched_off = format!(
        "{open}[api]\nrequire_authentication = false\n{}",
        key(&format!("key = \"{KEY}\""))
    );
    let errors = load_file(&switched_off).unwrap_err();
    assert!(
        errors.contains("remove api.require_authentication = false, or listen on"),
        "{errors}"
    );
    // One mistake causes one message: the key counts as configured.
    let mistaken = format!("{open}{}", key("key = \"short\""));
    let errors = load_file(&mistaken).unwrap_err();
    assert!(
        errors.contains("has 5 characters") && errors.lines().count() == 1,
        "{errors}"
    );
}
