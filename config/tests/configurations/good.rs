use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use portcullis_config::{
    Backend, Ban, Config, DEFAULT, Detect, HookSettings, Inspect, Install, Journald, Log, Mode, Queue,
    Severity, Unjudged, failed_tests, load_text,
};
use portcullis_rules::{Action, AddressSet, Hook};

use super::{configurations, load};

/// Their own tests say what they mean.
#[test]
fn good_configurations_load_and_pass_their_tests() {
    for path in configurations("tests/good") {
        let loaded = load(&path).unwrap_or_else(|report| panic!("{report}"));
        let failed: Vec<String> = failed_tests(&loaded.config).iter().map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

#[test]
fn the_default_watches_and_keeps_the_way_in_open() {
    let mut config = load_text("built-in", DEFAULT).unwrap().config;
    let Config { mode, ruleset, tests, .. } = config.clone();
    assert_eq!(mode, Mode::Monitor);
    assert_eq!(config.queue.on_exit, Unjudged::Drop, "what it will be, once enabled");
    config.settle(false);
    assert_eq!((config.mode, config.queue.on_exit), (Mode::Monitor, Unjudged::Accept));
    let mut config = load_text("built-in", DEFAULT).unwrap().config;
    config.settle(true);
    assert_eq!((config.mode, config.queue.on_exit), (Mode::Enforce, Unjudged::Drop));
    assert_eq!(ruleset.policy.at(Hook::Input), Some(Action::Drop));
    assert_eq!(ruleset.policy.at(Hook::Output), Some(Action::Accept));
    assert_eq!(ruleset.policy.at(Hook::Forward), None);
    assert!(ruleset.rules.iter().any(|rule| rule.failsafe && &*rule.name == "ssh"));
    assert!(tests.len() >= 5);
}

/// Whoever uncomments an example must not be told that it is wrong.
#[test]
fn the_examples_in_the_default_are_right() {
    let (mut text, mut example) = (String::new(), false);
    for line in DEFAULT.lines() {
        let uncommented = line.trim_start_matches('#').trim_start();
        // An example begins with a section's header; prose doesn't.
        example = line.starts_with('#') && (example || uncommented.starts_with('['));
        text += if example { uncommented } else { line };
        text.push('\n');
    }
    let text = text.replace("\n# forward", "\nforward");
    let text = text.replace("file = \"lists/drop.netset\"", "addresses = \"100.64.0.0/24\"");
    let text = text.replace("mode = \"monitor\"", "mode = \"enforce\"");
    let loaded = load_text("examples", &text).unwrap_or_else(|report| panic!("{report}\n{text}"));
    assert_eq!(failed_tests(&loaded.config), []);
    assert!(loaded.config.ruleset.rules.len() >= 5);
    assert!(loaded.config.ruleset.policy.forward.is_some());
}

#[test]
fn settings_mean_what_they_say() {
    let config = load("tests/good/settings.toml".as_ref()).unwrap().config;
    let queue = Queue {
        backend: Backend::Batched,
        numbers: Some(100..=100),
        inspect: Inspect::All,
        on_overload: Unjudged::Accept,
        on_exit: Unjudged::Accept,
        gso: false,
    };
    assert_eq!(config.queue, queue);
    assert_eq!(config.hook, HookSettings { install: Install::Nft, mask: 0xffff, allow_mark_clash: true });
    let log = Log {
        directory: "/srv/log".into(),
        max_size: 1_000_000,
        max_total: 3_000_000,
        max_age: Some(Duration::from_secs(90 * 86_400)),
        journald: Journald::Packets,
        syslog: true,
    };
    assert_eq!(config.log, log);
    let never: [IpNet; 2] = ["203.0.113.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let detect = Detect {
        threshold: 20,
        window: Duration::from_secs(7200),
        ban: Ban {
            enable: true,
            first: Duration::from_secs(60),
            longest: Duration::from_secs(3600),
            severity: Severity::Medium,
        },
        allow: Arc::new(AddressSet::from_prefixes(never)),
    };
    assert_eq!(config.detect, detect);
}

#[test]
fn settings_that_are_not_written_have_defaults() {
    let config = load("tests/good/minimal.toml".as_ref()).unwrap().config;
    let queue = Queue {
        backend: Backend::Batched,
        numbers: None,
        inspect: Inspect::New,
        on_overload: Unjudged::Drop,
        on_exit: Unjudged::Drop,
        gso: true,
    };
    assert_eq!((config.mode, config.queue), (Mode::Enforce, queue));
    let hook = HookSettings { install: Install::Auto, mask: 0x7f00_0000, allow_mark_clash: false };
    assert_eq!(config.hook, hook);
    let log = Log {
        directory: "/var/log/portcullis".into(),
        max_size: 64 << 20,
        max_total: 1 << 30,
        max_age: None,
        journald: Journald::Incidents,
        syslog: false,
    };
    assert_eq!(config.log, log);
    assert_eq!(config.detect, Detect::default());
    let Detect { threshold, window, ban, allow } = config.detect;
    assert_eq!((threshold, window, allow.is_empty()), (6, Duration::from_secs(600), true));
    let Ban { enable, first, longest, severity } = ban;
    assert_eq!((enable, severity), (false, Severity::High));
    assert_eq!((first, longest), (Duration::from_secs(600), Duration::from_secs(7 * 86_400)));
}

#[test]
fn rules_know_their_place_and_share_large_sets() {
    let config = load("tests/good/overlays/portcullis.toml".as_ref()).unwrap().config;
    let places: Vec<String> = config.ruleset.rules.iter().map(|rule| rule.place.to_string()).collect();
    assert_eq!(
        places,
        ["tests/good/overlays/portcullis.toml:7", "tests/good/overlays/rules.d/20-web.toml:1"]
    );
    let text = "[policy]\ninput = \"drop\"\n[sets.a]\naddresses = \"192.0.2.0/24\"\n\
        [[rule]]\nname = \"x\"\nsource = \"@a\"\naction = \"drop\"\n\
        [[rule]]\nname = \"y\"\nsource = \"@a\"\naction = \"drop\"\n";
    let rules = load_text("shared", text).unwrap().config.ruleset.rules.clone();
    let [x, y] = [0, 1].map(|n: usize| rules[n].matches.source.clone().unwrap());
    assert!(Arc::ptr_eq(&x, &y));
}

#[test]
fn a_failed_test_says_why() {
    let text = "[policy]\ninput = \"drop\"\n\
        [[rule]]\nname = \"web\"\ninterface = \"eth0\"\nport = 80\naction = \"accept\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80\"\nexpect = \"drop\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80 in eth0\"\nexpect = \"drop\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:81\"\nexpect = \"accept\"\n";
    let failures = failed_tests(&load_text("a.toml", text).unwrap().config);
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a.toml:8: the test `input tcp 192.0.2.9:1 -> 192.0.2.1:80` expects drop, but the answer depends on the \
             rule `web`: write into the packet what that rule asks for, such as its interface or user",
            "a.toml:11: the test `input tcp 192.0.2.9:1 -> 192.0.2.1:80 in eth0` expects drop, but the rule `web` \
             says accept",
            "a.toml:14: the test `input tcp 192.0.2.9:1 -> 192.0.2.1:81` expects accept, but no rule matches, and \
             the policy says drop",
        ]
    );
}

