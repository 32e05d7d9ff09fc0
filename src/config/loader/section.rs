//! Reads one table of the configuration key by key, and collects all errors instead of stopping at the first.

use super::render::RenderedLine;
use super::source::{ConfigError, Source};
use super::suggestion;
use super::typed_value::{Check, Setting, Wrong};
use super::value::{Entry, Table, Value};

/// Results of reading the sections.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<ConfigError>,
    pub(crate) rendered: Vec<RenderedLine>,
}

/// A table that is being read. Each known key is requested once; [`Section::finish`] reports the others.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    path: String,
    source: Source,
    table: Option<&'a Table>,
    allowed: Vec<&'static str>,
    findings: &'a mut Findings,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(crate) fn root(table: &'a Table, findings: &'a mut Findings) -> Self {
        Self {
            path: String::new(),
            source: Source::Default,
            table: Some(table),
            allowed: Vec::new(),
            findings,
        }
    }

    /// The table of `entry`; an empty one if there is none. `header` is its form in messages, `[server]`.
    pub(crate) fn open<'b>(&'b mut self, path: String, header: String, entry: Option<&'b Entry>) -> Section<'b> {
        let table = match entry.map(|entry| entry.value.typed()) {
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                if let Some(entry) = entry {
                    let message = format!("{} is not allowed here; a table with settings is", other.describe());
                    self.findings
                        .errors
                        .push(ConfigError::at(&entry.source, &path, message));
                }
                None
            }
            None => None,
        };
        self.findings.rendered.push(RenderedLine::Header(header));
        Section {
            path,
            source: entry.map_or(Source::Default, |entry| entry.source.clone()),
            table,
            allowed: Vec::new(),
            findings: self.findings,
        }
    }

    /// The table of `key`; an empty one if there is none.
    pub(crate) fn child<'b>(&'b mut self, key: &'static str) -> Section<'b>
    where
        'a: 'b,
    {
        let entry = self.entry(key);
        let path = self.path_of(key);
        let header = format!("[{path}]");
        self.open(path, header, entry)
    }

    /// The value of `key`, unparsed.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.allowed.contains(&key) {
            self.allowed.push(key);
        }
        self.table.and_then(|table| table.get(key))
    }

    /// The tables of a list of tables: `[[header]]`.
    pub(crate) fn tables(&mut self, key: &'static str, header: &str) -> &'a [Entry] {
        match self.entry(key).map(|entry| (entry, entry.value.typed())) {
            None => &[],
            Some((_, Value::Array(items))) => items,
            Some((entry, other)) => {
                let message = format!(
                    "{} is not allowed; write [[{header}]] once for each {}",
                    other.describe(),
                    singular(header)
                );
                self.error(&entry.source, key, message);
                &[]
            }
        }
    }

    /// All members, for tables with free keys.
    pub(crate) fn members(&self) -> &'a [(String, Entry)] {
        self.table.map_or(&[], |table| table.members.as_slice())
    }

    /// The source of the table.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The path of this table: `server`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a key of this table: `server.listen`.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Adds an error in the value of `key`.
    pub(crate) fn error(&mut self, source: &Source, key: &str, message: impl std::fmt::Display) {
        let path = self.path_of(key);
        self.findings.errors.push(ConfigError::at(source, &path, message));
    }

    /// Adds a warning that the value of `key` is ignored.
    pub(crate) fn warn(&mut self, key: &'static str, message: impl std::fmt::Display) {
        let source = self.entry(key).map_or(&self.source, |entry| &entry.source);
        let warning = ConfigError::at(&source.clone(), &self.path_of(key), message);
        self.findings.warnings.push(warning);
    }

    /// The value of `key`, or its default.
    pub(crate) fn get<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        self.get_if(key, default, |_: &T| Ok(()))
    }

    /// The value of `key` if `check` accepts it, or its default.
    pub(crate) fn get_if<T: Setting>(&mut self, key: &'static str, default: T, check: impl Check<T>) -> T {
        if let Some(value) = self.optional_if(key, check) {
            return value;
        }
        if self.table.is_none_or(|table| table.get(key).is_none()) {
            self.show(key, default.show(), Source::Default);
        }
        default
    }

    /// The value of `key`, if it is set and valid.
    pub(crate) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.optional_if(key, |_: &T| Ok(()))
    }

    /// The value of `key`, if it is set and valid and `check` accepts it.
    pub(crate) fn optional_if<T: Setting>(&mut self, key: &'static str, check: impl Check<T>) -> Option<T> {
        let entry = self.entry(key)?;
        let read = T::read(&entry.value)
            .map_err(|wrong| Wrong {
                range: check.range().or(wrong.range),
                ..wrong
            })
            .and_then(|value| check.check(&value).map(|()| value).map_err(Wrong::new));
        match read {
            Ok(value) => {
                self.show(key, value.show(), entry.source.clone());
                Some(value)
            }
            Err(Wrong { item, message, range }) => {
                let message = match range {
                    Some(range) => format!("{message}; allowed is {range}"),
                    None => message,
                };
                match item {
                    Some((index, source)) => self.error(&source, &format!("{key}[{index}]"), message),
                    None => self.error(&entry.source, key, message),
                }
                None
            }
        }
    }

    /// The value of `key`, which is required.
    pub(crate) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.required_if(key, |_: &T| Ok(()))
    }

    /// The value of `key`, which is required, if `check` accepts it.
    pub(crate) fn required_if<T: Setting>(&mut self, key: &'static str, check: impl Check<T>) -> Option<T> {
        // A table of the wrong type has an error already.
        if self.entry(key).is_none() && self.table.is_some() {
            let source = self.source.clone();
            self.error(&source, key, "is required");
            return None;
        }
        self.optional_if(key, check)
    }

    /// A line of `config show`.
    pub(crate) fn show(&mut self, key: &str, value: String, source: Source) {
        self.findings.rendered.push(RenderedLine::Setting {
            path: self.path_of(key),
            key: key.to_owned(),
            value,
            source,
        });
    }

    /// The path of the setting `key` of a section, for a key above the first table.
    fn elsewhere(&self, key: &str) -> Option<&str> {
        let is_root = self.path.is_empty();
        self.findings
            .rendered
            .iter()
            .filter(|_| is_root)
            .find_map(|line| match line {
                RenderedLine::Setting { key: name, path, .. } if name == key && path.matches('.').count() == 1 => {
                    Some(&**path)
                }
                RenderedLine::Setting { .. } | RenderedLine::Header(_) => None,
            })
    }

    /// Reports every key that was not requested.
    pub(crate) fn finish(mut self) {
        for (key, entry) in self.members() {
            let known = self.allowed.contains(&key.as_str());
            if !known {
                let message = match self.elsewhere(key) {
                    Some(path) => format!("unknown setting; did you mean {path}?"),
                    None => suggestion::unknown_key(key, &self.allowed),
                };
                self.error(&entry.source, key, message);
            }
        }
    }
}

/// The noun for one table of a list: `key` for `api.keys`.
fn singular(header: &str) -> &str {
    let name = header.rsplit('.').next().unwrap_or(header);
    name.strip_suffix('s').unwrap_or("entry")
}
