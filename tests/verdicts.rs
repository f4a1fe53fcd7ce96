//! What each verdict looks like from the other end of the wire.

use crate::bed::{Bed, Daemon, GATE, INNER, Outcome::*, PEER};

const INPUT: &str = r#"
    [policy]
    input = "drop"

    [[rule]]
    name     = "web"
    hook     = "input"
    protocol = ["tcp", "udp"]
    port     = 80
    action   = "accept"

    [[rule]]
    name     = "no ident"
    hook     = "input"
    protocol = ["tcp", "udp"]
    port     = 113
    action   = "reject"

    [[rule]]
    name      = "echo requests"
    hook      = "input"
    protocol  = ["icmp", "icmpv6"]
    icmp-type = "echo-request"
    action    = "accept"
"#;

#[test]
fn an_allowed_port_is_open() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(80);
    let _daemon = Daemon::start(&bed, INPUT);
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 80)), Answered);
        assert_eq!(bed.peer.udp((gate, 80)), Answered);
    }
}

#[test]
fn a_port_that_no_rule_mentions_is_silent_and_recorded() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(2222);
    let daemon = Daemon::start(&bed, INPUT);
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 2222)), Silent);
        assert_eq!(bed.peer.udp((gate, 2222)), Silent);
        for protocol in ["TCP", "UDP"] {
            let record = daemon.record(|r| r["dest_ip"] == gate.to_string() && r["proto"] == protocol);
            assert_eq!(record["event_type"], "drop");
            assert_eq!(record["dest_port"], 2222);
            assert_eq!(record["drop"]["reason"], "firewall default packet policy");
            assert_eq!(record["verdict"]["action"], "drop");
            assert_eq!(record["alert"]["signature"], "policy input");
        }
    }
}

#[test]
fn a_rejected_port_says_so_at_once_and_is_recorded() {
    let Some(bed) = Bed::new() else { return };
    bed.gate.echo(113);
    let daemon = Daemon::start(&bed, INPUT);
    for gate in GATE {
        assert_eq!(bed.peer.tcp((gate, 113)), Refused);
        assert_eq!(bed.peer.udp((gate, 113)), Refused);
        let record = daemon.record(|r| r["dest_ip"] == gate.to_string() && r["proto"] == "UDP");
        assert_eq!(record["drop"]["reason"], "firewall rules");
        assert_eq!(record["verdict"]["action"], "reject");
        assert_eq!(record["alert"]["signature"], "no ident");
        assert!(record["alert"]["metadata"]["rule_line"].is_array());
    }
}

#[test]
fn pings_are_judged_by_their_type() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, INPUT);
    for gate in GATE {
        assert_eq!(bed.peer.ping(gate), Answered);
    }
    daemon.reload("[policy]\ninput = \"drop\"").expect("a valid configuration");
    for gate in GATE {
        assert_eq!(bed.peer.ping(gate), Silent);
    }
}

#[test]
fn outgoing_traffic_is_judged_by_the_output_policy() {
    let Some(bed) = Bed::new() else { return };
    bed.peer.echo(80);
    bed.peer.echo(443);
    let config = r#"
        [policy]
        output = "drop"
        [[rule]]
        name     = "web"
        hook     = "output"
        protocol = ["tcp", "udp"]
        port     = 443
        action   = "accept"
    "#;
    let daemon = Daemon::start(&bed, config);
    for peer in PEER {
        assert_eq!(bed.gate.tcp((peer, 443)), Answered);
        assert_eq!(bed.gate.udp((peer, 443)), Answered);
        assert_eq!(bed.gate.tcp((peer, 80)), Silent);
        assert_eq!(bed.gate.udp((peer, 80)), Silent);
        let record = daemon.record(|r| r["dest_ip"] == peer.to_string());
        assert_eq!(record["alert"]["signature"], "policy output");
    }
}

#[test]
fn a_rule_may_ask_for_the_user() {
    let Some(bed) = Bed::new() else { return };
    bed.peer.echo(80);
    let config = |user| {
        format!(
            "[policy]\noutput = \"drop\"\n\
             [[rule]]\nname = \"theirs\"\nhook = \"output\"\nuser = {user}\naction = \"accept\""
        )
    };
    let daemon = Daemon::start(&bed, &config(0));
    assert_eq!(bed.gate.tcp((PEER[0], 80)), Answered);
    daemon.reload(&config(65534)).expect("a valid configuration");
    assert_eq!(bed.gate.tcp((PEER[0], 80)), Silent);
}

#[test]
fn forwarded_traffic_is_judged_by_the_forward_policy() {
    let Some(bed) = Bed::new() else { return };
    bed.inner.echo(80);
    bed.inner.echo(22);
    bed.inner.echo(113);
    let config = r#"
        [policy]
        forward = "drop"
        [[rule]]
        name          = "web"
        hook          = "forward"
        in-interface  = "outer"
        out-interface = "inn*"
        protocol      = ["tcp", "udp"]
        port          = 80
        action        = "accept"
        [[rule]]
        name     = "no ident"
        hook     = "forward"
        protocol = "tcp"
        port     = 113
        action   = "reject"
    "#;
    let daemon = Daemon::start(&bed, config);
    for inner in INNER {
        assert_eq!(bed.peer.tcp((inner, 80)), Answered);
        assert_eq!(bed.peer.udp((inner, 80)), Answered);
        assert_eq!(bed.peer.tcp((inner, 113)), Refused);
        assert_eq!(bed.peer.tcp((inner, 22)), Silent);
        daemon.record(|r| r["dest_ip"] == inner.to_string() && r["alert"]["signature"] == "policy forward");
    }
}

#[test]
fn a_hook_without_a_policy_is_not_ours() {
    let Some(bed) = Bed::new() else { return };
    bed.inner.echo(80);
    bed.peer.echo(80);
    let _daemon = Daemon::start(&bed, INPUT);
    assert_eq!(bed.peer.tcp((INNER[0], 80)), Answered);
    assert_eq!(bed.gate.tcp((PEER[0], 80)), Answered);
}
