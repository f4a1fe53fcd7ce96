//! A datagram from the kernel's packet queue: every part of it is read, and nothing beyond it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{
    netlink::{Content, Message},
    queue::codec,
};

fuzz_target!(|datagram: &[u8]| {
    let mut rest = datagram;
    while let Some((message, after)) = Message::split(rest) {
        assert!(after.len() < rest.len(), "it ends");
        rest = after;
        if let Content::Object(_, _, attributes) = message.content() {
            assert!(attributes.count() <= datagram.len());
            if let Some((_, packet)) = codec::packet(attributes) {
                assert!(packet.bytes.len() <= datagram.len());
            }
        }
    }
});
