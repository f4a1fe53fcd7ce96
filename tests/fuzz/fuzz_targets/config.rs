//! A configuration's text: it loads, or what is wrong with it can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(report) = portcullis_config::load_text("fuzz.toml", text) {
        assert!(!report.to_string().is_empty());
        assert!(!report.render(true).is_empty());
    }
});
