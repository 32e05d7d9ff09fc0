//! `[database]`: the database and its durability.

use std::fmt;
use std::num::NonZeroU32;

use reqwest::Url;

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, between, quoted, text, word};
use crate::config::loader::value::Value;
use crate::domain::values::time_span::TimeSpan;
use crate::service::limits::expensive_reads::ReadLimits;
use crate::storage::sea::{Durability, SeaOptions};

/// `[database]`.
#[derive(Clone)]
pub(crate) struct DatabaseConfig {
    /// The database; printing it hides its password.
    pub url: DatabaseUrl,
    /// The options of its use.
    pub options: SeaOptions,
    /// The limits of expensive reads.
    pub expensive_reads: ReadLimits,
}

/// The two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// In this process, in one file.
    Sqlite,
    /// A server that several nodes may share.
    Postgres,
}

/// The URL of a database. Printing it hides the password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl {
    kind: DatabaseKind,
    text: String,
}

impl DatabaseConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let url = section.get("url", DatabaseUrl::default());
        let is_postgres = url.kind() == DatabaseKind::Postgres;
        let needs_postgres = |is_set: bool| {
            if is_set && !is_postgres {
                return Err("requires PostgreSQL, but database.url is a SQLite file".to_owned());
            }
            Ok(())
        };
        let default = SeaOptions::new(url.expose());
        let max_connections = section.get_if(
            "max_connections",
            NonZeroU32::MIN.saturating_add(7),
            between(NonZeroU32::MIN, NonZeroU32::MIN.saturating_add(999)),
        );
        // One connection writes, and at least as many serve cheap reads.
        let most = (max_connections.get().saturating_sub(1) / 2).max(1);
        let expensive_reads: u32 = section.get_if("max_expensive_reads", most.min(2), move |reads: &u32| {
            if (1..=most).contains(reads) {
                return Ok(());
            }
            Err(format!(
                "{reads} is out of range; allowed is 1 to {most}, half of database.max_connections without the one that writes"
            ))
        });
        let expensive_read_timeout = section
            .get_if(
                "expensive_read_timeout",
                TimeSpan::from_secs(10),
                between(TimeSpan::from_millis(100), TimeSpan::from_secs(3600)),
            )
            .to_std();
        let expensive_read_queue: u32 = section.get_if("expensive_read_queue", 32, between(0, 10_000));
        let options = SeaOptions {
            max_connections: max_connections.get(),
            expensive_reads,
            expensive_read_time: expensive_read_timeout,
            durability: section.get("durability", default.durability),
            pgbouncer: section.get_if("pgbouncer", false, |is_set: &bool| needs_postgres(*is_set)),
            listen_url: section
                .optional_if("listen_url", |listen: &DatabaseUrl| {
                    if listen.kind() == DatabaseKind::Sqlite {
                        return Err(
                            "is not a PostgreSQL URL; the form is postgres://user:password@host/database".to_owned(),
                        );
                    }
                    needs_postgres(true)
                })
                .map(|url| url.expose().to_owned()),
            ..default
        };
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            url,
            options,
            expensive_reads: ReadLimits {
                running_max: count(expensive_reads),
                waiting_max: count(expensive_read_queue),
                time: expensive_read_timeout,
            },
        }
    }

    /// The options of a node with this lease.
    pub(crate) fn options(&self, lease: TimeSpan) -> SeaOptions {
        let options = self.options.clone().with_lease(lease.to_std());
        match self.url.kind() {
            DatabaseKind::Sqlite => options,
            // Nodes with one shard count in the same rows and wait for each other.
            DatabaseKind::Postgres => SeaOptions {
                shard: rand::random_range(0..16),
                ..options
            },
        }
    }
}

impl Setting for Durability {
    fn read(value: &Value) -> Result<Self, Wrong> {
        word(value, &[("full", Self::Full), ("normal", Self::Normal)])
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Full => "full",
            Self::Normal => "normal",
        })
    }
}

impl DatabaseUrl {
    /// Parses `sqlite:FILE`, `sqlite::memory:` or `postgres://user:password@host/database`. The error does not repeat
    /// the text, which may contain a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let kind = match text.split_once(':') {
            Some(("sqlite", rest)) => {
                let file = rest.strip_prefix("//").unwrap_or(rest);
                if file.is_empty() || file.starts_with('?') {
                    return Err("needs a file after 'sqlite:', such as sqlite:tickerq.db".to_owned());
                }
                if text.contains('\0') {
                    return Err("must not contain a NUL character".to_owned());
                }
                DatabaseKind::Sqlite
            }
            Some(("postgres" | "postgresql", _)) => {
                let url = Url::parse(text).map_err(|error| {
                    format!(
                        "is not a PostgreSQL URL ({error}); the form is postgres://user:password@host:5432/database"
                    )
                })?;
                if url.cannot_be_a_base() {
                    return Err(
                        "is not a PostgreSQL URL; the form is postgres://user:password@host/database".to_owned(),
                    );
                }
                DatabaseKind::Postgres
            }
            Some(_) | None => {
                return Err(
                    "is not a database URL; the form is sqlite:FILE or postgres://user:password@host/database"
                        .to_owned(),
                );
            }
        };
        Ok(Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// The type of the database.
    pub(crate) fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// `true` if it has a password.
    pub(crate) fn has_password(&self) -> bool {
        self.to_string() != self.text
    }

    /// The complete URL with its password.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self {
            kind: DatabaseKind::Sqlite,
            text: "sqlite:tickerq.db".to_owned(),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DatabaseKind::Sqlite => f.write_str(&self.text),
            DatabaseKind::Postgres => f.write_str(&hide_passwords(&self.text)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL with `***` in place of its passwords: the one before the host and one in the query.
fn hide_passwords(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return "***".to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "***".to_owned();
    }
    let is_password = |name: &str| name.to_ascii_lowercase().contains("password");
    if url.query_pairs().any(|(name, _)| is_password(&name)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if is_password(&name) {
                    "***".to_owned()
                } else {
                    value.into_owned()
                };
                (name.into_owned(), value)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

impl Setting for DatabaseUrl {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.as_text() {
            Some(_) => Self::parse(text(value)?).map_err(Wrong::new),
            None => Err(Wrong::new(format!(
                "{} is not a text; write it in quotes",
                value.kind()
            ))),
        }
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let displayed = |text: &str| DatabaseUrl::parse(text).unwrap().to_string();
        assert_eq!(displayed("sqlite:jobs.db?mode=rwc"), "sqlite:jobs.db?mode=rwc");
        assert_eq!(
            displayed("postgres://ann:s3cret@db:5432/jobs?sslmode=require"),
            "postgres://ann:***@db:5432/jobs?sslmode=require"
        );
        assert_eq!(
            displayed("postgresql:///jobs?host=/run&password=s3cret"),
            "postgresql:///jobs?host=%2Frun&password=***"
        );
        assert!(!format!("{:?}", DatabaseUrl::parse("postgres://ann:s3cret@db/jobs").unwrap()).contains("s3cret"));
    }

    #[test]
    fn an_invalid_url_is_rejected_without_repeating_it() {
        for text in [
            "",
            "jobs.db",
            "mysql://ann:s3cret@db/jobs",
            "sqlite:",
            "sqlite://",
            "postgres:s3cret",
            "postgres://ann:s3cret@:x/",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
