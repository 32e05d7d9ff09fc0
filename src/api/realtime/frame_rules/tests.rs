//! Frames that follow the rules, and frames that violate them.

use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The passed bytes and the violation of some bytes in chunks of this size.
fn checked(sent: &[u8], chunk: usize) -> (Vec<u8>, Option<Violation>) {
    let violated = Violated::default();
    let mut rules = FrameRules::new((), 70_000, violated.clone());
    let passed = sent.chunks(chunk).flat_map(|chunk| rules.pass(chunk)).collect();
    (passed, violated.get())
}

fn violation(frames: &[Vec<u8>]) -> Option<Violation> {
    let sent = frames.concat();
    let found = checked(&sent, sent.len()).1;
    assert_eq!(checked(&sent, 1).1, found, "chunks make a difference");
    found
}

fn code(frames: &[Vec<u8>]) -> Option<u16> {
    violation(frames).map(|violation| violation.code().into())
}

#[test]
fn each_broken_rule_has_its_code() {
    let euro = "€".as_bytes();
    let close = |payload: &[u8]| frame(0x88, payload);
    for (frames, expected) in [
        (vec![frame(0x81, b"text"), frame(0x82, b"\xff")], None),
        (
            vec![frame(0x01, &euro[..1]), frame(0x89, b"\xff"), frame(0x80, &euro[1..])],
            None,
        ),
        (vec![frame(0x01, b""), frame(0x80, b"")], None),
        (vec![frame(0x02, b"\xff"), frame(0x00, b"\xfe"), frame(0x80, b"")], None),
        (vec![close(b"")], None),
        (vec![close(&[0x03, 0xe8])], None),
        (vec![close(b"\x0f\xa0bye")], None),
        // Bytes after a close frame are not read.
        (vec![close(b""), frame(0xf1, b"")], None),
        (vec![frame(0xc1, b"text")], Some(1002)),
        (vec![frame(0xa1, b"text")], Some(1002)),
        (vec![frame(0x91, b"text")], Some(1002)),
        (vec![frame(0xc9, b"")], Some(1002)),
        (vec![frame(0x83, b"")], Some(1002)),
        (vec![frame(0x8b, b"")], Some(1002)),
        (vec![frame(0x09, b"")], Some(1002)),
        (vec![frame(0x89, &[0; 126])], Some(1002)),
        (vec![frame(0x80, b"")], Some(1002)),
        (vec![frame(0x01, b""), frame(0x81, b"")], Some(1002)),
        (vec![vec![0x81, 0x04, b't', b'e', b'x', b't']], Some(1002)),
        (
            vec![vec![0x81, 0xfe, 0, 4, 0, 0, 0, 0, b't', b'e', b'x', b't']],
            Some(1002),
        ),
        (vec![close(b"\x03")], Some(1002)),
        (vec![close(&999_u16.to_be_bytes())], Some(1002)),
        (vec![close(&1005_u16.to_be_bytes())], Some(1002)),
        (vec![close(&1006_u16.to_be_bytes())], Some(1002)),
        (vec![close(&1015_u16.to_be_bytes())], Some(1002)),
        (vec![close(&2999_u16.to_be_bytes())], Some(1002)),
        (vec![close(&5000_u16.to_be_bytes())], Some(1002)),
        (vec![close(b"\x03\xe8\xff")], Some(1007)),
        (vec![frame(0x81, b"\xff")], Some(1007)),
        (vec![frame(0x81, &euro[..2])], Some(1007)),
        (vec![frame(0x01, b"ok"), frame(0x00, b"\xc0\xaf")], Some(1007)),
        (vec![frame(0x01, &euro[..2]), frame(0x80, b"x")], Some(1007)),
        (vec![frame(0x01, &euro[..2]), frame(0x80, b"")], Some(1007)),
        (vec![frame(0x82, &[0; 70_001])], Some(1009)),
    ] {
        assert_eq!(code(&frames), expected, "{frames:?}");
    }
}

#[test]
fn an_invalid_text_is_rejected_before_its_end() {
    let mut unfinished = frame(0x01, b"\xf4\x90\x80\x80 and more");
    unfinished.truncate(9);
    assert_eq!(code(&[unfinished]), Some(1007));
}

proptest! {
    #[test]
    fn frames_that_obey_pass_as_they_are(
        messages in prop::collection::vec(
            (any::<bool>(), prop_oneof!["\\PC{0,40}", "a{65000,66000}"], 1_usize..50_000), 1..6),
        chunk in 1_usize..5_000,
    ) {
        let mut sent = Vec::new();
        for (is_text, text, size) in messages {
            let opcode = if is_text { 1 } else { 2 };
            let parts: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            for (place, part) in parts.iter().enumerate() {
                let opcode = if place == 0 { opcode } else { 0 };
                let is_final = if place + 1 == parts.len() { 0x80 } else { 0 };
                sent.extend(frame(is_final | opcode, part));
            }
        }
        let (passed, violation) = checked(&sent, chunk);
        prop_assert_eq!(violation, None);
        prop_assert!(passed == sent);
    }

    #[test]
    fn of_a_frame_that_is_too_long_nothing_is_kept(length in 70_001_u64..=u64::MAX / 2, chunk in 1_usize..20) {
        let mut sent = frame(0x82, &[7; 10]);
        let before = sent.len();
        sent.extend_from_slice(&[0x82, 0xff]);
        sent.extend_from_slice(&length.to_be_bytes());
        sent.extend_from_slice(&MASK);
        sent.resize(sent.len() + 5_000, 7);
        let (passed, violation) = checked(&sent, chunk);
        prop_assert_eq!(violation, Some(Violation::TooLarge));
        prop_assert_eq!(&passed[..], &sent[..before]);
    }

    #[test]
    fn no_bytes_make_it_fail(sent in prop::collection::vec(any::<u8>(), 0..200), chunk in 1_usize..20) {
        let at_once = checked(&sent, sent.len().max(1));
        let (_, violation) = checked(&sent, chunk);
        prop_assert_eq!(at_once.1, violation);
    }
}
