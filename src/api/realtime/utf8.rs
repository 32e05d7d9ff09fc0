//! Validates UTF-8 in chunks.

/// The incomplete character at the end of the last chunk.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    unfinished: Vec<u8>,
}

impl Utf8 {
    /// Validates a chunk. False if the text can't be UTF-8 anymore.
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

    /// Ends a text and resets the state. False if a character is incomplete.
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
        fn chunks_are_valid_if_and_only_if_the_text_is(
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
