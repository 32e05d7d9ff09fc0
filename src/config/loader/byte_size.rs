//! Sizes in bytes: `4MiB`, or a number.

use std::fmt;

use super::typed_value::{Setting, Wrong, quoted};
use super::value::Value;

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(u64);

impl ByteSize {
    pub(crate) const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(crate) const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    pub(crate) const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes in memory, saturated at the address space of the machine.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let unit = unit.trim_start();
        let factor = if unit.is_empty() {
            1
        } else {
            UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1
        };
        number.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS
            .iter()
            .take(3)
            .find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match binary {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Setting for ByteSize {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let parsed = match value {
            Value::Integer(Ok(number)) => u64::try_from(*number).ok().map(Self),
            Value::String(text) | Value::Text { text, .. } => Self::parse(text),
            Value::Integer(Err(_))
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        };
        parsed.ok_or_else(|| {
            Wrong::new(format!(
                "{} is not a size; write bytes, or a text such as \"512KiB\", \"4MiB\" or \"1GB\"",
                value.describe()
            ))
        })
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn sizes_are_read_and_shown_in_the_largest_unit_that_is_exact() {
        let displayed = |text| ByteSize::parse(text).map(|size| size.to_string());
        assert_eq!(displayed("4MiB").as_deref(), Some("4MiB"));
        assert_eq!(displayed("4096 kib").as_deref(), Some("4MiB"));
        assert_eq!(displayed("1MB").as_deref(), Some("1000000B"));
        assert_eq!(displayed("0").as_deref(), Some("0B"));
        for text in ["", "-1", "MiB", "4 XB", "1.5MiB", "99999999999GiB", "4MiBä", "ä"] {
            assert_eq!(displayed(text), None, "{text} was accepted");
        }
    }
}
