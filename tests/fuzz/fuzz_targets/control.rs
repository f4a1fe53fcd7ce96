//! A line from a client of the control socket: a request, or a reason why it is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::control;

fuzz_target!(|line: &[u8]| {
    if let Err(why) = control::parse(line) {
        assert!(why.to_string().len() < 4096, "what goes back is short");
    }
});
