//! The hub protocol in MessagePack: each message is an array with its length as prefix.

use bytes::{Bytes, BytesMut};
use rmp_serde::decode::Deserializer;
use rmp_serde::encode::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Incoming, Outgoing, Unreadable};

/// Maximum length of a length prefix, in bytes of seven bits each.
const LENGTH_BYTES_MAX: usize = 5;
/// Maximum depth of a client's message.
const DEPTH_MAX: usize = 64;

/// Takes the first complete message from the buffer, without its length.
pub(super) fn next_message(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Bytes>, Unreadable> {
    let mut length = 0_usize;
    for (index, byte) in buffer.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if length > bytes_max {
            return Err(Unreadable::TooLarge { max: bytes_max });
        }
        if byte & 0x80 == 0 {
            let end = index + 1 + length;
            if buffer.len() < end {
                return Ok(None);
            }
            let mut message = buffer.split_to(end);
            return Ok(Some(message.split_off(index + 1).freeze()));
        }
    }
    if buffer.len() < LENGTH_BYTES_MAX {
        Ok(None)
    } else {
        Err(Unreadable::Malformed(
            "A message's length has more than five bytes.".to_owned(),
        ))
    }
}

/// Prefixes a message with its length.
fn with_length(message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(LENGTH_BYTES_MAX + message.len());
    let mut length = message.len();
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "only seven bits are left")]
        let bits = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            framed.push(bits);
            break;
        }
        framed.push(bits | 0x80);
    }
    framed.extend_from_slice(message);
    framed.into()
}

fn pack(message: &impl Serialize) -> Bytes {
    let mut packed = Vec::with_capacity(256);
    // The messages of this module always serialize as MessagePack; clients would treat an empty one as an error.
    drop(message.serialize(&mut Serializer::new(&mut packed).with_struct_map()));
    with_length(&packed)
}

/// Parses a message.
pub(super) fn read(message: &[u8]) -> Result<Incoming, Unreadable> {
    let mut deserializer = Deserializer::from_read_ref(message);
    deserializer.set_max_depth(DEPTH_MAX);
    let parts = Vec::<Value>::deserialize(&mut deserializer)
        .map_err(|error| Unreadable::Malformed(format!("A message is not valid: {error}")))?;
    let missing = |what: &str| Unreadable::Malformed(format!("A message has no valid {what}."));
    let text = |index: usize, what: &str| match parts.get(index) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(missing(what)),
    };
    match parts.first().and_then(Value::as_u64) {
        Some(1) => Ok(Incoming::Invocation {
            id: match parts.get(2) {
                Some(Value::Null) => None,
                _ => Some(text(2, "invocation id")?),
            },
            target: text(3, "target")?,
            arguments: match parts.get(4) {
                Some(Value::Array(arguments)) => arguments.clone(),
                _ => return Err(missing("arguments")),
            },
            has_streams: matches!(parts.get(5), Some(Value::Array(ids)) if !ids.is_empty()),
        }),
        Some(4) => Ok(Incoming::StreamInvocation {
            id: text(2, "invocation id")?,
            target: text(3, "target")?,
        }),
        Some(6) => Ok(Incoming::Ping),
        Some(7) => Ok(Incoming::Close),
        Some(_) => Ok(Incoming::Other),
        None => Err(missing("type")),
    }
}

/// Headers, which are unused: a map without members.
#[derive(Serialize)]
struct Headers {}

/// Serializes a message.
pub(super) fn write(message: &Outgoing<'_>) -> Bytes {
    match message {
        Outgoing::Completion { id, result: Err(error) } => pack(&(3, Headers {}, id, 1, error)),
        Outgoing::Completion {
            id,
            result: Ok(Value::Null),
        } => pack(&(3, Headers {}, id, 2)),
        Outgoing::Completion { id, result: Ok(result) } => pack(&(3, Headers {}, id, 3, result)),
        Outgoing::Ping => pack(&(6,)),
        Outgoing::Close { error, allow_reconnect } => pack(&(7, error, allow_reconnect)),
    }
}

