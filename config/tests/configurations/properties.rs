use portcullis_config::{Sources, load_text};
use proptest::{collection::vec, prelude::*, sample::select};

/// Pieces of configurations: put together at random they reach further than random letters.
const PIECES: &[&str] = &[
    "[policy]\ninput = \"drop\"\n",
    "[policy]\n",
    "[sets.a]\naddresses = ",
    "[sets.b]\nports = ",
    "[[rule]]\nname = \"r\"\naction = \"accept\"\n",
    "[[rule]]\nname = \"s\"\naction = \"drop\"\n",
    "[[test]]\n",
    "packet = \"input tcp 192.0.2.9:1 -> 192.0.2.1:22\"\nexpect = \"accept\"\n",
    "hook = ",
    "source = ",
    "port = ",
    "protocol = ",
    "icmp-type = ",
    "interface = ",
    "user = ",
    "state = ",
    "tcp-flags = ",
    "numbers = ",
    "mask = ",
    "failsafe = ",
    "[\"@a\", \"!@b\"]\n",
    "[\"192.0.2.0/24\", \"!192.0.2.1\"]\n",
    "\"@a\"\n",
    "\"@b\"\n",
    "\"!22\"\n",
    "\"input\"\n",
    "\"tcp\"\n",
    "80\n",
    "[]\n",
    "true\n",
    "[queue]\n",
    "[hook]\n",
    "{ a = 1 }\n",
    "2027-01-01\n",
    "\"\u{1b}é\u{202e}\n",
    "[",
    "]",
    "\"",
    "\n",
];

fn pieces() -> impl Strategy<Value = String> {
    vec(select(PIECES), 0..20).prop_map(|pieces| pieces.concat())
}

/// It loads, or it says what is wrong, with a place inside the text.
fn loads_or_says_why(text: &str) {
    match load_text("any.toml", text) {
        Ok(loaded) => {
            let stored =
                serde_json::from_str::<Sources>(&loaded.sources.to_json()).expect("it was just written");
            assert_eq!(stored.load().expect("it was just loaded").at(loaded.config.time), loaded);
        }
        Err(report) => {
            assert!(report.errors().len() > 0);
            let lines = u32::try_from(text.split('\n').count()).expect("a short text");
            assert!(report.errors().all(|error| error.line <= lines));
            let shown = report.to_string();
            assert!(!shown.contains(|letter: char| letter.is_control() && letter != '\n'), "{shown:?}");
            assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
            report.render(true);
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in "(?s).{0,200}") {
        loads_or_says_why(&text);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        loads_or_says_why(&text);
    }

    #[test]
    fn any_cut_of_the_default(start in 0..portcullis_config::DEFAULT.len(), length in 0..200_usize) {
        let text: String = portcullis_config::DEFAULT.chars().enumerate()
            .filter(|(n, _)| !(start..start + length).contains(n)).map(|(_, letter)| letter).collect();
        loads_or_says_why(&text);
    }
}
