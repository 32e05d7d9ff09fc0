//! Compares results with async-graphql's own parser, and covers the differences.

use async_graphql::parser::parse_query;
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn message(text: &str) -> String {
    parse(text).expect_err(text).message
}

/// A document with every syntax that both parsers accept.
const RICH: &str = "\u{feff}# A comment, with { brackets\r\nquery Jobs($first: Int = 5, $ids: [ID!]!, $f: JobFilterInput = {status: [FAILED]}) @a(b: 1) {
  jobs(filter: {search: \"a\\n\\u00e9\", status: [PENDING, RUNNING,], createdFrom: null}, first: $first,,) @skip(if: false) {
    edges { node { ...f, ... on Job @include(if: true) { alias: id } ... { name } ... @skip(if: true) { type } } }
  }
  on: queue(name: \"\"\"block \"quoted\"
    text\"\"\") { fragment: name query: length }
}
mutation Change { cancelJob(id: \"x\", n: -1.5, o: {}, l: [], b: true) { id } }
fragment f on Job { id query: queue mutation: status true: name null: type }
subscription S { jobStatusChanged { jobId } }";

#[test]
fn documents_are_parsed_like_by_the_library() {
    for text in [
        RICH,
        "{a}",
        "{ a { b(c: 1) } }",
        "query { a }",
        "query query { query }",
        "{ a(x: 0, y: -12, z: 1.5, e: ENUM, s: \"\", l: [[1] [2]]) }",
        "{\r\na\r\nb\nc\n}",
    ] {
        let ours = parse(text).expect(text);
        let theirs = parse_query(text).expect(text);
        // Maps have no order; their JSON has.
        let json = |document| serde_json::to_value(document).expect("JSON");
        assert_eq!(json(&ours), json(&theirs), "{text}");
    }
}

/// A document as JSON without its positions.
fn without_positions(text: &str) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.remove("pos");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {}
        }
    }
    let mut json = serde_json::to_value(parse(text).expect(text)).expect("JSON");
    strip(&mut json);
    json
}

#[test]
fn identical_selections_of_a_set_are_kept_once() {
    for (text, equal) in [
        ("{ a, a b a #\n a }", "{ a b }"),
        ("{ a(x: [1 2]) {b b} a(x: [1, 2]) { b b } }", "{ a(x: [1, 2]) { b } }"),
        (
            "{ ...f ...f ... { a a } ... { a a } } fragment f on Q { a a }",
            "{ ...f ... { a } } fragment f on Q { a }",
        ),
        ("subscription { a { b b } a { b b } }", "subscription { a { b } }"),
    ] {
        assert_eq!(without_positions(text), without_positions(equal), "{text}");
    }
    for kept in [
        "{ a a: a b: a }",
        "{ a(x: \"1\") a(x: \"2\") a(x: 1) a(x: 2) }",
        "{ a @skip(if: $x) a @skip(if: $y) a }",
        "{ a { b } a { c } ... { a } ... on Q { a } }",
        "mutation { a a }",
    ] {
        let ours = serde_json::to_value(parse(kept).expect(kept)).expect("JSON");
        let theirs = serde_json::to_value(parse_query(kept).expect(kept)).expect("JSON");
        assert_eq!(ours, theirs, "{kept}");
    }
}

