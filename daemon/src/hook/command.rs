//! Running the system's own tools.

use std::{
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Why the kernel rules could not be read or changed.
#[derive(Debug)]
pub enum HookError {
    /// The tool is not installed.
    Missing {
        /// Its name.
        tool: String,
    },
    /// The tool could not be run.
    Spawn {
        /// Its name.
        tool: String,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel, or the tool, refused.
    Refused {
        /// What was run.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// `hook.install = "nft"` on a kernel without it.
    NoNftQueue,
}

impl std::fmt::Display for HookError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { tool } => {
                let package = if tool == "nft" { "nftables" } else { "iptables" };
                write!(f, "{tool} is not installed; on Debian and Ubuntu: apt-get install {package}")
            }
            Self::Spawn { tool, source } => write!(f, "cannot run {tool}: {source}"),
            Self::Refused { command, stderr } => {
                write!(
                    f,
                    "`{command}` failed: {}",
                    stderr.trim().escape_debug().to_string().replace("\\n", "\n  ")
                )
            }
            Self::NoNftQueue => write!(
                f,
                "hook.install is \"nft\", but this kernel's nft has no queue statement (CONFIG_NFT_QUEUE); \
                 write install = \"auto\" or \"iptables\""
            ),
        }
    }
}

impl std::error::Error for HookError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spawn { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Iptables waits for whoever holds its lock, and nobody could stop a daemon that waits with it. Shorter than systemd's watchdog has.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs a tool to its end with `input` on its standard input, and returns what it printed.
pub(crate) fn run(tool: &str, args: &[&str], input: &str) -> Result<String, HookError> {
    let spawn = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => HookError::Missing { tool: tool.to_owned() },
        _ => HookError::Spawn { tool: tool.to_owned(), source },
    };
    // By its whole path, because a name to be searched for by this PATH would make std fork: the child would take a
    // copy of this process's page tables, and the workers would stand still until it has, and fault on each
    // page that they write to afterwards. A path is spawned beside them, as vfork(2) does it.
    let program = find(tool).ok_or_else(|| HookError::Missing { tool: tool.to_owned() })?;
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", path())
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(spawn)?;
    let command = format!("{tool} {}", args.join(" "));
    let (pid, input) = (Pid::from_child(&child), input.to_owned());
    let (send, ended) = mpsc::channel();
    thread::spawn(move || {
        // A tool that ends without reading its input tells why on its standard error.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        // Nobody listens any more to a tool that was given up.
        let _ = send.send(child.wait_with_output());
    });
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        // It may just have ended: then there is nothing to end.
        let _ = kill_process(pid, Signal::KILL);
        return Err(HookError::Refused {
            command,
            stderr: "it did not end; is iptables' lock held?".to_owned(),
        });
    };
    let output = output.map_err(spawn)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if stderr.trim().is_empty() {
        stderr = output.status.to_string();
    }
    Err(HookError::Refused { command, stderr })
}

/// Where tools are looked for. The administrator's directories come last: these tools live where packages put
/// them, and a service's or cron's PATH often lacks the sbin folders.
fn path() -> String {
    format!("/usr/sbin:/sbin:/usr/bin:/bin:{}", std::env::var("PATH").unwrap_or_default())
}

/// Where a tool is: the first file of this name that somebody may execute.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let executable = |file: &PathBuf| {
        file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    directories(&path()).map(|directory| directory.join(tool)).find(executable)
}

/// The directories of a PATH, but for those that depend on where an administrator happens to stand: an empty part
/// is one, too.
fn directories(path: &str) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|directory| directory.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tool_is_taken_from_the_current_directory() {
        let found: Vec<PathBuf> = directories("/usr/sbin::.:bin:/opt/bin:").collect();
        assert_eq!(found, ["/usr/sbin", "/opt/bin"].map(PathBuf::from));
    }
}
