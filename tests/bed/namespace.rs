//! One host: a network namespace.

use std::{
    fs::{self, File},
    io::Write,
    os::fd::AsFd,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::echo::Echo;

pub(crate) struct Namespace {
    name: String,
    servers: Mutex<Vec<Echo>>,
}

impl Namespace {
    pub(super) fn new(name: String) -> Self {
        ip(&[], &format!("netns add {name}"));
        let namespace = Self { name, servers: Mutex::default() };
        // Lets the probes send echo requests without raw sockets.
        namespace.sysctl("net/ipv4/ping_group_range", "0 0");
        // Without this an IPv6 address would be of no use for its first second or two.
        namespace.sysctl("net/ipv6/conf/all/accept_dad", "0");
        namespace.sysctl("net/ipv6/conf/default/accept_dad", "0");
        namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Does `work` inside: a socket made there stays there, whoever uses it later.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let namespace = File::open(format!("/run/netns/{}", self.name)).expect("our namespace");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may enter it");
            work()
        };
        let result = thread::scope(|scope| scope.spawn(inside).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// A program that will run inside. Its process is the program itself, not a shell around it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).stdin(Stdio::null());
        command
    }

    /// Runs lines of shell inside, all of which must succeed; returns what they print.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.command("sh").args(["-ec", script]).output().expect("a shell");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Loads lines of nft.
    pub(crate) fn nft(&self, script: &str) {
        feed(self.command("nft").args(["-f", "-"]), script);
    }

    /// How many packets a counter has seen: one declared by name in table `inet watch`.
    pub(crate) fn packets(&self, counter: &str) -> u64 {
        let listed = self.sh(&format!("nft list counter inet watch {counter}"));
        let words: Vec<_> = listed.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "packets").expect("a counter");
        words[at + 1].parse().expect("a number")
    }

    /// How many packets the kernel has ever sent to the queues that are open now.
    pub(crate) fn queued(&self) -> u64 {
        let queues = self.run(|| fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_queue"));
        let id_sequence = |line: &str| -> u64 {
            line.split_whitespace().nth(7).expect("eight columns").parse().expect("a number")
        };
        queues.expect("the kernel has nfnetlink_queue").lines().map(id_sequence).sum()
    }

    /// Answers TCP and UDP on `port`, both families, with what it is sent, until the bed is gone.
    pub(crate) fn echo(&self, port: u16) {
        let server = self.run(|| Echo::start(port));
        self.servers.lock().expect("no panic while it is held").push(server);
    }

    pub(crate) fn ip(&self, commands: &str) {
        ip(&["-n", &self.name], commands);
    }

    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        self.run(|| fs::write(format!("/proc/sys/{key}"), value).expect("a sysctl of the namespace"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Ends what still runs in a namespace, then removes it.
pub(super) fn delete(name: &str) {
    let script = "ip netns pids $0 | xargs -r kill -9; ip netns delete $0";
    // Nothing to do about a failure here: another process may just have swept it.
    let _ = Command::new("sh").args(["-c", script, name]).stderr(Stdio::null()).status();
}

/// Runs `ip` over a list of its commands.
pub(super) fn ip(options: &[&str], commands: &str) {
    feed(Command::new("ip").args(options).args(["-batch", "-"]), commands);
}

fn feed(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("ip and nft are installed");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    assert!(child.wait().expect("our child").success(), "refused: {input}");
}
