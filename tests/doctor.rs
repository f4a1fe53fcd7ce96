//! What doctor finds on hosts that lack something, and what a start says there.

use std::{fs, process::Output};

use serde_json::Value;

use crate::bed::{Bed, Daemon, binary};

const RULES: &str = "[policy]\ninput = \"drop\"\n";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Its exit status, and the findings of one check that are no praise.
fn doctor(bed: &Bed, config: &str, control: &str, check: &str) -> (Option<i32>, String) {
    let (code, found) = examined(bed, "", config, control);
    let wanted: Vec<String> = flaws(&found, check).map(|(what, _)| what).collect();
    (code, wanted.join("\n"))
}

/// Its exit status, and all that it finds, on a host where something was prepared before.
fn examined(bed: &Bed, prepare: &str, config: &str, control: &str) -> (Option<i32>, Vec<Value>) {
    fs::write(bed.home().join("examined.toml"), config).expect("our directory");
    // Mounts are this command's own.
    let script = format!(
        "{prepare}\nexec $as \"$1\" doctor --json --config \"$0/examined.toml\" --control \"$0/{control}\""
    );
    let output = bed.gate.command("sh").args(["-ec", &script]).arg(bed.home()).arg(binary()).output();
    let output = output.expect("a shell");
    let found: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    for finding in &found {
        assert!(finding["severity"] != "problem" || finding["fix"].is_string(), "{finding}");
    }
    (output.status.code(), found)
}

/// What is wrong, and what to do about it.
fn flaws<'a>(found: &'a [Value], check: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let of_check =
        found.iter().filter(move |finding| finding["check"] == check && finding["severity"] != "fine");
    of_check.map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("what"), text("fix"))
    })
}

#[test]
fn a_host_without_a_flaw_is_told_so() {
    let Some(bed) = Bed::new() else { return };
    let (code, problems) = doctor(&bed, RULES, "nobody", "hook");
    assert_eq!((code, problems.as_str()), (Some(0), ""));
    let words = said(&bed.portcullis(&["doctor"], None));
    assert!(words.contains("ok       nft: nftables"), "{words}");
}