#[test]
fn a_test_that_hangs_on_the_time_says_so() {
    let text = "[policy]\ninput = \"drop\"\n\
        [[rule]]\nname = \"gone\"\nport = 80\naction = \"accept\"\nexpires = 2001-01-01\n\
        [[rule]]\nname = \"office\"\nport = 80\naction = \"accept\"\nschedule = \"mon-fri 08:00-18:00 UTC\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80\"\nexpect = \"accept\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80\"\nexpect = \"accept\"\nat = \"2026-11-23 08:00 UTC\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80\"\nexpect = \"drop\"\nat = \"2026-11-23 07:59 UTC\"\n\
        [[test]]\npacket = \"input tcp 192.0.2.9:1 -> 192.0.2.1:80\"\nexpect = \"accept\"\nat = \"2000-12-30 12:00 UTC\"\n";
    let loaded = load_text("a.toml", text).unwrap();
    for time in ["2026-11-23T12:00:00Z", "2026-11-22T12:00:00Z"] {
        let failures = failed_tests(&loaded.config.at(time.parse().unwrap()));
        let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let expected = "a.toml:13: the test `input tcp 192.0.2.9:1 -> 192.0.2.1:80` expects accept, but the answer \
            depends on the time, by the rule `office`: write at which time you mean, such as at = \"2027-01-01 12:00\"";
        assert_eq!(told, [expected], "whatever the time is");
    }
}
