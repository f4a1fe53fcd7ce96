//! The built binary, driven from outside, in network namespaces that each test makes for itself.
//!
//! Root is needed; without it a test says that it was skipped. `PORTCULLIS_BIN` names another
//! binary than the one just built, `TEST_PATIENCE` multiplies every time-out on a slow machine.

// Hosts, probes, lasting flows and the daemon under test.
mod bed;

// Commands that need neither root nor a daemon, and how they end.
mod commands;

// What the commands tell of rules: lints, differences, explanations.
mod reasons;

// What a newcomer sees first.
mod demo;

// The tutorial, command by command.
mod tutorial;

// What an administrator installs: the package, the archive, the man pages.
mod package;

// What each verdict looks like from the other end of the wire.
mod verdicts;

// Many queues, and full ones.
mod queues;

// How often each rule has decided.
mod hits;

// Start, stop, crash, reload, and what each leaves behind.
mod lifecycle;

// From one daemon to the next without losing what waits.
mod handover;

// Whose the hook is: ours, a unit's, the administrator's; and whose the queue and the mark bits are.
mod ownership;

// The kernel rules, put back when somebody else takes or changes them.
mod guard;

// The control socket: who may ask what, and that nobody can hold the daemon up.
mod control;

// Going live on trial: confirmed, not confirmed, restarted meanwhile; and the history.
mod trial;

// What doctor finds on hosts that lack something, and what a start says there.
mod doctor;
mod documents;

// Rules of iptables and ufw, judged by the kernel and, translated, by us.
mod import;

// Accepted flows: who carries them, what a reload does to them, whose marks stay whose.
mod flows;

// Flows that a reload no longer allows.
mod cut;

// Rules with a rate, and rules that count for a time.
mod timed;

// Rules in one file, for Portcullis and for nft.
mod export;

// Lists that reload by themselves.
mod lists;

// Doors that stay open while the daemon is dead.
mod failsafe;

// What passes whatever the policy says.
mod builtin;

// Beside a container engine, another firewall, traffic shaping.
mod beside;

// What others do, on purpose or not: marks, routes, translated addresses, second daemons, bad names.
mod adversary;

// Captures through the same rules and detector.
mod replay;

// Sources that are dropped for a time, in the kernel.
mod bans;

// One scan, one incident.
mod scan;

// From real packets to records, doors and numbers, and what becomes of them when things break.
mod review;

// A real Prometheus scrapes the real daemon.
mod metrics;

// The page, in a real browser.
mod report;

// What other programs make of our records: Suricata's schema, psad, fail2ban, CrowdSec.
mod readers;

// The live view, on a terminal.
mod top;
