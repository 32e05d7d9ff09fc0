//! Blocked addresses in the notations that resolvers and URL parsers accept.

use serde_json::json;

use crate::harness::server::{Server, Site, Storage};

/// Hosts of metadata services and of networks that are no valid targets: blocked in every configuration.
const NEVER: &[&str] = &[
    // 169.254.169.254 in decimal, octal, hexadecimal and mixed notation, with fewer parts, and with a trailing dot.
    "169.254.169.254",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0xA9FEA9FE",
    "025177524776",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "0xa9.254.0251.254",
    "169.16689662",
    "169.254.43518",
    "169.254.0xa9fe",
    "0000251.0376.000251.0376",
    "%31%36%39.254.169.254",
    "169%2E254%2E169%2E254",
    "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
    "169。254。169。254",
    "１６９．２５４．１６９．２５４",
    // In IPv6: mapped, compatible, translated, 6to4, ISATAP.
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[0000:0000:0000:0000:0000:FFFF:A9FE:A9FE]",
    "[::169.254.169.254]",
    "[::a9fe:a9fe]",
    "[::ffff:0:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:a9fe:a9fe::1]",
    "[2606:4700::5efe:169.254.169.254]",
    // Metadata and control services of other clouds.
    "169.254.170.2",
    "169.254.170.23",
    "169.254.42.42",
    "169.254.0.23",
    "100.100.100.200",
    "1684301000",
    "[::ffff:100.100.100.200]",
    "192.0.0.192",
    "168.63.129.16",
    "0xa83f8110",
    "[64:ff9b::168.63.129.16]",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd00:0ec2:0:0:0:0:0:254]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:42::42]",
    // Link-local, multicast, broadcast, reserved.
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    "[febf::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "0xffffffff",
    // Documentation, discard-only, Teredo, benchmarking, ORCHID, segment routing, deprecated relays.
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[100:0:0:1::1]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:2::1]",
    "[2001:20::1]",
    "[5f00::1]",
    "192.88.99.1",
    // AS112 and AMT anycast, unallocated.
    "192.175.48.1",
    "192.31.196.1",
    "192.52.193.1",
    "3232706561",
    "[::ffff:192.175.48.1]",
    "[2620:4f:8000::1]",
    "[200::1]",
    "[4000::1]",
];

/// Hosts of this machine and of private networks: allowed for configured endpoints only, unless configured otherwise.
const PRIVATE: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "0x7f.1",
    "%31%32%37.0.0.1",
    "①②⑦.⓪.⓪.①",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2606:4700::200:5efe:127.0.0.1]",
    "0.0.0.0",
    "0",
    "0x0",
    "00000000000",
    "[::]",
    "[::ffff:0.0.0.0]",
    "0.1.2.3",
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "[::ffff:10.0.0.1]",
    "[2002:a00:1::1]",
    "172.16.0.1",
    "172.31.255.255",
    "2886729729",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "0xc0a80101",
    "0300.0250.1.1",
    "[64:ff9b::192.168.1.1]",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.0.1",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
];

/// URLs with a host or scheme that the HTTP client does not support.
const NOT_URLS: &[&str] = &[
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:/run/x.sock",
    "http://",
    "http://[::1",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::ffff:300.1.1.1]/",
    "http://1.2.3.4.5/",
    "http://999999999999/",
    "http://0x1ffffffff/",
    "http://256.256.256.256/",
    "http://example.com:99999/",
    "http://exa mple.com/",
    "http://user@example.com/",
    "http://user:s3cret@example.com/",
    "http://example.com@169.254.169.254/",
    "http://169.254.169.254:80@example.com/",
];

const INSIDE_THE_INTERNET: &[&str] = &[
    "http://example.com/",
    "https://example.com./hook",
    "http://93.184.216.34/",
    "http://1572395042/",
    "http://[2606:4700::1111]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[64:ff9b::8.8.8.8]/",
    "http://example.com:8080/?next=http://169.254.169.254/",
    "http://example.com/#@169.254.169.254/",
    // A name, which is checked when it is resolved.
    "http://169.254.169.254.example.com/",
];

/// The same host in forms that parsers interpret differently: a port, extra slashes, a backslash, a tab or upper case.
fn urls(host: &str) -> Vec<String> {
    vec![
        format!("http://{host}/latest/meta-data/"),
        format!("HTTPS://{host}:8443/"),
        format!("http:///{host}/"),
        format!("http:\\\\{host}\\"),
        format!("http:{host}"),
        format!("ht\ttp://{host}/"),
        format!(" http://{host}/ "),
        format!("http://{host}?x@example.com"),
    ]
}

#[tokio::test]
async fn no_spelling_of_an_address_makes_an_endpoint_that_lies_where_none_may() {
    let (_site, server) = Server::with_config("");
    let (_open_site, open) = Server::with_config("[webhooks]\nallow_private_networks = true\n");
    let (client, open) = (server.client(), open.client());
    let create = |url: &str| json!({ "url": url, "events": ["*"] });
    let made = client
        .post("/webhooks/endpoints", create("https://example.com/"))
        .await
        .json();
    let existing = format!("/webhooks/endpoints/{}", made["id"].as_str().expect("an id"));
    let mut count = 0;
    for (hosts, reason, is_open_refused) in [(NEVER, "is blocked", true), (PRIVATE, "private network", false)] {
        for host in hosts {
            for url in urls(host) {
                let problem = client.post("/webhooks/endpoints", create(&url)).await.problem(400);
                let error = &problem["errors"][0];
                let detail = error["detail"].as_str().unwrap_or_default();
                assert!(
                    error["pointer"] == "#/url" && detail.contains(reason),
                    "{url}: {problem}"
                );
                count += 1;
            }
            let url = format!("http://{host}/");
            let request = client
                .request(reqwest::Method::PATCH, &existing)
                .json(&json!({ "url": url }));
            client.send(request).await.problem(400);
            let response = open.post("/webhooks/endpoints", create(&url)).await;
            assert_eq!(
                response.status.is_client_error(),
                is_open_refused,
                "{url}: {}",
                response.text
            );
        }
    }
    for url in NOT_URLS {
        let response = client.post("/webhooks/endpoints", create(url)).await;
        let problem = response.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], "#/url", "{url}: {problem}");
        assert!(!response.text.contains("s3cret"), "{}", response.text);
    }
    for url in INSIDE_THE_INTERNET {
        let response = client.post("/webhooks/endpoints", create(url)).await;
        assert_eq!(response.status, 201, "{url}: {}", response.text);
    }
    let listed = client.get("/webhooks/endpoints").await.json();
    let listed = listed["endpoints"].as_array().map_or(0, Vec::len);
    assert_eq!(listed, INSIDE_THE_INTERNET.len() + 1, "of {count} refused");
}

#[tokio::test]
async fn no_configuration_makes_the_server_call_a_metadata_service() {
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "[fd00:ec2::254]",
        "[::ffff:168.63.129.16]",
        "100.100.100.200",
    ] {
        for config in [
            format!("[job_types.T]\nhandler = {{ http = {{ url = \"http://{host}/\" }} }}\n"),
            format!(
                "[[webhooks.endpoints]]\nurl = \"http://{host}/\"\nevents = [\"*\"]\nsecret = \"webhook-secret-key\"\n"
            ),
            format!("[change_feed]\nenable = true\n[[change_feed.sinks]]\nurl = \"http://{host}/\"\n"),
        ] {
            let site = Site::new(Storage::Sqlite, &config);
            let output = site.command(&["config", "check"]).output().expect("the program runs");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !output.status.success() && errors.contains("is blocked"),
                "{config}{errors}"
            );
        }
    }
}
