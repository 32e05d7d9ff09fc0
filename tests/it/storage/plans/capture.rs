//! The executed statements: those that the driver sends to SQLite, and the plans by which PostgreSQL ran them.
//!
//! Both are events of the driver. It logs SQLite's statements, whose plans are requested afterwards. A
//! PostgreSQL database is configured to send the plan of each statement that has run as a notice (`auto_explain`).

use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

const STATEMENT: &str = "sqlx::query";
const NOTICE: &str = "sqlx::postgres::notice";

struct Capture;

impl<S: Subscriber> Layer<S> for Capture {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        matches!(metadata.target(), STATEMENT | NOTICE)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields {
            summary,
            statement,
            message,
        } = fields;
        if event.metadata().target() == NOTICE {
            NOTICES.lock().expect("the notices").push(message);
        } else {
            // The driver logs the full text only if it is longer than its summary.
            let text = if statement.is_empty() { summary } else { statement };
            STATEMENTS.lock().expect("the statements").push(text.trim().to_owned());
        }
    }
}

#[derive(Default)]
struct Fields {
    summary: String,
    statement: String,
    message: String,
}

impl Fields {
    fn set(&mut self, field: &Field, value: String) {
        match field.name() {
            "summary" => self.summary = value,
            "db.statement" => self.statement = value,
            "message" => self.message = value,
            _ => {}
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

/// Starts the capture. There is one per process, and no other test of it logs statements or reads plans.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(Capture).init());
}

/// Statements sent to SQLite since the last call.
pub fn statements() -> Vec<String> {
    let texts = std::mem::take(&mut *STATEMENTS.lock().expect("the statements"));
    texts.iter().flat_map(|text| split(text)).collect()
}

/// Plans received from PostgreSQL since the last call, as JSON.
pub fn plans() -> Vec<serde_json::Value> {
    let notices = std::mem::take(&mut *NOTICES.lock().expect("the notices"));
    let plans = notices.iter().filter_map(|notice| notice.split_once("plan:\n"));
    plans
        .map(|(_, plan)| serde_json::from_str(plan).expect("a plan"))
        .collect()
}

/// The statements of a text, which may contain several.
fn split(text: &str) -> Vec<String> {
    let (mut statements, mut is_quoted) = (vec![String::new()], false);
    for character in text.chars() {
        is_quoted ^= character == '\'';
        match statements.last_mut() {
            Some(last) if character != ';' || is_quoted => last.push(character),
            _ => statements.push(String::new()),
        }
    }
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

#[test]
fn a_text_of_several_statements_is_split() {
    assert_eq!(split("BEGIN; SELECT ';', 1;\n"), ["BEGIN", " SELECT ';', 1"]);
}
