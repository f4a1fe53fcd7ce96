//! The daemon under test.

use std::{
    env, fs,
    fs::File,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Bed, Keeper, eventually};

/// Runs on the gate until it is told otherwise, at the latest until it is dropped.
pub(crate) struct Daemon<'bed> {
    bed: &'bed Bed,
    process: Child,
}

impl<'bed> Daemon<'bed> {
    /// Starts it and waits until its rules are in force. State is kept from one start to the next.
    pub(crate) fn start(bed: &'bed Bed, config: &str) -> Self {
        write_config(bed, config);
        let mut command = portcullis(bed, "run");
        command.arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Starts it where the clocks are those of `zone`, as the variable TZ has it.
    pub(crate) fn start_in_zone(bed: &'bed Bed, config: &str, zone: &str) -> Self {
        write_config(bed, config);
        let mut command = portcullis(bed, "run");
        command.env("TZ", zone).arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Starts it where somebody else owns the hook.
    pub(crate) fn start_keeping_hook(bed: &'bed Bed, config: &str) -> Self {
        write_config(bed, config);
        let mut command = portcullis(bed, "run");
        command.arg("--keep-hook").arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Starts it as a service that gets the socket that `keeper` has from the one before.
    pub(crate) fn start_kept(bed: &'bed Bed, config: &str, keeper: &Keeper) -> Self {
        write_config(bed, config);
        let mut command = keeper.hand_over(&portcullis(bed, "run"));
        command.arg("--keep-hook").arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// What it says, and how it ends, when it can't start.
    pub(crate) fn fails_to_start(bed: &Bed, config: &str) -> Output {
        write_config(bed, config);
        let mut command = portcullis(bed, "run");
        command.arg("--config").arg(bed.config());
        // The control socket of a daemon that already runs is not to be the first obstacle.
        command.arg("--state").arg(bed.home().join("state")).arg("--control").arg(bed.home().join("other"));
        let output = command.output().expect("the command runs");
        assert!(!output.status.success(), "it must not start");
        output
    }

    /// Starts it on a host that has no configuration file.
    pub(crate) fn start_without_config(bed: &'bed Bed) -> Self {
        fs::create_dir_all(bed.log()).expect("our directory");
        // Its default places are on the machine: this command's view of them is our directory.
        let hide = "test ! -d /etc/portcullis || mount -t tmpfs tmpfs /etc/portcullis
                    mount --bind $0 /var/log && exec \"$@\"";
        let mut command = bed.gate.command("sh");
        command.args(["-c", hide]).arg(bed.home()).arg(binary()).arg("run");
        Self::spawn(bed, command)
    }

    /// Starts it on a host whose syslog listens at `dev/log` in [`Bed::home`], and whose journald in `run`.
    pub(crate) fn start_with_logs(bed: &'bed Bed, config: &str) -> Self {
        write_config(bed, config);
        // This command's view of the machine's devices and sockets are our directories.
        let logs = "mkdir -p $0/dev $0/run && touch $0/dev/null && mount --bind /dev/null $0/dev/null &&
                    mount --rbind $0/dev /dev && mount --rbind $0/run /run && exec \"$@\"";
        let mut command = bed.gate.command("sh");
        command.args(["-c", logs]).arg(bed.home()).arg(binary()).arg("run");
        command.arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Starts it where this is mounted over /proc.
    pub(crate) fn start_with_proc(bed: &'bed Bed, config: &str, mount: &str) -> Self {
        write_config(bed, config);
        let mut command = bed.gate.command("sh");
        command.args(["-ec", &format!("mount {mount} /proc; exec \"$0\" \"$@\"")]).arg(binary());
        command.arg("run").arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Starts it on a host that asks `server` for names.
    pub(crate) fn start_asking(bed: &'bed Bed, config: &str, server: IpAddr) -> Self {
        write_config(bed, config);
        let resolv_conf = bed.home().join("resolv.conf");
        fs::write(&resolv_conf, format!("nameserver {server}\n")).expect("our directory");
        // Seen by this command only.
        let mut command = bed.gate.command("sh");
        command.args(["-c", "mount --bind $0 /etc/resolv.conf && exec \"$@\""]).arg(resolv_conf);
        command.arg(binary()).arg("run").arg("--config").arg(bed.config());
        Self::spawn(bed, command)
    }

    /// Does the same on a host where `tool` stands in for iproute2's ip, and doesn't wait until the rules are in force.
    pub(crate) fn begins_kept(bed: &'bed Bed, config: &str, keeper: &Keeper, tool: &Path) -> Self {
        write_config(bed, config);
        let mut command = bed.gate.command("sh");
        // This command's view of the machine only.
        command.args(["-c", "mount --bind $0 \"$(command -v ip)\" && exec \"$@\""]).arg(tool);
        command.arg(binary()).args(["run", "--keep-hook"]).arg("--config").arg(bed.config());
        Self::begin(bed, keeper.hand_over(&command))
    }

    fn spawn(bed: &'bed Bed, command: Command) -> Self {
        let mut daemon = Self::begin(bed, command);
        daemon.becomes_ready();
        daemon
    }

    /// Waits until its rules are in force.
    pub(crate) fn becomes_ready(&mut self) {
        let ready = || {
            let ended = self.process.try_wait().expect("our child");
            assert!(ended.is_none(), "the daemon ended: {ended:?}");
            self.stderr().contains("ready").then_some(())
        };
        eventually(Duration::from_secs(30), ready).expect("the daemon becomes ready");
    }

    fn begin(bed: &'bed Bed, mut command: Command) -> Self {
        let log = File::create(bed.stderr()).expect("our directory");
        command.arg("--state").arg(bed.home().join("state")).arg("--control").arg(bed.control());
        let process = command.stderr(log).spawn().expect("the daemon starts");
        // Or what it was handed would stay open here.
        drop(command);
        Self { bed, process }
    }

    /// Puts another configuration in force, by command. The error is what the command said.
    pub(crate) fn reload(&self, config: &str) -> Result<(), String> {
        write_config(self.bed, config);
        let output = self.ask(&["reload"]);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    /// Edits the configuration, and runs `apply` or `enable`, the first of these words.
    pub(crate) fn apply(&self, config: &str, words: &[&str]) -> Output {
        write_config(self.bed, config);
        let file = self.bed.config().display().to_string();
        self.ask(&[words, &["--config", &file]].concat())
    }

    /// Asks it to read `config`, by signal. Nothing says when that is done.
    pub(crate) fn hang_up(&self, config: &str) {
        write_config(self.bed, config);
        self.signal(Signal::HUP);
    }

    /// Stops it politely. How it ended, and how long that took.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.signal(Signal::TERM);
        let ended = eventually(Duration::from_secs(10), || self.process.try_wait().expect("our child"));
        (ended.expect("the daemon ends"), start.elapsed())
    }

    /// Lets it die without a word.
    pub(crate) fn kill9(mut self) {
        self.signal(Signal::KILL);
        self.process.wait().expect("our child");
    }

    /// Leaves it alive and holding the queue, but deaf.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// What `status --json` says.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.ask(&["status", "--json"]).stdout).expect("JSON")
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).expect("it has not been waited for");
    }

    /// Runs another command against it.
    pub(crate) fn ask(&self, command: &[&str]) -> Output {
        let mut process = portcullis(self.bed, command[0]);
        process.arg("--control").arg(self.bed.control()).args(&command[1..]);
        process.output().expect("the command runs")
    }

    /// The first record in blocked.jsonl that `wanted` is true of; it may take a moment to be written.
    pub(crate) fn record(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = || self.records().into_iter().find(&wanted);
        eventually(Duration::from_secs(3), found)
            .unwrap_or_else(|| panic!("no such record among {:#?}", self.records()))
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        lines(&self.bed.log().join("blocked.jsonl"))
    }

    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.bed.incidents()
    }

    /// What it has said of its own life.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.bed.stderr()).expect("our file")
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the daemon said:\n{}", self.stderr());
            let rules = self.bed.gate.command("nft").args(["list", "ruleset"]).output().expect("nft runs");
            eprintln!("--- the gate's rules were:\n{}", String::from_utf8_lossy(&rules.stdout));
        }
        // An error means that it has ended already, which is what we want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Bed {
    /// Runs a command of the binary that needs the configuration, but no daemon.
    pub(crate) fn portcullis(&self, words: &[&str], config: Option<&str>) -> Output {
        let mut command = portcullis(self, words[0]);
        command.args(&words[1..]);
        if let Some(config) = config {
            write_config(self, config);
            command.arg("--config").arg(self.config()).arg("--state").arg(self.home().join("state"));
        }
        command.output().expect("the command runs")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.home().join("portcullis.toml")
    }

    /// The daemon's control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.home().join("control")
    }

    fn stderr(&self) -> PathBuf {
        self.home().join("stderr")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.home().join("portcullis")
    }

    /// The incident records, also of a daemon that has ended.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        lines(&self.log().join("incidents.jsonl"))
    }
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    env::var_os("PORTCULLIS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_portcullis").into(), PathBuf::from)
}

fn portcullis(bed: &Bed, subcommand: &str) -> Command {
    let mut command = bed.gate.command(binary().to_str().expect("a path in UTF-8"));
    command.arg(subcommand);
    command
}

/// `TEST_BACKEND` names the queue's backend: the whole suite has to end the same with either.
pub(crate) fn write_config(bed: &Bed, config: &str) {
    let mut config = config.to_owned();
    if let Ok(backend) = env::var("TEST_BACKEND") {
        if !config.contains("[queue]") {
            config.push_str("\n[queue]");
        }
        config = config.replacen("[queue]", &format!("[queue]\nbackend = {backend:?}"), 1);
    }
    if !config.contains("[log]") {
        config.push_str("\n[log]");
    }
    config = config.replacen("[log]", &format!("[log]\ndirectory = {:?}", bed.log()), 1);
    fs::write(bed.config(), config + "\n").expect("our directory");
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    // A line without its end is still being written.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}
