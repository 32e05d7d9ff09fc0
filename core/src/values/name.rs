//! Names of queues, job types and jobs, and unique keys.
//!
//! Each is a type of its own that only `parse` creates, so that its values need no further checks.

use std::fmt;
use std::sync::Arc;

/// The name is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The name is empty.
    #[error("{what} must not be empty")]
    Empty {
        /// Kind of name.
        what: &'static str,
    },
    /// Too many characters.
    #[error("{what} has {length} characters; at most {max} are allowed")]
    TooLong {
        /// Kind of name.
        what: &'static str,
        /// Length, in characters.
        length: usize,
        /// Maximum length, in characters.
        max: usize,
    },
    /// Only dots, which are not preserved in a path.
    #[error("{what} must not consist of dots alone")]
    Dots {
        /// Kind of name.
        what: &'static str,
    },
    /// A character that this kind of name may not contain.
    #[error("{what} contains {}; {allowed}", quoted(*character))]
    Character {
        /// Kind of name.
        what: &'static str,
        /// The first character that is not allowed.
        character: char,
        /// Description of the characters that are allowed, or not.
        allowed: &'static str,
    },
}

/// A character in quotes, escaped unless it is visible.
fn quoted(character: char) -> String {
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
            /// Maximum length, in characters.
            pub const LENGTH_MAX: usize = $max;

            /// Parses a name.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let rule: fn(&str) -> Result<(), InvalidName> = $rule;
                check(text, $what, $max, $allowed, $is_allowed)?;
                rule(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// A name from storage, which was validated before.
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

/// True for characters that do not affect the text around them: no control character, no line or paragraph separator,
/// and none that changes the text direction (Unicode's `Bidi_Control`), by which one name could imitate another.
pub fn is_printable(character: char) -> bool {
    let is_separator = matches!(character, '\u{2028}' | '\u{2029}');
    let is_direction = matches!(
        character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    !(character.is_control() || is_separator || is_direction)
}

/// True for characters that a name may contain: printable, and not invisible, so that two different names never look
/// the same. Excluded are all of Unicode's `Default_Ignorable_Code_Point` (including joiners and variation selectors,
/// so that an emoji has one notation), other invisible format characters, blank characters, and all spaces but U+0020.
pub fn is_name_character(character: char) -> bool {
    let is_space = character.is_whitespace() && character != ' ';
    is_printable(character) && !(is_space || is_ignorable(character) || is_blank(character))
}

/// Unicode's `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt, the same in versions 14 to 16).
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Invisible characters that are neither ignorable nor spaces: annotation marks, the placeholder of objects, the format
/// controls and blanks of Egyptian hieroglyphs, the blank pattern of Braille, the filler of Khitan, the empty note head.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{2800}' | '\u{FFF9}'..='\u{FFFC}' | '\u{13430}'..='\u{1343F}' | '\u{13441}'..='\u{13442}' | '\u{16FE4}' | '\u{1D159}'
    )
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
    /// The name of a queue. It is part of paths (`/queues/{name}/pause`), so it has only characters that need no
    /// escaping.
    QueueName,
    "a queue's name",
    100,
    "allowed are letters, digits, '-', '_', '.' and ':'",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'),
    // Clients remove `.` and `..` from a path before they send it.
    |text| if text.trim_matches('.').is_empty() {
        Err(InvalidName::Dots { what: "a queue's name" })
    } else {
        Ok(())
    }
);

name!(
    /// The type of a job, which selects its handler: `EmailNotificationJob`. A class name of any language is allowed,
    /// with its namespace and .NET's back-tick for generics.
    JobType,
    "a job type",
    200,
    "allowed are letters, digits and - _ . : + / ` < > [ ] ,",
    |c| c.is_alphanumeric() && is_name_character(c) || matches!(c, '-' | '_' | '.' | ':' | '+' | '/' | '`' | '<' | '>' | '[' | ']' | ',')
);

name!(
    /// The display name of a job: free text, see [`is_name_character`].
    JobName,
    "a name",
    200,
    "control, line separator, text direction, invisible and blank characters, and spaces other than U+0020, are not allowed",
    is_name_character
);

name!(
    /// A key that is unique among unfinished jobs.
    UniqueKey,
    "a unique key",
    200,
    "control, line separator, text direction, invisible and blank characters, and spaces other than U+0020, are not allowed",
    is_name_character
);

name!(
    /// A tag of a job: free text by which jobs are found.
    Tag,
    "a tag",
    64,
    "control, line separator, text direction, invisible and blank characters, and spaces other than U+0020, are not allowed",
    is_name_character
);

name!(
    /// The key of a recurring job, chosen by the deployment. It is part of paths, where `.` and `..` are removed.
    RecurringKey,
    "a key",
    200,
    "control, line separator, text direction, invisible and blank characters, and spaces other than U+0020, are not allowed",
    is_name_character,
    |text| if text == "." || text == ".." {
        Err(InvalidName::Dots { what: "a key" })
    } else {
        Ok(())
    }
);

impl QueueName {
    /// The default queue.
    pub const DEFAULT: &'static str = "default";
}

impl Default for QueueName {
    fn default() -> Self {
        Self::from_stored(Self::DEFAULT)
    }
}

impl From<&JobType> for JobName {
    /// The default name of a job is its type, whose characters are all allowed in a name.
    fn from(job_type: &JobType) -> Self {
        Self(Arc::clone(&job_type.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_name_is_rejected_with_the_allowed_characters() {
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
            "a unique key contains '\\u{3164}'; control, line separator, text direction, invisible and blank characters, \
             and spaces other than U+0020, are not allowed"
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
            '\u{FFFC}',
            '\u{E0041}',
        ] {
            let text = format!("a{character}b");
            assert!(JobName::parse(&text).is_err(), "{character:?}");
            assert!(UniqueKey::parse(&text).is_err(), "{character:?}");
            assert!(RecurringKey::parse(&text).is_err(), "{character:?}");
            assert!(JobType::parse(&text).is_err(), "{character:?}");
            assert!(QueueName::parse(&text).is_err(), "{character:?}");
        }
        assert!(JobName::parse("👨👩👧 می خواهم 日本語 кириллица é e\u{301}").is_ok());
        assert!(JobName::parse("חשבונית").is_ok());
        assert!(JobType::parse("Foo`1").is_ok());
    }

    #[test]
    fn no_name_contains_an_invisible_character() {
        let ranges: [(u32, u32); 27] = [
            (0xAD, 0xAD),
            (0xA0, 0xA0),
            (0x34F, 0x34F),
            (0x61C, 0x61C),
            (0x115F, 0x1160),
            (0x1680, 0x1680),
            (0x17B4, 0x17B5),
            (0x180B, 0x180F),
            (0x2000, 0x200F),
            (0x2028, 0x202F),
            (0x205F, 0x206F),
            (0x2800, 0x2800),
            (0x3000, 0x3000),
            (0x3164, 0x3164),
            (0xFE00, 0xFE0F),
            (0xFEFF, 0xFEFF),
            (0xFFA0, 0xFFA0),
            (0xFFF0, 0xFFFC),
            (0x13430, 0x1343F),
            (0x13441, 0x13442),
            (0x16FE4, 0x16FE4),
            (0x1BCA0, 0x1BCA3),
            (0x1D159, 0x1D159),
            (0x1D173, 0x1D17A),
            (0xE0000, 0xE0FFF),
            (0x0, 0x1F),
            (0x7F, 0x9F),
        ];
        for character in ranges
            .into_iter()
            .flat_map(|(from, to)| from..=to)
            .filter_map(char::from_u32)
        {
            let text = format!("a{character}b");
            assert!(JobName::parse(&text).is_err(), "{character:?}");
            assert!(UniqueKey::parse(&text).is_err(), "{character:?}");
            assert!(RecurringKey::parse(&text).is_err(), "{character:?}");
            assert!(JobType::parse(&text).is_err(), "{character:?}");
        }
        let is_in = |character: char| {
            ranges
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&u32::from(character)))
        };
        for character in ('\0'..='\u{10FFFF}').filter(|character| !is_in(*character)) {
            assert!(is_name_character(character), "{character:?}");
        }
    }
}
