use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Strategy, any},
    sample::{select, subsequence},
};

/// The values that each key takes here. A small universe, so that rules meet.
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "47", "255", "0"];
const ADDRESSES: &[&str] = &[
    "192.0.2.1",
    "192.0.2.0/24",
    "192.0.2.7-192.0.2.99",
    "0.0.0.0/0",
    "2001:db8::1",
    "2001:db8::/32",
    "::/0",
    "@office",
    "@nested",
    "@nobody",
];
const PORTS: &[&str] =
    &["22", "443", "0", "65535", "8000-8099", "well-known", "dynamic", "ssh", "@web", "@none"];
const TYPES: &[&str] = &[
    "echo-request",
    "echo-reply",
    "packet-too-big",
    "3",
    "3/4",
    "3/1",
    "128",
    "redirect/1",
    "destination-unreachable/3",
    "timestamp-request",
    "255",
];
const FLAGS: &[&str] = &["syn", "syn/syn,ack", "none", "all", "fin,ack", "none/ack", "syn,ece", "rst / rst"];
const STATES: &[&str] = &["new", "established", "related", "invalid"];
const USERS: &[&str] = &["0", "1000", "2000-2999", "4294967295", "root"];
const INTERFACES: &[&str] = &["eth0", "eth*", "wg0", "wg*", "w*", "*", "odd\\\"name", "0"];
const HOOKS: &[&str] = &["input", "output", "forward"];
const ACTIONS: &[&str] = &["accept", "drop", "reject"];
const TIMES: &[&str] = &["mon-fri 08:00-18:00 UTC", "sat,sun Europe/Berlin", "22:00-06:00 America/New_York"];

const SETS: &str = r#"
[sets.office]
addresses = ["203.0.113.0/24", "2001:db8:40::/48", "!203.0.113.66"]

[sets.nested]
addresses = ["@office", "198.51.100.7", "!2001:db8:40:1::/64"]

[sets.nobody]
addresses = []

[sets.web]
ports = ["http", "https", "8080"]

[sets.none]
ports = []
"#;

/// What is generated: all of the language, or what packets can be without a user, of whom nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Everything,
    /// No users and no times, so that each packet's lot is certain.
    Certain,
}

/// The text of a configuration. Most of them are valid; the loader says which.
pub(crate) fn configuration(kind: Kind) -> impl Strategy<Value = String> {
    let policy = vec(select(ACTIONS), 3);
    (policy, vec(rule(kind), 1..6)).prop_map(|(policy, rules)| {
        let mut text = String::from("[policy]\n");
        for (hook, action) in HOOKS.iter().zip(policy) {
            text += &format!("{hook} = \"{action}\"\n");
        }
        text += SETS;
        for (number, rule) in rules.iter().enumerate() {
            text += &format!("\n[[rule]]\nname = \"rule {number}\"\n{rule}");
        }
        text
    })
}

/// The keys of a rule but its name; few of them at once, of those that can stand together.
fn rule(kind: Kind) -> impl Strategy<Value = String> {
    let local = key("hook", &HOOKS[..2], 0.9);
    let where_from = (select(&[0, 1, 2][..]), local, key("interface", INTERFACES, 0.4))
        .prop_flat_map(|(at, local, interface)| {
            let forward = (key("in-interface", INTERFACES, 0.4), key("out-interface", INTERFACES, 0.3));
            (weighted(0.4, list("user", USERS)), forward).prop_map(
                move |(user, (came_in, goes_out))| match at {
                    0 => local.clone() + &interface,
                    1 => "hook = \"forward\"\n".to_owned() + &came_in + &goes_out,
                    _ => "hook = \"output\"\n".to_owned() + &user.unwrap_or_default(),
                },
            )
        })
        .prop_filter("no users", move |text| kind == Kind::Everything || !text.contains("user"));
    let what = (
        select(&["port", "icmp-type", "tcp-flags", "protocol", ""][..]),
        key("port", PORTS, 0.7),
        key("source-port", PORTS, 0.2),
        list("icmp-type", TYPES),
        list("tcp-flags", FLAGS),
        list("protocol", PROTOCOLS),
        any::<bool>(),
    );
    let what = what.prop_map(|(what, port, source_port, types, flags, protocol, named)| match what {
        "port" if named => {
            "protocol = [\"tcp\", \"udp\", \"gre\", \"!esp\"]\n".to_owned() + &port + &source_port
        }
        "port" => port + &source_port,
        "icmp-type" => types,
        "tcp-flags" => flags,
        "protocol" => protocol,
        _ => String::new(),
    });
    let ends = (key("source", ADDRESSES, 0.4), key("destination", ADDRESSES, 0.2), key("state", STATES, 0.2));
    let rest = (
        select(ACTIONS),
        weighted(0.2, select(&["none", "every"][..])),
        weighted(0.2, select(&["10/s", "5/min per source, burst 9"][..])),
        weighted(0.2, select(&["2020-01-01", "2190-01-01 08:00 Europe/Berlin"][..])),
        weighted(0.2, list("schedule", TIMES)),
        weighted(0.2, select(&["why", "two\\nlines \\\"quoted\\\" \\\\ \\u001b"][..])),
    );
    (where_from, what, ends, rest).prop_map(move |(where_from, what, ends, rest)| {
        let (action, log, rate, expires, schedule, comment) = rest;
        let mut text = where_from + &what + &ends.0 + &ends.1 + &ends.2 + &format!("action = \"{action}\"\n");
        let mut quoted = |key: &str, value: Option<&str>| {
            text.extend(value.map(|value| format!("{key} = \"{value}\"\n")));
        };
        quoted("log", log);
        quoted("rate", rate.filter(|_| action != "drop"));
        quoted("comment", comment);
        if kind == Kind::Everything {
            quoted("expires", expires);
            text.extend(schedule);
        }
        text
    })
}

/// A key that not every rule has.
fn key(
    name: &'static str,
    values: &'static [&'static str],
    likely: f64,
) -> impl Strategy<Value = String> + Clone {
    weighted(likely, list(name, values)).prop_map(Option::unwrap_or_default)
}

/// A key with some of the values, each negated or not.
fn list(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    let most = values.len().min(4);
    (subsequence(values, 1..=most), vec(proptest::bool::weighted(0.3), most)).prop_map(
        move |(values, negated)| {
            let values = values.iter().zip(negated);
            let values: Vec<String> = values
                .map(|(value, negated)| format!("\"{}{value}\"", if negated { "!" } else { "" }))
                .collect();
            format!("{name} = [{}]\n", values.join(", "))
        },
    )
}
