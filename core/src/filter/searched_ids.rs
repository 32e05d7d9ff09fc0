//! Searches for a job by its id.

use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::values::id::JobId;

/// Minimum number of digits of an id in a search.
const ID_DIGITS_MIN: usize = 8;
/// The first eight digits of ids of 2020 and of 2100. A date or a number in a name does not look like those between.
const ID_STARTS: RangeInclusive<u128> = 0x016f_5e66..=0x03bb_2cc3;

/// The range of the job ids that start with this text; `None` if none can.
pub fn ids_starting_with(text: &str) -> Option<RangeInclusive<JobId>> {
    let has_hyphens = text.contains('-');
    let (mut first, mut digits) = (0_u128, 0_usize);
    for (place, letter) in text.chars().enumerate() {
        if has_hyphens && matches!(place, 8 | 13 | 18 | 23) {
            if letter != '-' {
                return None;
            }
            continue;
        }
        first = first.checked_shl(4)? | u128::from(letter.to_digit(16)?);
        digits += 1;
        let is_wrong = match digits {
            8 => !ID_STARTS.contains(&first),
            13 => first & 0xf != 7,
            _ => digits > 32,
        };
        if is_wrong {
            return None;
        }
    }
    if digits < ID_DIGITS_MIN {
        return None;
    }
    let missing = u32::try_from(32 - digits).ok()? * 4;
    let rest = u128::MAX.checked_shr(128 - missing).unwrap_or_default();
    let first = first << missing;
    let id = |number: u128| JobId::from_uuid(Uuid::from_u128(number));
    Some(id(first)..=id(first | rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> JobId {
        JobId::parse(text).expect("an id")
    }

    #[test]
    fn an_id_or_its_start_is_a_range_of_ids() {
        let job = id("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55");
        let whole = "01963B5E-7d3a-7c1e-9f43-0d2f6b1a9c55";
        assert_eq!(ids_starting_with(whole), Some(job..=job));
        assert_eq!(ids_starting_with("01963b5e7d3a7c1e9f430d2f6b1a9c55"), Some(job..=job));
        let expected = id("01963b5e-7d00-0000-0000-000000000000")..=id("01963b5e-7dff-ffff-ffff-ffffffffffff");
        assert_eq!(ids_starting_with("01963b5e-7d"), Some(expected.clone()));
        assert_eq!(ids_starting_with("01963b5e7d"), Some(expected));
        let eight = id("01963b5e-0000-0000-0000-000000000000")..=id("01963b5e-ffff-ffff-ffff-ffffffffffff");
        assert_eq!(ids_starting_with("01963b5e"), Some(eight.clone()));
        assert_eq!(ids_starting_with("01963b5e-"), Some(eight));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "01963b5",
            "20240115",
            "deadbeef",
            "00000000",
            "01963b5e-7d3a-4c1e-9f43-0d2f6b1a9c55",
            "01963b5e7d3a4c1e",
            "01963b5e-7d3a7c1e",
            "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55a",
            "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55-",
            "order 01963b5e",
            "01963b5é",
        ] {
            assert_eq!(ids_starting_with(text), None, "{text}");
        }
    }
}
