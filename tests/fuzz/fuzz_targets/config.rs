//! A configuration's text: it loads, or what is wrong with it can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match portcullis_config::load_text("fuzz.toml", text) {
        Ok(loaded) => {
            portcullis_config::failed_tests(&loaded.config);
            if let Some(change) = loaded.config.next_change() {
                assert!(change > loaded.config.time);
                assert_ne!(loaded.config.at(change).ruleset, loaded.config.ruleset);
            }
        }
        Err(report) => {
            assert!(!report.to_string().is_empty());
            assert!(!report.render(true).is_empty());
        }
    }
});
