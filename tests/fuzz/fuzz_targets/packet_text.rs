//! A packet written as text: what is read has a text that reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_rules::{NoNames, parse_packet};

fuzz_target!(|text: &str| {
    match parse_packet(text, &NoNames) {
        Ok(key) => assert_eq!(parse_packet(&key.to_string(), &NoNames), Ok(key), "{key}"),
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            assert!(!error.to_string().is_empty());
        }
    }
});
