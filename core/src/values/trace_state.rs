//! Further trace context of a request: `tracestate` (Trace Context, section 3.3) and `baggage` (W3C Baggage).

use std::sync::Arc;

use super::trace_context::TraceParent;

/// The header with vendor-specific trace state.
pub const TRACE_STATE_HEADER: &str = "tracestate";
/// The header with application-defined values.
pub const BAGGAGE_HEADER: &str = "baggage";

/// Header values that are propagated unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropagatedContext {
    /// The header `tracestate`.
    pub trace_state: Option<Arc<str>>,
    /// The header `baggage`.
    pub baggage: Option<Arc<str>>,
}

/// Maximum length of `tracestate`, in bytes; Trace Context requires at least 512 characters.
const TRACE_STATE_BYTES_MAX: usize = 1_024;
/// Maximum number of members of `tracestate`.
const TRACE_STATE_MEMBERS_MAX: usize = 32;
/// Maximum length of `baggage`, in bytes.
const BAGGAGE_BYTES_MAX: usize = 8_192;
/// Maximum number of members of `baggage`.
const BAGGAGE_MEMBERS_MAX: usize = 180;

impl PropagatedContext {
    /// The context from these headers; headers of the same name are combined into one list. An invalid value is treated
    /// as absent, and so is a `tracestate` without a valid `traceparent`.
    pub fn of_headers<'a>(
        parent: Option<TraceParent>,
        trace_state: impl Iterator<Item = Option<&'a str>>,
        baggage: impl Iterator<Item = Option<&'a str>>,
    ) -> Option<Arc<Self>> {
        let trace_state = parent.and_then(|_| joined(trace_state)).filter(|text| is_state(text));
        let baggage = joined(baggage).filter(|text| is_baggage(text));
        let is_any = trace_state.is_some() || baggage.is_some();
        is_any.then(|| {
            Arc::new(Self {
                trace_state: trace_state.map(Arc::from),
                baggage: baggage.map(Arc::from),
            })
        })
    }

    /// The headers that propagate it.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            (TRACE_STATE_HEADER, self.trace_state.as_deref()),
            (BAGGAGE_HEADER, self.baggage.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A span context and the propagated headers as one text: storage has a single column for both, which is empty for most
/// jobs. The parts are separated by line breaks, which no header contains.
pub fn to_stored(parent: Option<TraceParent>, propagated: Option<&PropagatedContext>) -> Option<String> {
    let Some(PropagatedContext { trace_state, baggage }) = propagated else {
        return parent.map(|parent| parent.to_string());
    };
    let parent = parent.map(|parent| parent.to_string()).unwrap_or_default();
    let (trace_state, baggage) = (
        trace_state.as_deref().unwrap_or_default(),
        baggage.as_deref().unwrap_or_default(),
    );
    Some(format!("{parent}\n{trace_state}\n{baggage}"))
}

/// Parses the text of [`to_stored`].
pub fn from_stored(text: &str) -> (Option<TraceParent>, Option<Arc<PropagatedContext>>) {
    let mut parts = text.splitn(3, '\n');
    let parent = parts.next().and_then(|part| TraceParent::parse(part).ok());
    let mut next = || parts.next().filter(|part| !part.is_empty()).map(Arc::from);
    let propagated = PropagatedContext {
        trace_state: next(),
        baggage: next(),
    };
    let is_any = propagated != PropagatedContext::default();
    (parent, is_any.then(|| Arc::new(propagated)))
}

/// The values as one list; `None` if there are none, or one is not text.
fn joined<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let mut text = String::new();
    for value in values {
        let value = value?.trim_matches([' ', '\t']);
        if !value.is_empty() {
            text.push_str(if text.is_empty() { "" } else { "," });
            text.push_str(value);
        }
    }
    (!text.is_empty()).then_some(text)
}

/// True if the text is a valid `tracestate`. Empty members are allowed, keys are unique.
fn is_state(text: &str) -> bool {
    let mut keys: Vec<&str> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        let Some((key, value)) = member.split_once('=') else {
            return false;
        };
        let is_known = keys.contains(&key);
        keys.push(key);
        if is_known || !is_state_key(key) || !is_state_value(value) {
            return false;
        }
    }
    text.len() <= TRACE_STATE_BYTES_MAX && (1..=TRACE_STATE_MEMBERS_MAX).contains(&keys.len())
}

fn is_state_key(key: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let starts_well = key
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    starts_well
        && key.len() <= 256
        && key.bytes().filter(|byte| *byte == b'@').count() <= 1
        && key.bytes().all(is_allowed)
}

