use std::{net::TcpListener, process};

use portcullis_config::load_text;

use super::*;

fn ruleset(text: &str) -> std::sync::Arc<Ruleset> {
    load_text("test", text).unwrap().config.ruleset
}

fn reach(rules: &str, port: u16) -> Reach {
    let mut reach = Reach::default();
    for destination in ["192.0.2.1", "2001:db8::1"] {
        let interface = InterfaceName::new("eth0");
        let to = Whom { hook: Hook::Input, interface, destination: destination.parse().unwrap() };
        reach.add(&ruleset(rules), to, Protocol::TCP, port);
    }
    reach
}

const POLICY: &str = "[policy]\ninput = \"drop\"\n";

fn rule(name: &str, rest: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\nhook = \"input\"\n{rest}\n")
}

#[test]
fn who_gets_in_is_what_first_match_says() {
    let web = rule("web", "protocol = \"tcp\"\nport = 80\naction = \"accept\"");
    let all = rule("all", "action = \"accept\"");
    let office = rule("office", "source = \"203.0.113.0/24\"\nport = 80\naction = \"accept\"");
    let bad = rule("bad", "source = \"198.51.100.0/24\"\naction = \"drop\"");
    let wire = rule("wire", "interface = \"wg0\"\nport = 80\naction = \"accept\"");
    let from_53 = rule("dns", "protocol = \"tcp\"\nsource-port = 53\nport = 80\naction = \"accept\"");
    let answers = rule("answers", "state = \"established\"\naction = \"accept\"");
    let elsewhere = rule("elsewhere", "destination = \"192.0.2.9\"\nport = 80\naction = \"accept\"");
    for (rules, everyone, nobody, unmeant) in [
        (vec![], false, true, false),
        (vec![&web], true, false, false),
        (vec![&all], true, false, true),
        (vec![&office], false, false, false),
        (vec![&bad, &web], true, false, false),
        (vec![&wire], false, true, false),
        (vec![&from_53], true, false, false),
        (vec![&answers], false, true, false),
        (vec![&elsewhere], false, true, false),
        (vec![&office, &all], true, false, true),
    ] {
        let text = POLICY.to_owned() + &rules.into_iter().cloned().collect::<String>();
        let reach = reach(&text, 80);
        assert_eq!(
            (reach.is_everyone(), reach.is_nobody(), reach.is_unmeant()),
            (everyone, nobody, unmeant),
            "{text}"
        );
    }
    let (prefixes, more) = reach(&(POLICY.to_owned() + &office), 80).prefixes(2);
    assert_eq!((prefixes, more), (vec!["203.0.113.0/24".parse().unwrap()], false));
    let open = reach("[policy]\ninput = \"accept\"\n", 80);
    assert!(open.is_everyone() && open.is_unmeant());
    assert!(reach("[policy]\noutput = \"drop\"\n", 80).is_unmeant(), "nobody judges there");
}

#[test]
fn a_listener_of_ours_is_found_with_its_process() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let found = sockets::listening().unwrap();
    let ours = found.sockets.iter().find(|socket| socket.port == port).unwrap();
    assert_eq!(ours.protocol, Protocol::TCP);
    assert_eq!(ours.processes[0].pid.unsigned_abs(), process::id());
}

#[test]
fn a_rule_for_a_port_that_nobody_listens_at_is_told() {
    let rules = POLICY.to_owned()
        + &rule("web", "protocol = [\"tcp\", \"udp\"]\nport = [80, 443]\naction = \"accept\"")
        + &rule("many", "protocol = \"tcp\"\nport = \"5000-5999\"\naction = \"accept\"");
    let socket = Socket {
        protocol: Protocol::TCP,
        address: "0.0.0.0".parse().unwrap(),
        port: 443,
        both_families: false,
        processes: Vec::new(),
    };
    let doors = Door::of_sockets(vec![socket], |_| Reach::default());
    let idle: Vec<String> = idle(&ruleset(&rules), &doors).iter().map(|idle| idle.name.to_string()).collect();
    assert_eq!(idle, ["80/tcp", "80/udp"]);
}
