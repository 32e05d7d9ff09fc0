//! Checks UTF-8 that comes in parts.

/// The end of what has come, if it is a character's beginning.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    unfinished: Vec<u8>,
}

impl Utf8 {
    /// Takes a part. Gives whether all that has come can still become UTF-8.
    pub(super) fn push(&mut self, part: &[u8]) -> bool {
        let mut bytes = std::mem::take(&mut self.unfinished);
        bytes.extend_from_slice(part);
        match std::str::from_utf8(&bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                self.unfinished = bytes.split_off(error.valid_up_to());
                true
            }
        }
    }

    /// Ends a text, so that another can begin. Gives whether no character is unfinished.
    pub(super) fn finish(&mut self) -> bool {
        std::mem::take(&mut self.unfinished).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_utf8_if_and_only_if_the_whole_is(
            bytes in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..20),
                ("\\PC{1,5}", 1_usize..4).prop_map(|(text, cut)| {
                    let bytes = text.into_bytes();
                    bytes[..bytes.len().saturating_sub(cut)].to_vec()
                }),
            ],
            size in 1_usize..4,
        ) {
            let mut utf8 = Utf8::default();
            let is_valid = bytes.chunks(size).all(|part| utf8.push(part)) && utf8.finish();
            prop_assert_eq!(is_valid, std::str::from_utf8(&bytes).is_ok());
        }
    }
}