fn is_state_value(value: &str) -> bool {
    let is_allowed = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_allowed)
}

/// True if the text is a valid `baggage`: members with a name and a value, of allowed characters.
fn is_baggage(text: &str) -> bool {
    let members = text
        .split(',')
        .map(|member| member.split(';').next().unwrap_or_default());
    let has_name = |member: &str| {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let named = member.split_once('=').map(|(name, _)| name.trim_matches([' ', '\t']));
        named.is_some_and(|name| !name.is_empty() && name.bytes().all(token))
    };
    let is_printable = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) || byte == b'\t');
    text.len() <= BAGGAGE_BYTES_MAX
        && is_printable
        && members.clone().count() <= BAGGAGE_MEMBERS_MAX
        && members.into_iter().all(has_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(trace_state: &[&str], baggage: &[&str]) -> Option<PropagatedContext> {
        let some = |text: &&'static str| Some(*text);
        let parent = TraceParent::parse(PARENT).ok();
        let leak =
            |texts: &[&str]| -> Vec<&'static str> { texts.iter().map(|text| &*String::from(*text).leak()).collect() };
        let (trace_state, baggage) = (leak(trace_state), leak(baggage));
        let of = PropagatedContext::of_headers(parent, trace_state.iter().map(some), baggage.iter().map(some));
        of.map(Arc::unwrap_or_clone)
    }

    fn state(text: &str) -> Option<String> {
        of(&[text], &[])?.trace_state.map(|text| text.to_string())
    }

    fn baggage(text: &str) -> Option<String> {
        of(&[], &[text])?.baggage.map(|text| text.to_string())
    }

    #[test]
    fn valid_values_are_propagated_unchanged() {
        for text in [
            "rojo=00f067aa0ba902b7",
            "rojo=1,congo=t61rcWkgMzE",
            "1a-2f@foo=bar1 , ,a=b",
        ] {
            assert_eq!(state(text).as_deref(), Some(text));
        }
        for text in [
            "userId=alice",
            "a=1;p=2;q , b = x%20y",
            "serverNode=DF%2028,isProduction=false",
        ] {
            assert_eq!(baggage(text).as_deref(), Some(text));
        }
        let several = of(&["a=1", "", " b=2 "], &["x=1", "y=2"]).expect("both");
        assert_eq!(several.trace_state.as_deref(), Some("a=1,b=2"));
        assert_eq!(several.baggage.as_deref(), Some("x=1,y=2"));
    }

    #[test]
    fn invalid_values_are_treated_as_absent() {
        let long = format!("a={}", "x".repeat(257));
        let many: Vec<String> = (0..33).map(|number| format!("k{number}=1")).collect();
        for text in [
            "",
            ",",
            "a",
            "A=1",
            "=1",
            "a=",
            "a=b=c",
            "a=1,a=2",
            "a=\u{7f}",
            "ü=1",
            &long,
            &many.join(","),
        ] {
            assert_eq!(state(text), None, "{text}");
        }
        for text in [
            "",
            "a",
            "=1",
            "a b=1",
            "a=\n",
            "a=ü",
            &format!("a={}", "x".repeat(8_192)),
        ] {
            assert_eq!(baggage(text), None, "{text}");
        }
        let orphan = PropagatedContext::of_headers(None, [Some("a=1")].into_iter(), [Some("b=2")].into_iter());
        let orphan = orphan.expect("baggage");
        assert_eq!((&orphan.trace_state, orphan.baggage.as_deref()), (&None, Some("b=2")));
        assert_eq!(
            PropagatedContext::of_headers(None, [None].into_iter(), [None].into_iter()),
            None
        );
    }

    proptest! {
        #[test]
        fn stored_values_round_trip(
            has_parent: bool,
            trace_state in proptest::option::of("[a-z]{1,5}=[a-z]{1,5}"),
            baggage in proptest::option::of("[a-z]{1,5}=[a-z]{1,5}"),
        ) {
            let parent = TraceParent::parse(PARENT).ok().filter(|_| has_parent);
            let propagated = PropagatedContext {
                trace_state: trace_state.map(Arc::from),
                baggage: baggage.map(Arc::from),
            };
            let propagated = (propagated != PropagatedContext::default()).then(|| Arc::new(propagated));
            let stored = to_stored(parent, propagated.as_deref());
            let read = stored.as_deref().map(from_stored).unwrap_or_default();
            prop_assert_eq!(read, (parent, propagated));
        }
    }
}
