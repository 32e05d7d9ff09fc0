//! Trace context (W3C) of jobs.
//!
//! A job belongs to the trace of the request that created it; without one it has its own trace, whose id is the job's.
//! Span ids are derived from the job's id and the attempt's number: only the caller's span context is stored, and any
//! node derives the same ids.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use super::id::JobId;

/// The id of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span within its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

/// A span context: the parent of further spans, and the value of the header `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// Trace id.
    pub trace_id: TraceId,
    /// Span id.
    pub span_id: SpanId,
    /// True if the trace's originator samples it.
    pub is_sampled: bool,
}

/// The header with the span context of a request (Trace Context, section 3.2).
pub const TRACE_PARENT_HEADER: &str = "traceparent";

/// The text is not a valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: the form is 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct InvalidTraceParent;

/// Length of the text of version 00; later versions have the same prefix.
const TEXT_LEN: usize = 55;

impl TraceId {
    /// The lowest 56 bits of the id, which Trace Context requires to be random, as the smallest ratio that samples this
    /// trace.
    pub fn min_ratio(self) -> SamplingRatio {
        SamplingRatio(self.0.get() as u64 & SamplingRatio::ALL)
    }

    /// The id as a number.
    pub fn number(self) -> u128 {
        self.0.get()
    }
}

impl SpanId {
    /// The id as a number.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TraceParent {
    /// Parses the header's value (Trace Context, section 3.2). An invalid value is to be treated as absent.
    pub fn parse(text: &str) -> Result<Self, InvalidTraceParent> {
        let bytes = text.as_bytes();
        let (version, rest) = bytes.split_at_checked(2).ok_or(InvalidTraceParent)?;
        let version = hex(version)?;
        let is_long_enough = match version {
            0 => bytes.len() == TEXT_LEN,
            0xff => false,
            _ => bytes.len() == TEXT_LEN || bytes.get(TEXT_LEN) == Some(&b'-'),
        };
        if !is_long_enough || rest[0] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
            return Err(InvalidTraceParent);
        }
        let trace_id = NonZeroU128::new(hex(&bytes[3..35])?).ok_or(InvalidTraceParent)?;
        let span_id = u64::try_from(hex(&bytes[36..52])?).map_err(|_| InvalidTraceParent)?;
        Ok(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(NonZeroU64::new(span_id).ok_or(InvalidTraceParent)?),
            is_sampled: hex(&bytes[53..55])? & 1 == 1,
        })
    }

    /// The context of another span in the same trace.
    #[must_use]
    pub fn at(self, span_id: SpanId) -> Self {
        Self { span_id, ..self }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            is_sampled,
        } = self;
        write!(f, "00-{trace_id}-{span_id}-{:02x}", u8::from(*is_sampled))
    }
}

/// Lower-case hexadecimal digits, as Trace Context requires.
fn hex(digits: &[u8]) -> Result<u128, InvalidTraceParent> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(InvalidTraceParent),
        };
        Ok(number << 4 | u128::from(digit))
    })
}

/// Sampling ratio of traces, from none to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SamplingRatio(u64);

impl SamplingRatio {
    const ALL: u64 = (1 << 56) - 1;

    /// All traces.
    pub const fn all() -> Self {
        Self(Self::ALL)
    }

    /// The ratio from a number, clamped to 0 to 1.
    pub fn of(ratio: f64) -> Self {
        Self((ratio.clamp(0.0, 1.0) * Self::ALL as f64) as u64)
    }

    /// The ratio as a number that grows with it.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The ratio with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number & Self::ALL)
    }

    /// True if the trace is sampled. The decision is the same on every node, and a greater ratio includes all traces of
    /// a smaller one.
    pub fn includes(self, trace_id: TraceId) -> bool {
        self.0 > 0 && trace_id.min_ratio() <= self
    }
}

/// Kinds of a job's spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobSpan {
    /// Creation of the job.
    Create,
    /// Wait for the attempt of this number.
    Wait(u32),
    /// Run of the attempt of this number.
    Run(u32),
    /// Outgoing call of this attempt's handler.
    Call(u32),
}