#[test]
fn what_is_wrong_is_found_with_its_fix() {
    let Some(bed) = Bed::new() else { return };
    let (code, found) = doctor(&bed, "[policy]\ninput = \"dorp\"", "nobody", "configuration");
    assert_eq!(code, Some(1));
    assert!(found.contains("dorp"), "{found}");
    bed.gate.sh("ip rule add fwmark 0x1000000/0xf000000 lookup main
                 iptables -w -N DOCKER && iptables -w -A DOCKER -d 172.17.0.2 -j ACCEPT
                 iptables -w -A INPUT -p tcp --dport 82 -j DROP");
    let (code, found) = doctor(&bed, RULES, "nobody", "marks of others");
    assert_eq!(code, Some(1));
    assert!(found.contains("routing rule"), "{found}");
    let (_, found) = doctor(&bed, RULES, "nobody", "Docker");
    assert!(found.contains("open to everybody"), "{found}");
    let (_, found) = doctor(&bed, RULES, "nobody", "iptables");
    assert!(found.starts_with("1 rules of others"), "{found}");
}

/// One thing that is not as it should be: how to make it so, who finds it, its words, the fix, and whether
/// it is a problem.
type Flaw = (&'static str, &'static str, &'static str, &'static str, bool);

const FLAWS: [Flaw; 16] = [
    ("mount -t tmpfs tmpfs /usr/sbin", "nft", "nft is not installed", "apt-get install nftables", true),
    ("mount -t tmpfs tmpfs /usr/sbin", "hook", "nft is not installed", "apt-get install nftables", true),
    (
        "as='setpriv --reuid=65534 --clear-groups --inh-caps=-all'; chmod 755 $0; cp $1 $0/binary; set -- $0/binary $0/binary",
        "permission",
        "not permitted to look at the kernel's rules",
        "sudo portcullis doctor",
        true,
    ),
    (
        "iptables -w -N ufw-user-input && iptables -w -A ufw-user-input -p tcp --dport 22 -j ACCEPT",
        "ufw",
        "it is active: a packet has to pass both firewalls",
        "iptables-save | portcullis import; then ufw disable",
        false,
    ),
    (
        "nft 'table inet firewalld { chain a { accept; }; }'",
        "firewalld",
        "it is active: a packet has to pass both firewalls",
        "systemctl disable --now firewalld",
        false,
    ),
    (
        "iptables -w -N f2b-sshd && iptables -w -A f2b-sshd -s 192.0.2.1 -j REJECT",
        "fail2ban",
        "who is banned there is refused before or after",
        "",
        false,
    ),
    (
        "nft 'table inet mine { chain a { accept; }; }'",
        "nft",
        "tables of others: inet mine",
        "\"flush ruleset\" in /etc/nftables.conf",
        false,
    ),
    (
        "mkdir -p $0/log && mount -t tmpfs -o size=1m tmpfs $0/log",
        "records",
        "the records may take another",
        "make room, or set log.max-total to less",
        true,
    ),
    (
        "mkdir -p $0/log && mount -t tmpfs -o ro tmpfs $0/log",
        "records",
        "a read-only file system: nothing is recorded",
        "set log.directory to one that can be written",
        true,
    ),
    (
        "mkdir -p /var/lib/portcullis && mount -t tmpfs -o ro tmpfs /var/lib/portcullis",
        "state",
        "no way back from a broken configuration",
        "mount it writable",
        true,
    ),
    (
        "mount -t tmpfs tmpfs /usr/sbin; printf '#!/bin/sh\\necho no\\n' >/usr/sbin/timedatectl; chmod 755 /usr/sbin/timedatectl",
        "clock",
        "nobody keeps it right",
        "timedatectl set-ntp true",
        false,
    ),
    (
        "ip link set inner mtu 1000",
        "interfaces",
        "inner has an MTU of 1000: IPv6 needs 1280",
        "ip link set inner mtu 1280",
        false,
    ),
    (
        "ip link set inner gso_max_size 150000",
        "interfaces",
        "inner has BIG TCP, packets of up to 150000 bytes",
        "",
        false,
    ),
    (
        "for n in count max; do echo 9$n | tr -dc 0-9 >$0/$n; mount --bind $0/$n /proc/sys/net/netfilter/nf_conntrack_$n; done",
        "connections",
        "9 of at most 9 connections are tracked: when it is full, the kernel drops new ones",
        "sysctl net.netfilter.nf_conntrack_max=18",
        true,
    ),
    ("", "daemon", "it is not running", "systemctl enable --now portcullis", false),
    ("", "interfaces", "queue.gso is false", "take queue.gso out", false),
];

#[test]
fn every_flaw_is_found_and_has_its_fix() {
    for (prepare, check, what, fix, problem) in FLAWS {
        // One at a time: a host with all of them hides some.
        let Some(bed) = Bed::new() else { return };
        let config =
            format!("{RULES}[queue]\ngso = false\n[log]\ndirectory = {:?}\n", bed.home().join("log"));
        let (code, found) = examined(&bed, prepare, &config, "nobody");
        let told = flaws(&found, check).any(|(said, mend)| said.contains(what) && mend.contains(fix));
        assert!(told, "{prepare}: {what} is not among {found:#?}");
        assert!(!problem || code == Some(1), "{prepare}: {code:?}");
    }
}

#[test]
fn nft_wanted_where_its_queue_statement_is_missing_is_a_problem() {
    let Some(bed) = Bed::new() else { return };
    let config = format!("{RULES}[hook]\ninstall = \"nft\"\n");
    let (code, found) = examined(&bed, "", &config, "nobody");
    let here =
        bed.gate.command("nft").args(["-c", "add table t; add chain t c; add rule t c queue"]).output();
    let missing = !here.expect("nft runs").status.success();
    let told = flaws(&found, "hook").any(|(what, fix)| {
        what.contains("this kernel's nft has no queue statement") && fix == "hook.install = \"auto\""
    });
    assert_eq!((told, code), (missing, Some(i32::from(missing))), "{found:#?}");
}

#[test]
fn queues_rules_and_daemon_that_do_not_belong_together_are_found() {
    let Some(bed) = Bed::new() else { return };
    let daemon = Daemon::start(&bed, RULES);
    assert_eq!(doctor(&bed, RULES, "control", "queue").0, Some(0));
    let (code, found) = doctor(&bed, RULES, "nobody", "queue");
    assert_eq!(code, Some(1));
    assert!(found.contains("queue 7300 is held by portcullis (process "), "{found}");
    assert_eq!(doctor(&bed, RULES, "control", "kernel rules").1, "");
    daemon.kill9();
    let (code, found) = doctor(&bed, RULES, "control", "kernel rules");
    assert_eq!(code, Some(1));
    assert!(found.contains("nobody judges"), "{found}");
}

/// Starts the daemon where something was prepared before; it has to end by itself.
fn start_where(bed: &Bed, prepare: &str) -> (Option<i32>, String) {
    start_at(bed, prepare, "control")
}

fn start_at(bed: &Bed, prepare: &str, control: &str) -> (Option<i32>, String) {
    fs::write(
        bed.home().join("portcullis.toml"),
        format!("{RULES}[log]\ndirectory = {:?}\n", bed.home().join("log")),
    )
    .expect("our directory");
    // Mounts are this command's own.
    let script = format!(
        "{prepare}\nexec timeout --preserve-status 2 \"$@\" run --config \"$0/portcullis.toml\" --state \"$0/state\" --control \"$0/{control}\""
    );
    let output = bed.gate.command("sh").args(["-ec", &script]).arg(bed.home()).arg(binary()).output();
    let output = output.expect("a shell");
    (output.status.code(), said(&output))
}

#[test]
fn a_start_that_fails_says_what_to_do() {
    let Some(bed) = Bed::new() else { return };
    let (code, complaint) = start_where(&bed, "mount -t tmpfs tmpfs /usr/sbin");
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("nft is not installed") && complaint.contains("nftables"), "{complaint}");
}