/// Serializes a call of a method of the client; `arguments` is a tuple.
pub(super) fn invocation(target: &str, arguments: &impl Serialize) -> Bytes {
    const NO_ID: Option<&str> = None;
    const NO_STREAMS: [&str; 0] = [];
    pack(&(1, Headers {}, NO_ID, target, arguments, NO_STREAMS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ping_is_the_three_bytes_of_the_specification() {
        assert_eq!(write(&Outgoing::Ping), Bytes::from_static(&[0x02, 0x91, 0x06]));
    }

    #[test]
    fn completions_have_a_kind_and_an_optional_value() {
        let parts = |message| {
            let framed = write(&message);
            rmp_serde::from_slice::<Value>(&framed[1..]).expect("MessagePack")
        };
        let completion = |result| Outgoing::Completion { id: "0", result };
        let five = json!(5);
        assert_eq!(parts(completion(Ok(&Value::Null))), json!([3, {}, "0", 2]));
        assert_eq!(parts(completion(Ok(&five))), json!([3, {}, "0", 3, 5]));
        assert_eq!(parts(completion(Err("no"))), json!([3, {}, "0", 1, "no"]));
        let close = Outgoing::Close {
            error: None,
            allow_reconnect: true,
        };
        assert_eq!(parts(close), json!([7, null, true]));
        let call = invocation("MetricsUpdated", &(json!({"totalJobs": 3}),));
        assert_eq!(
            rmp_serde::from_slice::<Value>(&call[1..]).expect("MessagePack"),
            json!([1, {}, null, "MetricsUpdated", [{"totalJobs": 3}], []])
        );
    }

    #[test]
    fn calls_are_parsed_with_and_without_the_last_element() {
        let read = |parts: Value| read(&rmp_serde::to_vec(&parts).expect("MessagePack"));
        let call = |id: Option<&str>| {
            Ok(Incoming::Invocation {
                id: id.map(str::to_owned),
                target: "JoinGroup".to_owned(),
                arguments: vec![json!("job-updates")],
                has_streams: false,
            })
        };
        assert_eq!(read(json!([1, {}, "0", "JoinGroup", ["job-updates"]])), call(Some("0")));
        assert_eq!(
            read(json!([1, {}, null, "JoinGroup", ["job-updates"], [], 7])),
            call(None)
        );
        assert_eq!(read(json!([6])), Ok(Incoming::Ping));
        assert_eq!(read(json!([42, 1, 2])), Ok(Incoming::Other));
        for invalid in [
            json!([1, {}, 7, "x", []]),
            json!([1, {}, null, "x"]),
            json!([]),
            json!("x"),
        ] {
            assert!(read(invalid.clone()).is_err(), "{invalid} was accepted");
        }
        let deep = [vec![0x91; 100], vec![0x01]].concat();
        assert!(super::read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn a_message_with_its_length_is_parsed_back(message in proptest::collection::vec(any::<u8>(), 0..20_000), cut in 0_usize..20_000) {
            let framed = with_length(&message);
            let cut = cut.min(framed.len());
            let mut buffer = BytesMut::from(&framed[..cut]);
            if cut < framed.len() {
                prop_assert_eq!(next_message(&mut buffer, 20_000), Ok(None));
            }
            buffer.extend_from_slice(&framed[cut..]);
            buffer.extend_from_slice(&[0x02]);
            prop_assert_eq!(next_message(&mut buffer, 20_000), Ok(Some(Bytes::from(message))));
            prop_assert_eq!(&buffer[..], &[0x02]);
        }

        #[test]
        fn any_bytes_are_parsed_or_rejected(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(message)) = next_message(&mut buffer, 32) {
                drop(read(&message));
            }
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_rejected_before_the_message_arrives() {
        let mut buffer = BytesMut::from(&[0x81, 0x80, 0x02][..]);
        assert_eq!(
            next_message(&mut buffer, 32_768),
            Err(Unreadable::TooLarge { max: 32_768 })
        );
        let mut endless = BytesMut::from(&[0x80; 5][..]);
        assert!(matches!(
            next_message(&mut endless, 32_768),
            Err(Unreadable::Malformed(_))
        ));
    }
}