/// The trace of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTrace {
    job_id: JobId,
    /// Span context of the creating request, if any.
    pub caller: Option<TraceParent>,
    /// Trace id.
    pub trace_id: TraceId,
    /// True if the trace is sampled.
    pub is_sampled: bool,
}

impl JobTrace {
    /// The trace of this job. The sampling decision of a creating request applies; other jobs are sampled by `ratio`.
    pub(crate) fn new(job_id: JobId, caller: Option<TraceParent>, ratio: SamplingRatio) -> Self {
        let own = NonZeroU128::new(job_id.as_uuid().as_u128()).unwrap_or(NonZeroU128::MAX);
        let trace_id = caller.map_or(TraceId(own), |caller| caller.trace_id);
        Self {
            job_id,
            caller,
            trace_id,
            is_sampled: caller.map_or_else(|| ratio.includes(trace_id), |caller| caller.is_sampled),
        }
    }

    /// The id of one of a job's spans.
    pub fn span_id(job_id: JobId, span: JobSpan) -> SpanId {
        span_id_of(job_id.as_uuid().as_u128(), span.number())
    }

    /// The context of one of the job's spans.
    pub fn span_context(&self, span: JobSpan) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            span_id: Self::span_id(self.job_id, span),
            is_sampled: self.is_sampled,
        }
    }
}

impl JobSpan {
    /// A number that is unique among the spans of a job.
    fn number(self) -> u64 {
        match self {
            Self::Create => 0,
            Self::Wait(attempt) => 1 | u64::from(attempt) << 2,
            Self::Run(attempt) => 2 | u64::from(attempt) << 2,
            Self::Call(attempt) => 3 | u64::from(attempt) << 2,
        }
    }
}

/// The id of span `number` of `subject`: deterministic, with negligible collisions.
pub fn span_id_of(subject: u128, number: u64) -> SpanId {
    let (high, low) = ((subject >> 64) as u64, subject as u64);
    let mixed = mix(mix(mix(high) ^ low) ^ number);
    SpanId(NonZeroU64::new(mixed).unwrap_or(NonZeroU64::MAX))
}

/// The finalizer of SplitMix64: each input bit changes half of the output bits.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_examples_of_trace_context_are_parsed() {
        let sampled = TraceParent::parse(EXAMPLE).expect("the specification's example");
        assert_eq!(sampled.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(sampled.span_id.to_string(), "00f067aa0ba902b7");
        assert!(sampled.is_sampled);
        let not_sampled = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        assert!(!not_sampled.expect("the other example").is_sampled);
        // A later version may have more flags and fields.
        let later = TraceParent::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-comes");
        assert_eq!(later, Ok(sampled));
    }

    #[test]
    fn invalid_texts_are_rejected() {
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(wrong), Err(InvalidTraceParent), "{wrong}");
        }
    }

    #[test]
    fn each_span_of_each_job_has_its_own_id() {
        let mut seen = HashSet::new();
        for job in 0..200_u128 {
            for attempt in 1..50 {
                for span in [JobSpan::Wait(attempt), JobSpan::Run(attempt), JobSpan::Call(attempt)] {
                    assert!(seen.insert(span_id_of(job, span.number())));
                }
            }
            assert!(seen.insert(span_id_of(job, JobSpan::Create.number())));
        }
    }

    proptest! {
        #[test]
        fn any_span_context_round_trips_through_text(trace in 1_u128.., span in 1_u64.., is_sampled: bool) {
            let span_context = TraceParent {
                trace_id: TraceId(NonZeroU128::new(trace).expect("not zero")),
                span_id: SpanId(NonZeroU64::new(span).expect("not zero")),
                is_sampled,
            };
            prop_assert_eq!(TraceParent::parse(&span_context.to_string()), Ok(span_context));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn a_greater_ratio_includes_the_traces_of_a_smaller_one(trace in 1_u128.., a in 0.0..=1.0, b in 0.0..=1.0) {
            let trace_id = TraceId(NonZeroU128::new(trace).expect("not zero"));
            let (small, great) = (f64::min(a, b), f64::max(a, b));
            prop_assert!(!SamplingRatio::of(small).includes(trace_id) || SamplingRatio::of(great).includes(trace_id));
            prop_assert!(SamplingRatio::all().includes(trace_id) && !SamplingRatio::of(0.0).includes(trace_id));
        }
    }
}
