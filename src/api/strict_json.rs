//! JSON of callers, parsed as in JSON Schema: objects are objects, and numbers without a fraction are integers in any
//! notation.
//!
//! serde's derived structures also accept an array with the fields in their order, and its integers reject `3.0`.
//! [`Strict`] wraps a deserializer and everything nested in it, so that types need no attributes.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Prefix of the names of serde_json's own types, which are not wrapped.
const PRIVATE: &str = "$serde_json::private::";

/// Parses a JSON text.
pub(crate) fn from_slice<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Strict(&mut json))?;
    json.end()?;
    Ok(value)
}

/// Parses a JSON text.
pub(crate) fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Strict(&mut json))?;
    json.end()?;
    Ok(value)
}

/// The integer of a number; `None` if it has a fraction, or is too large to be exact.
pub(crate) fn integer(number: f64) -> Option<i64> {
    // 2^53: beyond it, neighbouring integers share one `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is within 2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// A deserializer of JSON, or another part of the deserialization.
pub(crate) struct Strict<T>(pub T);

/// A visitor that accepts numbers without a fraction as integers, with a description of its range.
struct Integer<V>(V, &'static str);

/// A visitor that describes its expectation in terms of JSON: derived ones name the Rust type.
struct Named<V>(V, &'static str);

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Strict(visitor))
        }
    )*};
}

macro_rules! named {
    ($($method:ident($expected:literal))*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            // A type that describes its expectation itself keeps its description.
            self.0.$method(Named(Strict(visitor), $expected))
        }
    )*};
}

