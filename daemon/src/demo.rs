//! `demo`: the firewall at work on real packets, in network namespaces made for it and gone with it.

mod error;
mod firewall;
mod host;
mod narrator;
mod scan;
mod service;
mod stage;
mod tools;
mod visitor;

use std::{env, net::SocketAddr};

use rustix::process::geteuid;

use self::{
    error::DemoError,
    host::{gate_addresses, visitor_addresses},
    narrator::Narrator,
    stage::Stage,
    visitor::{Answer, PATIENCE, Session},
};
use crate::{cli::DemoArgs, commands::Outcome};

/// A port that the policy lets in.
const SSH: u16 = 22;
/// A port with a service behind it that the policy does not let in.
const WEB: u16 = 8080;
/// A port for datagrams, likewise closed.
const SNMP: u16 = 161;
/// A port that a rule of the demo's rejects.
const TELNET: u16 = 23;

/// Plays all scenes, in less than 20 seconds. Whatever happens, nothing is left behind.
pub fn run(args: &DemoArgs) -> Outcome {
    let narrator = match Narrator::new(args.fast) {
        Ok(narrator) => narrator,
        Err(error) => return told(&error),
    };
    match play(&narrator) {
        Ok(()) => Outcome::Fine,
        // Whatever failed then, failed for that.
        Err(_) if narrator.interrupted() => told(&DemoError::Interrupted),
        Err(error) => told(&error),
    }
}

fn told(error: &DemoError) -> Outcome {
    eprintln!("portcullis demo: {error}");
    error.outcome()
}

fn play(narrator: &Narrator) -> Result<(), DemoError> {
    if !geteuid().is_root() {
        return Err(tools::again_as_root());
    }
    tools::require(narrator)?;
    narrator.title("Portcullis: the built-in default policy, enforced, on real packets")?;
    narrator.say(
        "Two hosts are made for this, the gate and a visitor, with a wire between them: network \
         namespaces.\nNothing else on this machine is touched, and nothing of it is left.",
    )?;
    let mut stage = Stage::set(narrator)?;
    narrator.heading("The gate's rules")?;
    stage.portcullis(&["rules"])?;
    allowed(&mut stage)?;
    blocked(&mut stage)?;
    scanned(&mut stage)?;
    edited(&mut stage)?;
    reviewed(&mut stage)?;
    drop(stage);
    farewell(narrator)
}

fn allowed(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    stage.narrator.heading("The visitor tries what is allowed")?;
    stage.narrator.say(
        "ssh is a failsafe rule: the kernel itself holds that door open, so the daemon shows no verdict.",
    )?;
    for &gate in gate_addresses() {
        stage.hello(SocketAddr::new(gate, SSH), true)?;
    }
    for &gate in gate_addresses() {
        let answer = stage.visitor.inside(|| visitor::ping(gate))?;
        stage.firewall.shows(&["ACCEPT", "echo-request", &gate.to_string()])?;
        stage.found(&format!("ping {gate}"), &answer, answer == Answer::Heard("pong".to_owned()))?;
    }
    Ok(())
}

fn blocked(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    stage.narrator.heading("The visitor tries what is not")?;
    stage.narrator.say(&format!("Port {WEB} has a service, but no rule lets anybody in."))?;
    let door = SocketAddr::new(gate_addresses()[0], WEB);
    let answer = stage.gate.inside(|| visitor::hello(door, PATIENCE))?;
    stage.found("the gate asks itself", &answer, answer != Answer::Silence)?;
    for &gate in gate_addresses() {
        stage.hello(SocketAddr::new(gate, WEB), false)?;
    }
    for &gate in gate_addresses() {
        let door = SocketAddr::new(gate, SNMP);
        let answer = stage.visitor.inside(|| visitor::datagram(door))?;
        stage.firewall.shows(&["DROP", "udp", &door.to_string()])?;
        stage.found(&format!("{door}/udp"), &answer, answer == Answer::Silence)?;
    }
    Ok(())
}

fn scanned(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    stage.narrator.heading("The visitor scans ports")?;
    for &gate in gate_addresses() {
        stage.firewall.show_at_most(6);
        let scan = stage.visitor.inside(|| scan::run(gate))?;
        stage.firewall.shows(&["SCAN", "port scan"])?;
        stage.narrator.say("  … and so on")?;
        let open: Vec<String> = scan.open.iter().map(ToString::to_string).collect();
        let what = format!("{}, {} ports of {gate}", scan.tool, scan::PORTS.len());
        stage.found(&what, &format!("open: {}", open.join(", ")), scan.open == [SSH])?;
    }
    stage.firewall.show_all();
    Ok(())
}

fn edited(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    let door = SocketAddr::new(gate_addresses()[0], WEB);
    stage.narrator.heading(&format!("The gate's administrator opens port {WEB}"))?;
    stage.write_rules("web.toml", &rule("web", WEB, "accept"))?;
    stage.reload()?;
    let mut session = stage.visitor.inside(|| Session::open(door, PATIENCE))?;
    stage.firewall.shows(&["ACCEPT", &door.to_string(), "web"])?;
    stage.found(&format!("{door}/tcp"), &Answer::Heard(session.greeting.clone()), true)?;

    stage.narrator.heading("Another edit, while that session is open: it goes on")?;
    stage.write_rules("telnet.toml", &rule("no telnet", TELNET, "reject"))?;
    stage.reload()?;
    let answer = session.say("still there?").map_err(DemoError::io("the open session"))?;
    stage.found("the open session", &answer, matches!(answer, Answer::Heard(_)))?;
    let telnet = SocketAddr::new(gate_addresses()[0], TELNET);
    let answer = stage.visitor.inside(|| visitor::hello(telnet, PATIENCE))?;
    stage.firewall.shows(&["REJECT", &telnet.to_string()])?;
    stage.found(&format!("{telnet}/tcp"), &answer, answer == Answer::Refused)?;

    stage.narrator.heading(&format!("Port {WEB} is closed again: its session is cut at once"))?;
    stage.remove_rules("web.toml")?;
    stage.reload()?;
    let answer = session.say("still there?").map_err(DemoError::io("the open session"))?;
    stage.firewall.shows(&["DROP", &door.to_string()])?;
    stage.found("the open session", &answer, answer == Answer::Refused)
}

fn reviewed(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    stage.narrator.heading("The firewall stops; its records stay")?;
    stage.firewall.stop();
    stage.portcullis(&["log", "--port", &WEB.to_string()])?;
    stage.portcullis(&["log", "--top", "ports", "-n", "5"])?;
    stage.portcullis(&["log", "--incidents"])?;
    let telnet = SocketAddr::new(gate_addresses()[0], TELNET);
    let packet = format!("input tcp {}:40000 -> {telnet}", visitor_addresses()[0]);
    stage.portcullis(&["explain", &packet])
}

fn farewell(narrator: &Narrator) -> Result<(), DemoError> {
    let me = env::current_exe().unwrap_or_else(|_| "portcullis".into());
    let service = if me.starts_with("/usr") {
        "sudo systemctl enable --now portcullis-hook portcullis\n    the same as a service"
    } else {
        "sudo packaging/install\n    the service: its files, and what comes next"
    };
    narrator.heading("Now on this host")?;
    narrator.say(&format!(
        "sudo {} run\n    judges and records, and lets everything pass (monitor mode), until Ctrl-C\n{service}",
        me.display()
    ))
}

fn rule(name: &str, port: u16, action: &str) -> String {
    format!(
        "[[rule]]\nname     = \"{name}\"\nhook     = \"input\"\nprotocol = \"tcp\"\nport     = {port}\n\
         action   = \"{action}\"\n"
    )
}
