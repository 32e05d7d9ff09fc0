//! Time zones by their names in the IANA database.

use std::fmt;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::spelling::edit_distance;

/// A zone of the IANA time zone database, as it is compiled into this program: `Europe/Berlin`, `UTC`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeZoneName(pub(super) Tz);

/// The text names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an IANA time zone; {advice}")]
pub struct InvalidTimeZone {
    /// What was given, cut to a readable length.
    pub given: String,
    /// Which zone may be meant, or how zones are named.
    pub advice: String,
}

impl TimeZoneName {
    /// Coordinated universal time, the zone of who names none.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads the name of a zone, in any case; it is kept in the database's own spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidTimeZone> {
        if let Ok(zone) = text.parse() {
            return Ok(Self(zone));
        }
        TZ_VARIANTS
            .into_iter()
            .find(|zone| zone.name().eq_ignore_ascii_case(text))
            .map(Self)
            .ok_or_else(|| {
                let given: String = text.chars().take(64).collect();
                let advice = match nearest(&given) {
                    Some(name) => format!("did you mean {name}?"),
                    None => "zones are named like Europe/Berlin, America/New_York or UTC".to_owned(),
                };
                InvalidTimeZone { given, advice }
            })
    }

    /// The zone's name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The zone's rules.
    pub(super) const fn rules(self) -> Tz {
        self.0
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

/// The zone whose name, or whose city alone, is spelled most like `given`.
fn nearest(given: &str) -> Option<&'static str> {
    let given = given.trim().replace(' ', "_").to_lowercase();
    let spelled = |name: &str| edit_distance(&given, &name.to_lowercase());
    let distance = |name: &str| {
        let city = name.rsplit('/').next().unwrap_or(name);
        spelled(name).min(spelled(city))
    };
    // A quarter of the letters may be wrong: beyond that a guess misleads more than it helps.
    let far = given.chars().count() / 4;
    TZ_VARIANTS
        .into_iter()
        .map(|zone| (distance(zone.name()), zone.name()))
        .filter(|&(steps, _)| steps <= far)
        .min_by_key(|&(steps, _)| steps)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::TimeZoneName;

    #[test]
    fn a_zone_is_read_in_any_case_and_kept_as_the_database_spells_it() {
        for text in ["Europe/Berlin", "europe/berlin", "EUROPE/BERLIN"] {
            assert_eq!(TimeZoneName::parse(text).expect("a zone").as_str(), "Europe/Berlin");
        }
        assert_eq!(TimeZoneName::parse("utc").expect("a zone"), TimeZoneName::UTC);
        assert_eq!(TimeZoneName::default().to_string(), "UTC");
    }

    #[test]
    fn what_is_no_zone_is_answered_with_the_one_that_may_be_meant() {
        for (text, advice) in [
            ("Europe/Berln", "did you mean Europe/Berlin?"),
            ("berlin", "did you mean Europe/Berlin?"),
            ("new york", "did you mean America/New_York?"),
            ("America/New York", "did you mean America/New_York?"),
            (
                "Mars/Olympus",
                "zones are named like Europe/Berlin, America/New_York or UTC",
            ),
            ("+02:00", "zones are named like Europe/Berlin, America/New_York or UTC"),
            ("", "zones are named like Europe/Berlin, America/New_York or UTC"),
        ] {
            let error = TimeZoneName::parse(text).expect_err("refused");
            assert_eq!(
                error.to_string(),
                format!("'{text}' is not an IANA time zone; {advice}")
            );
        }
    }
}
