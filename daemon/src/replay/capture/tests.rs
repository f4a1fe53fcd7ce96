#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::*;

/// A pcap file of Ethernet frames: one with each of these lengths, a second apart.
fn pcap(magic: u32, lengths: &[u32]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(magic.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    for (second, &length) in (1000_u32..).zip(lengths) {
        for word in [second, 7, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(vec![0xaa; length as usize]);
    }
    file
}

/// Number, length and nanosecond of each packet.
type Seen = Vec<(u64, usize, i128)>;

fn lengths(file: &[u8]) -> (Seen, Result<u64, Broken>) {
    let mut seen = Vec::new();
    let outcome = read(file, |frame| {
        seen.push((frame.number, frame.bytes.len(), frame.time.as_nanosecond()));
        Ok(())
    });
    (seen, outcome.unwrap())
}

#[test]
fn packets_come_in_order_with_their_times() {
    let (seen, outcome) = lengths(&pcap(0xa1b2_c3d4, &[60, 0, 1500]));
    let second = 1_000_000_000;
    assert_eq!(outcome, Ok(3));
    assert_eq!(
        seen,
        [(1, 60, 1000 * second + 7000), (2, 0, 1001 * second + 7000), (3, 1500, 1002 * second + 7000)]
    );
    let (seen, _) = lengths(&pcap(0xa1b2_3c4d, &[60]));
    assert_eq!(seen, [(1, 60, 1000 * second + 7)], "nanoseconds");
}

#[test]
fn a_capture_that_ends_early_is_read_as_far_as_it_goes() {
    let whole = pcap(0xa1b2_c3d4, &[60, 60]);
    for end in 25..whole.len() {
        let (seen, outcome) = lengths(&whole[..end]);
        let packets = if end < 100 { 0 } else { 1 };
        if end == 100 {
            assert_eq!(outcome, Ok(1));
        } else {
            let broken = outcome.unwrap_err();
            assert_eq!((broken.fault, broken.packets), (Fault::CutShort, packets), "{end}");
        }
        assert_eq!(seen.len() as u64, packets);
    }
}

#[test]
fn what_is_no_capture_is_told_so() {
    let fault = |bytes: &[u8]| lengths(bytes).1.unwrap_err().fault;
    assert_eq!(fault(b""), Fault::Empty);
    assert_eq!(fault(b"GIF89a, and more than a header's length"), Fault::NotACapture);
    assert_eq!(fault(&pcap(0xa1b2_c3d4, &[])[..10]), Fault::CutShort);
    let mut endless = pcap(0xa1b2_c3d4, &[60]);
    endless[32..36].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let endless = (&endless[..]).chain(io::repeat(0));
    assert_eq!(read(endless, |_| Ok(())).unwrap().unwrap_err().fault, Fault::Oversized);
}

#[test]
fn pcapng_is_read_with_its_interfaces_times() {
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let section =
        block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    // Raw IP, nanoseconds.
    let interface = block(1, &[101, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let nanos = 1_800_000_000_000_000_005_u64;
    let mut packet = vec![0; 4];
    packet.extend(u32::try_from(nanos >> 32).unwrap().to_le_bytes());
    packet.extend(u32::try_from(nanos & 0xffff_ffff).unwrap().to_le_bytes());
    packet.extend([3, 0, 0, 0, 9, 0, 0, 0, 0x45, 1, 2, 0]);
    let file = [section, interface, block(6, &packet)].concat();
    let mut seen = Vec::new();
    let outcome = read(&file[..], |frame| {
        seen.push((frame.link, frame.bytes.to_vec(), frame.length, frame.time.as_nanosecond()));
        Ok(())
    });
    assert_eq!(outcome.unwrap(), Ok(1));
    assert_eq!(seen, [(101, vec![0x45, 1, 2], 9, i128::from(nanos))]);
}

#[test]
fn who_has_seen_enough_is_shown_no_more() {
    let mut seen = 0;
    let outcome = read(&pcap(0xa1b2_c3d4, &[60; 9])[..], |frame| {
        seen = frame.number;
        if seen < 3 { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }
    });
    assert_eq!((outcome.unwrap_err().kind(), seen), (io::ErrorKind::BrokenPipe, 3));
}
