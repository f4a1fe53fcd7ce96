use portcullis_rules::{NoNames, parse_packet};
use proptest::{prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest};

use crate::generators::known_key;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_known_key_reads_back(key in known_key()) {
        prop_assert_eq!(parse_packet(&key.to_string(), &NoNames), Ok(key));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(input|forward)? ?(tcp|icmp|6)?[ -~é:\\[\\]]{0,60}") {
        if let Err(error) = parse_packet(&text, &NoNames) {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
        }
    }
}