#[test]
fn a_start_without_iptables_or_permission_says_so() {
    let Some(bed) = Bed::new() else { return };
    let (code, complaint) =
        start_where(&bed, "cp /usr/sbin/nft $0/nft; mount -t tmpfs tmpfs /usr/sbin; cp $0/nft /usr/sbin/nft");
    // With nft's own queue statement there is nothing to miss.
    let missing =
        code == Some(1) && complaint.contains("iptables is not installed; on Debian and Ubuntu: apt-get");
    assert!(missing || complaint.contains("ready"), "{complaint}");
    let (code, complaint) = start_where(
        &bed,
        "chmod 755 $0; chmod 644 $0/portcullis.toml; cp $1 $0/binary; set -- setpriv --reuid=65534 --clear-groups $0/binary",
    );
    assert_eq!(code, Some(4), "{complaint}");
    assert!(complaint.contains("needs root, or the capability CAP_NET_ADMIN"), "{complaint}");
}

#[test]
fn a_read_only_etc_keeps_nothing_from_starting_and_edits_are_refused() {
    let Some(bed) = Bed::new() else { return };
    let read_only =
        "mount --bind $0 $0; for d in state log; do mkdir -p $0/$d; mount -t tmpfs tmpfs $0/$d; done
                     mount -t tmpfs tmpfs $0/run; mount -o remount,bind,ro $0";
    fs::create_dir(bed.home().join("run")).expect("our directory");
    let (code, told) = start_at(&bed, read_only, "run/control");
    assert_eq!(code, Some(0), "it runs until it is told to stop: {told}");
    assert!(told.contains("ready"), "{told}");
    let edit = format!(
        "{read_only}\n\"$1\" allow 443/tcp --write --config \"$0/portcullis.toml\" && exit 9; exit 7"
    );
    let output = bed.gate.command("sh").args(["-c", &edit]).arg(bed.home()).arg(binary()).output();
    let output = output.expect("a shell");
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(said(&output).contains("Read-only file system"), "{}", said(&output));
}

#[test]
fn directories_that_cannot_be_written_keep_nothing_from_starting() {
    let Some(bed) = Bed::new() else { return };
    let read_only = "for d in state log; do mkdir -p $0/$d; mount -t tmpfs -o ro tmpfs $0/$d; done";
    let (code, told) = start_where(&bed, read_only);
    assert_eq!(code, Some(0), "it runs until it is told to stop: {told}");
    for expected in ["ready", "cannot keep this configuration", "records can't be written", "Read-only"] {
        assert!(told.contains(expected), "{expected} is not in: {told}");
    }
}
