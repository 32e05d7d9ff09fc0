//! Arrays of bodies, read element by element.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Maximum number of elements of an array. It exceeds the limit of any server, and bounds the memory for a body of many
/// tiny elements.
const ITEMS_MAX: usize = 100_000;

/// Elements of an array, each as its text.
pub(crate) struct Items<'a>(pub Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;

        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = elements.next_element()? {
                    if items.len() == ITEMS_MAX {
                        return Err(de::Error::custom(format!(
                            "the array has more than {ITEMS_MAX} elements"
                        )));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(ItemsVisitor).map(Items)
    }
}
