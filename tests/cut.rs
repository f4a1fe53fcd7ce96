//! Flows that a reload no longer allows.

use crate::bed::{Bed, Daemon, Door, Flow, GATE, INNER, Namespace, PEER, Passage::*};

/// One hook is ours, wholly open or wholly shut.
fn only(hook: &str, policy: &str) -> String {
    format!("[policy]\n{hook} = \"{policy}\"")
}

/// One of the ways to open a flow.
type Open = fn(&Namespace, &Namespace, Door) -> Flow;

/// Flows through `hook`, both families.
fn flows(bed: &Bed, hook: &str, open: Open) -> Vec<Flow> {
    let (client, server, addresses) = match hook {
        "input" => (&bed.peer, &bed.gate, GATE),
        "output" => (&bed.gate, &bed.peer, PEER),
        _ => (&bed.peer, &bed.inner, INNER),
    };
    addresses.map(|address| open(client, server, (address, 80))).into()
}

#[test]
fn a_connection_no_longer_allowed_is_reset_for_both_sides() {
    let Some(bed) = Bed::new() else { return };
    for hook in ["input", "output", "forward"] {
        let daemon = Daemon::start(&bed, &only(hook, "accept"));
        let mut caller_speaks = flows(&bed, hook, Flow::tcp);
        let mut called_speaks = flows(&bed, hook, Flow::tcp);
        daemon.reload(&only(hook, "drop")).expect("a valid configuration");
        for flow in &mut caller_speaks {
            assert_eq!([flow.client_sends(), flow.server_sends()], [Reset; 2], "{hook}");
        }
        for flow in &mut called_speaks {
            // At a hook that is not ours nobody asks: the first packet of that direction may pass, and
            // the other side's answer to it is what gets the flow cut.
            if hook == "forward" {
                assert_eq!(flow.server_sends(), Reset);
            } else {
                flow.server_sends();
            }
            assert_eq!([flow.client_sends(), flow.server_sends()], [Reset; 2], "{hook}");
        }
        let record = daemon.record(|r| r["drop"]["reason"] == "flow cut");
        assert_eq!(record["proto"], "TCP");
        daemon.terminate();
    }
}

#[test]
fn datagrams_no_longer_allowed_stay_away_whoever_sends_them() {
    let Some(bed) = Bed::new() else { return };
    for hook in ["input", "output", "forward"] {
        let daemon = Daemon::start(&bed, &only(hook, "accept"));
        let mut cut = flows(&bed, hook, Flow::udp);
        assert!(cut.iter_mut().all(Flow::lives));
        daemon.reload(&only(hook, "drop")).expect("a valid configuration");
        for flow in &mut cut {
            assert_eq!(flow.client_sends(), Lost, "{hook}");
            // The other hook is not ours, and the cut holds there all the same.
            assert_eq!(flow.server_sends(), Lost, "{hook}");
            assert_eq!(flow.arrivals_under_load(200), 0, "{hook}");
        }
        daemon.terminate();
    }
}

#[test]
fn a_cut_flow_is_judged_anew_after_the_next_reload() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, &only("input", "accept"));
    let mut cut = Flow::udp(&bed.peer, &bed.gate, (GATE[0], 80));
    daemon.reload(&only("input", "drop")).expect("a valid configuration");
    assert_eq!(cut.client_sends(), Lost);
    let other = only("input", "drop") + "\noutput = \"accept\"";
    daemon.reload(&other).expect("a valid configuration");
    assert_eq!(cut.client_sends(), Lost, "the new rules refuse it, too");
    // A peer that keeps sending would otherwise keep its flow, and with it the cut, alive for ever.
    daemon.reload(&only("input", "accept")).expect("a valid configuration");
    assert!(cut.lives());
}