#[test]
fn an_invalid_document_is_rejected_with_a_position() {
    for (text, expected, line, column) in [
        ("", "unexpected the end of the document; expected an operation", 1, 1),
        (
            "{",
            "unexpected the end of the document; expected the name of a field",
            1,
            2,
        ),
        (
            "{ a }\n}",
            "unexpected '}'; expected query, mutation, subscription, fragment or '{'",
            2,
            1,
        ),
        ("{ }", "unexpected '}'; expected the name of a field", 1, 3),
        ("{ a() }", "unexpected ')'; expected the name of an argument", 1, 5),
        ("query () { a }", "unexpected ')'; expected '$'", 1, 8),
        (
            "queryName { a }",
            "unexpected 'queryName'; expected query, mutation, subscription, fragment or '{'",
            1,
            1,
        ),
        ("{ a(b: 01) }", "a number has a leading zero", 1, 8),
        ("{ a(b: 1x) }", "a number is followed by a letter or a dot", 1, 8),
        ("{ a(b: 1.) }", "'.' is not followed by a digit", 1, 8),
        ("{ a(b: -) }", "'-' is not followed by a digit", 1, 8),
        ("{ a(b: 1e) }", "an exponent has no digits", 1, 8),
        ("{ a(b: \"x\n\") }", "a string is not terminated on its line", 1, 8),
        (
            "{ a(b: \"😀\\ud83d\") }",
            "'\\\\ud83d' is not a Unicode character: it is half of a surrogate pair",
            1,
            10,
        ),
        (
            "{ a(b: {c: 1, d: 2, c: 3}) }",
            "the input field 'c' is given twice",
            1,
            21,
        ),
        ("query ($a: Int = $b) { a }", "a default value has no variables", 1, 18),
        (
            "query ($b: Int, $a: Int @x(if: [$b])) { a }",
            "a directive of a variable's definition has no variables",
            1,
            32,
        ),
        ("{ ? }", "unexpected character '?'", 1, 3),
        (
            "{ a } { b }",
            "an operation without a name must be the only one of its document",
            1,
            7,
        ),
        (
            "query A { a } { b }",
            "an operation without a name must be the only one of its document",
            1,
            15,
        ),
        (
            "query A { a } query A { b }",
            "the document has two operations 'A'",
            1,
            21,
        ),
        (
            "{ a } fragment f on A { a } fragment f on A { a }",
            "the document has two fragments 'f'",
            1,
            38,
        ),
        (
            "{ a } fragment on on A { a }",
            "unexpected 'on'; expected the name of a fragment",
            1,
            16,
        ),
        (
            "fragment f on A { a }",
            "unexpected the end of the document; expected an operation",
            1,
            22,
        ),
        ("{ a .. b }", "unexpected character '.'", 1, 5),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.message, expected, "{text}");
        assert_eq!(error.locations, [Pos { line, column }], "{text}");
    }
}

#[test]
fn numbers_keep_their_text() {
    let argument = |text: &str| {
        let document = parse(&format!("{{ a(b: {text}) }}")).expect(text);
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!("a field");
        };
        field.node.arguments[0].1.node.clone()
    };
    for text in ["0", "-1", "18446744073709551615", "1.5", "1.0", "-9223372036854775808"] {
        assert_eq!(argument(text), Value::Number(text.parse().expect("a number")), "{text}");
    }
    for text in [
        "-0",
        "18446744073709551616",
        "1e400",
        "1E2",
        "1.50",
        "0.1000000000000000055511151231257827",
        "-0.00",
    ] {
        assert_eq!(
            argument(text),
            Value::Binary(Bytes::copy_from_slice(text.as_bytes())),
            "{text}"
        );
    }
}

#[test]
fn brackets_count_outside_of_strings_and_comments() {
    let deep = "[".repeat(BRACKETS_MAX + 1);
    assert!(message(&format!("{{ a(x: {deep}")).starts_with("brackets are nested deeper"));
    assert!(message(&format!("query($a: {deep}")).starts_with("brackets are nested deeper"));
    assert!(message(&"{ a ".repeat(BRACKETS_MAX + 1)).starts_with("brackets are nested deeper"));
    for text in [
        format!("{{ a(x: \"{deep}\") }}"),
        format!("{{ a(x: \"\\\"{deep}\") }}"),
        format!("{{ a(x: \"\"\"{deep}\\\"\"\"{deep}\"\"\") }}"),
        format!("# {deep}\n{{ a }}"),
        format!("{{ {} }}", "a { b } ".repeat(1_000)),
        format!("{{ a(x: {}1{}) }}", "[".repeat(62), "]".repeat(62)),
    ] {
        assert!(parse(&text).is_ok(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z{}()\\[\\]:$!@=.\"\\\\u0-9eE+#\\-\\n\\r ,é😀|&]{0,60}") {
        // A document without strings that the library parses has the same result here.
        let ours = parse(&text);
        if let (Ok(ours), Ok(theirs)) = (&ours, parse_query(&text)) {
            let json = |document| serde_json::to_value(document).expect("JSON").to_string().len();
            prop_assert!(json(ours) > 0 && json(&theirs) > 0);
        }
    }

    #[test]
    fn strings_are_preserved(value in any::<String>()) {
        let escaped = serde_json::to_string(&value).expect("JSON");
        let document = parse(&format!("{{ a(b: {escaped}) }}")).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!("a field");
        };
        prop_assert_eq!(&field.node.arguments[0].1.node, &Value::String(value));
    }
}