macro_rules! integers {
    ($($method:ident($expected:literal))*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_any(Integer(visitor, $expected))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier deserialize_ignored_any
    }

    named! {
        deserialize_f32("a number") deserialize_f64("a number")
    }

    integers! {
        deserialize_i8("an integer from -128 to 127")
        deserialize_i16("an integer from -32768 to 32767")
        deserialize_i32("an integer from -2147483648 to 2147483647")
        deserialize_i64("an integer of 64 bits")
        deserialize_i128("an integer of 128 bits")
        deserialize_u8("an integer from 0 to 255")
        deserialize_u16("an integer from 0 to 65535")
        deserialize_u32("an integer from 0 to 4294967295")
        deserialize_u64("an integer from 0, of 64 bits")
        deserialize_u128("an integer from 0, of 128 bits")
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Strict(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if name.starts_with(PRIVATE) {
            return self.0.deserialize_newtype_struct(name, visitor);
        }
        self.0.deserialize_newtype_struct(name, Strict(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, Strict(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, length, Strict(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name.starts_with(PRIVATE) {
            return self.0.deserialize_struct(name, fields, visitor);
        }
        // A map accepts only an object.
        self.0.deserialize_map(Named(Strict(visitor), "an object"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_enum(name, variants, Named(Strict(visitor), "the name of a variant"))
    }
}

/// Writes a type's own description of its expectation, or the type of JSON if the description is a Rust name.
fn write_expected<'de>(visitor: &impl Visitor<'de>, json: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let expected: &dyn Expected = visitor;
    let own = expected.to_string();
    let is_kind = |kind: &str| own.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' '));
    let is_rust = ["struct", "enum", "tuple", "unit", "variant"].into_iter().any(is_kind) || is_number(&own);
    f.write_str(if is_rust { json } else { &own })
}

/// True if it is the name of a number's Rust type.
fn is_number(name: &str) -> bool {
    let (kind, size) = name.split_at_checked(1).unwrap_or_default();
    ["i", "u", "f"].contains(&kind) && (size == "size" || size.parse::<u8>().is_ok())
}

/// The error of a number's visitor in terms of JSON: it names the Rust type itself.
fn renamed<E: Error>(error: E, json: &str) -> E {
    let text = error.to_string();
    match text.rsplit_once("expected ") {
        Some((before, name)) if is_number(name) => E::custom(format_args!("{before}expected {json}")),
        Some(_) | None => error,
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )*};
}

macro_rules! visit_numbers {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value).map_err(|error| renamed(error, self.1))
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_borrowed_str(&'de str)
        visit_string(String) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Strict(variant))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Named<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_expected(&self.0, self.1, f)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(members)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(variant)
    }

    visit! {
        visit_i64(i64) visit_u64(u64) visit_f64(f64)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Integer<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_expected(&self.0, self.1, f)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        match integer(number) {
            None => self.0.visit_f64(number).map_err(|error| renamed(error, self.1)),
            Some(integer) => match u64::try_from(integer) {
                Ok(natural) => self.visit_u64(natural),
                Err(_) => self.visit_i64(integer),
            },
        }
    }

    visit_numbers! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit().map_err(|error| renamed(error, self.1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0
            .visit_seq(Strict(elements))
            .map_err(|error| renamed(error, self.1))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0
            .visit_map(Strict(members))
            .map_err(|error| renamed(error, self.1))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        // Names are text and need no wrapper.
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.0.variant_seed(seed)?;
        Ok((name, Strict(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Strict(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Strict(visitor))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Map, Value};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Policy {
        max_retries: Option<u32>,
        offset: Option<i64>,
    }

    #[derive(Debug, Deserialize)]
    struct Outer<'a> {
        policy: Option<Policy>,
        policies: Option<Vec<Policy>>,
        #[serde(borrow)]
        raw: Option<&'a RawValue>,
        any: Option<Map<String, Value>>,
        ratio: Option<f64>,
        flag: Option<bool>,
    }

    fn outer(text: &str) -> Result<Outer<'_>, String> {
        from_str(text).map_err(|error| error.to_string())
    }

    fn policy(text: &str) -> Result<Policy, String> {
        from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_is_not_an_object_at_any_depth() {
        for text in [
            r#"[null]"#,
            r#"{"policy": [7, 0]}"#,
            r#"{"policy": []}"#,
            r#"{"policies": [[7, 0]]}"#,
            r#"{"policies": [{"maxRetries": 1}, [7, 0]]}"#,
        ] {
            let refused = outer(text).expect_err(text);
            assert!(
                refused.contains("invalid type: sequence, expected an object"),
                "{refused}"
            );
        }
        let read = outer(r#"{"policies": [{"maxRetries": 7}]}"#).expect("an object");
        assert_eq!(read.policies.expect("policies")[0].max_retries, Some(7));
        let read = outer(r#"{"policy": {"maxRetries": 7.0}}"#).expect("an object");
        assert_eq!(read.policy.and_then(|policy| policy.max_retries), Some(7));
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        for (text, expected) in [
            ("3.0", 3),
            ("3", 3),
            ("3e2", 300),
            ("30.0e-1", 3),
            ("-0.0", 0),
            ("0.0", 0),
        ] {
            let read = policy(&format!(r#"{{"maxRetries": {text}}}"#));
            assert_eq!(read.map(|policy| policy.max_retries), Ok(Some(expected)), "{text}");
        }
        let negative = policy(r#"{"offset": -3.0}"#);
        assert_eq!(negative.map(|policy| policy.offset), Ok(Some(-3)));
        for text in [
            "3.5",
            "-1.0",
            "-1",
            "1e10",
            "4294967296.0",
            "\"3\"",
            "true",
            "[3]",
            "{}",
            "1e300",
        ] {
            assert!(policy(&format!(r#"{{"maxRetries": {text}}}"#)).is_err(), "{text}");
        }
        assert_eq!(
            policy(r#"{"maxRetries": null}"#).map(|policy| policy.max_retries),
            Ok(None)
        );
    }

    #[test]
    fn no_message_names_a_rust_type() {
        for (text, expected) in [
            (r#"{"policy": [7]}"#, "invalid type: sequence, expected an object"),
            (r#"{"policy": "x"}"#, "invalid type: string \"x\", expected an object"),
            (r#"{"policies": 7}"#, "invalid type: integer `7`, expected a sequence"),
            (r#"{"ratio": "x"}"#, "invalid type: string \"x\", expected a number"),
            (
                r#"{"policy": {"maxRetries": -1}}"#,
                "invalid value: integer `-1`, expected an integer from 0 to 4294967295",
            ),
            (
                r#"{"policy": {"maxRetries": "3"}}"#,
                "invalid type: string \"3\", expected an integer from 0 to 4294967295",
            ),
            (
                r#"{"policy": {"maxRetries": 3.5}}"#,
                "invalid type: floating point `3.5`, expected an integer from 0 to 4294967295",
            ),
            (
                r#"{"policy": {"offset": 18446744073709551615}}"#,
                "invalid value: integer `18446744073709551615`, expected an integer of 64 bits",
            ),
        ] {
            let refused = outer(text).expect_err(text);
            assert!(refused.starts_with(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn other_json_is_parsed_as_by_serde_json() {
        let text = r#"{"raw": {"n": 1.0, "n": [18446744073709551616]}, "any": {"n": 3.0}, "ratio": 2.0, "flag": true}"#;
        let read = outer(text).expect("an object");
        assert_eq!(
            read.raw.map(RawValue::get),
            Some(r#"{"n": 1.0, "n": [18446744073709551616]}"#)
        );
        assert_eq!(read.any.expect("members")["n"].as_f64(), Some(3.0));
        assert_eq!((read.ratio, read.flag), (Some(2.0), Some(true)));
        assert!(outer(r#"{"policy": {"unknown": 1}}"#).is_err());
        assert!(outer(r#"{} {}"#).is_err());
    }
}
