//! Names that people give: of a queue, a job type, a job, and the key that makes a job unique.
//!
//! Each is a type of its own that only `parse` makes, so that whoever holds one needs no second check.

use std::fmt;
use std::sync::Arc;

/// A name that breaks a rule: which one, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given.
    #[error("{what} must not be empty")]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// More characters than allowed.
    #[error("{what} has {length} characters; at most {max} are allowed")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// How many it has.
        length: usize,
        /// How many it may have.
        max: usize,
    },
    /// Nothing but dots, which a path does not keep.
    #[error("{what} must not consist of dots alone")]
    Dots {
        /// Which kind of name.
        what: &'static str,
    },
    /// A character that this kind of name may not hold.
    #[error("{what} contains {}; allowed are {allowed}", shown(*character))]
    Character {
        /// Which kind of name.
        what: &'static str,
        /// The first character that is not allowed.
        character: char,
        /// What is allowed, in words.
        allowed: &'static str,
    },
}

/// A character in quotes, escaped if it would not be seen.
fn shown(character: char) -> String {
    if character.is_control() || is_name_character(character) {
        format!("{character:?}")
    } else {
        format!("'{}'", character.escape_unicode())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal, $allowed:literal, $is_allowed:expr) => {
        name!($(#[$doc])* $type, $what, $max, $allowed, $is_allowed, |_| Ok(()));
    };
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal, $allowed:literal, $is_allowed:expr, $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The greatest length, in characters.
            pub const LENGTH_MAX: usize = $max;

            /// Checks `text` and makes it a name.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let rule: fn(&str) -> Result<(), InvalidName> = $rule;
                check(text, $what, $max, $allowed, $is_allowed)?;
                rule(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// A name that was checked before it was stored.
            pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Whether a character of free text stays in its place when it is shown: not a control character, no line or paragraph
/// separator, and none that changes the direction of the text around it (Unicode's `Bidi_Control`), by which a name can
/// pretend to be another one.
pub fn is_printable(character: char) -> bool {
    let is_separator = matches!(character, '\u{2028}' | '\u{2029}');
    let is_direction = matches!(
        character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    !(character.is_control() || is_separator || is_direction)
}

/// Whether a name may hold a character: it is printable, and not one that two names can differ in while they look the same
/// (Unicode's format characters but the joiners, which scripts and emoji need, and the blank letters of Hangul).
pub fn is_name_character(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E007F}'
    );
    is_printable(character) && !is_invisible
}

fn check(
    text: &str,
    what: &'static str,
    max: usize,
    allowed: &'static str,
    is_allowed: fn(char) -> bool,
) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if let Some(character) = text.chars().find(|&character| !is_allowed(character)) {
        return Err(InvalidName::Character {
            what,
            character,
            allowed,
        });
    }
    let length = text.chars().count();
    if length > max {
        return Err(InvalidName::TooLong { what, length, max });
    }
    Ok(())
}

name!(
    /// The name of a queue. It stands in paths (`/queues/{name}/pause`), so it has only characters that need no care.
    QueueName,
    "a queue's name",
    100,
    "letters, digits, '-', '_', '.' and ':'",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'),
    // Clients take `.` and `..` out of a path before they send it.
    |text| if text.trim_matches('.').is_empty() {
        Err(InvalidName::Dots { what: "a queue's name" })
    } else {
        Ok(())
    }
);

name!(
    /// The name that says which handler runs a job: `EmailNotificationJob`. A class's name in any language will do,
    /// with its namespace and .NET's back-tick for generics.
    JobType,
    "a job type",
    200,
    "letters, digits and - _ . : + / ` < > [ ] ,",
    |c| c.is_alphanumeric() && is_name_character(c) || matches!(c, '-' | '_' | '.' | ':' | '+' | '/' | '`' | '<' | '>' | '[' | ']' | ',')
);

name!(
    /// The display name of a job: free text, see [`is_name_character`].
    JobName,
    "a name",
    200,
    "all characters but control, line separator, text direction and invisible characters",
    is_name_character
);

name!(
    /// The key that at most one unfinished job may have.
    UniqueKey,
    "a unique key",
    200,
    "all characters but control, line separator, text direction and invisible characters",
    is_name_character
);

name!(
    /// The key of a recurring job, chosen by the deployment. It stands in paths, which drop `.` and `..`.
    RecurringKey,
    "a key",
    200,
    "all characters but control, line separator, text direction and invisible characters",
    is_name_character,
    |text| if text == "." || text == ".." {
        Err(InvalidName::Dots { what: "a key" })
    } else {
        Ok(())
    }
);

impl QueueName {
    /// The queue of a job that names none.
    pub const DEFAULT: &'static str = "default";
}

impl Default for QueueName {
    fn default() -> Self {
        Self::from_stored(Self::DEFAULT)
    }
}

impl From<&JobType> for JobName {
    /// A job without a name is called after its type; whatever is allowed in a type is allowed in a name.
    fn from(job_type: &JobType) -> Self {
        Self(Arc::clone(&job_type.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_wrong_with_it_and_what_is_allowed() {
        assert_eq!(
            QueueName::parse("").unwrap_err().to_string(),
            "a queue's name must not be empty"
        );
        assert_eq!(
            QueueName::parse("a b").unwrap_err().to_string(),
            "a queue's name contains ' '; allowed are letters, digits, '-', '_', '.' and ':'"
        );
        assert_eq!(
            QueueName::parse("..").unwrap_err().to_string(),
            "a queue's name must not consist of dots alone"
        );
        assert_eq!(
            RecurringKey::parse("..").unwrap_err().to_string(),
            "a key must not consist of dots alone"
        );
        assert!(RecurringKey::parse("billing/nightly report").is_ok());
        assert_eq!(
            UniqueKey::parse("a\u{3164}").unwrap_err().to_string(),
            "a unique key contains '\\u{3164}'; allowed are all characters but control, line separator, text direction and \
             invisible characters"
        );
        assert!(QueueName::parse(".a").is_ok());
        assert_eq!(
            JobType::parse(&"x".repeat(201)).unwrap_err().to_string(),
            "a job type has 201 characters; at most 200 are allowed"
        );
        assert!(JobName::parse("Rechnung № 7 für Müller").is_ok());
        assert!(JobName::parse("a\0b").is_err());
        for character in [
            '\u{2028}',
            '\u{2029}',
            '\u{061C}',
            '\u{200F}',
            '\u{202E}',
            '\u{2067}',
            '\u{85}',
            '\u{AD}',
            '\u{200B}',
            '\u{2060}',
            '\u{3164}',
            '\u{FEFF}',
            '\u{FFFB}',
            '\u{E0041}',
        ] {
            let text = format!("a{character}b");
            assert!(JobName::parse(&text).is_err(), "{character:?}");
            assert!(UniqueKey::parse(&text).is_err(), "{character:?}");
            assert!(RecurringKey::parse(&text).is_err(), "{character:?}");
            assert!(JobType::parse(&text).is_err(), "{character:?}");
            assert!(QueueName::parse(&text).is_err(), "{character:?}");
        }
        // The joiner in a family, and the one that Persian is written with.
        assert!(JobName::parse("👨\u{200D}👩\u{200D}👧 می\u{200C}خواهم").is_ok());
        assert!(JobName::parse("חשבונית").is_ok());
        assert!(JobType::parse("Foo`1").is_ok());
    }
}
