//! What an administrator installs: the package, the archive, and the rule for sshd's real ports.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::bed::binary;

/// Builds it from the binary under test; its path.
fn built(script: &str, output: &Path) -> PathBuf {
    let made = Command::new(packaging(script))
        .arg("--binary")
        .arg(binary())
        .arg("--output")
        .arg(output)
        .output()
        .expect("bash is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("a path").trim().into()
}

fn packaging(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "packaging", file].iter().collect()
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it is installed");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

fn is_there(tool: &str) -> bool {
    let there = Command::new("sh").args(["-c", "command -v $0 >/dev/null", tool]).status();
    there.expect("a shell").success()
}

#[test]
fn the_package_is_built_and_has_no_flaw() {
    if !is_there("dpkg-deb") {
        return eprintln!("SKIPPED (no dpkg-deb here)");
    }
    let home = tempfile::tempdir().expect("a directory");
    let package = built("build-deb", home.path());
    let listed = said(Command::new("dpkg-deb").arg("--contents").arg(&package));
    for (mode, file) in [
        ("-rwxr-xr-x root/root", "./usr/sbin/portcullis"),
        ("-rw-r----- root/root", "./etc/portcullis/portcullis.toml"),
        ("drwxr-x--- root/root", "./etc/portcullis/rules.d/"),
        ("-rw-r--r-- root/root", "./lib/systemd/system/portcullis-hook.service"),
        ("-rw-r--r-- root/root", "./usr/lib/sysusers.d/portcullis.conf"),
        ("-rw-r--r-- root/root", "./usr/share/man/man8/portcullis.8.gz"),
        ("-rw-r--r-- root/root", "./usr/share/portcullis/rules.schema.json"),
        ("-rw-r--r-- root/root", "./usr/share/man/man5/portcullis.toml.5.gz"),
        ("-rw-r--r-- root/root", "./usr/share/bash-completion/completions/portcullis"),
    ] {
        let found = listed.lines().any(|line| line.starts_with(mode) && line.ends_with(&format!(" {file}")));
        assert!(found, "{mode} {file} is not in:\n{listed}");
    }
    let conffiles = said(Command::new("dpkg-deb").args(["--info"]).arg(&package).arg("conffiles"));
    assert_eq!(conffiles, "/etc/portcullis/portcullis.toml\n");
    if is_there("lintian") {
        let mut lintian = Command::new("lintian");
        lintian.args(["--allow-root", "--fail-on", "error,warning"]).arg(&package);
        assert_eq!(said(&mut lintian).trim(), "");
    }
}

#[test]
fn maintainer_scripts_are_shell() {
    for script in ["preinst", "postinst", "prerm", "postrm"] {
        said(Command::new("sh").arg("-n").arg(packaging(&format!("deb/{script}"))));
    }
}

/// Directives that systemd 247 does not know yet, and since when it does (systemd.exec(5) and
/// systemd.resource-control(5), "Added in version"); 247.3 itself names the same ones when it verifies the units.
const NEW: [(&str, u32); 4] =
    [("NoExecPaths", 248), ("ExecPaths", 248), ("PrivateIPC", 248), ("SocketBindDeny", 249)];
/// Those of ours that it knows.
const OLD: &str = "Description Documentation DefaultDependencies RequiresMountsFor Requires Wants After Before PartOf \
    Conflicts StartLimitIntervalSec Type NotifyAccess RemainAfterExit ExecStart ExecStop ExecReload Restart SuccessExitStatus \
    RestartSec RestartPreventExitStatus KillMode WatchdogSec TimeoutSec TimeoutStartSec TimeoutStopSec FileDescriptorStoreMax \
    OOMScoreAdjust LimitNOFILE TasksMax MemoryMax User Group DynamicUser SupplementaryGroups AmbientCapabilities \
    CapabilityBoundingSet NoNewPrivileges SecureBits RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve \
    StateDirectory StateDirectoryMode LogsDirectory LogsDirectoryMode UMask ProtectSystem ReadWritePaths ProtectHome \
    PrivateTmp PrivateDevices DevicePolicy PrivateMounts PrivateUsers RemoveIPC KeyringMode ProtectProc ProcSubset \
    ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables \
    LockPersonality MemoryDenyWriteExecute RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies \
    IPAddressDeny SystemCallArchitectures SystemCallFilter SystemCallErrorNumber WantedBy Also";

#[test]
fn units_say_what_older_systemds_leave_out() {
    for unit in ["portcullis.service", "portcullis-hook.service", "portcullis-metrics.service"] {
        let text = fs::read_to_string(packaging(unit)).expect("it is there");
        let (statement, rest) = text.split_once("[Unit]").expect("a statement, and sections");
        assert!(statement.contains("For systemd 247 and later"), "{unit}: {statement}");
        let lines = rest.lines().filter(|line| !line.starts_with(['#', '[']));
        for directive in lines.filter_map(|line| Some(line.split_once('=')?.0)) {
            let known = OLD.split_whitespace().any(|known| known == directive);
            let since = NEW.iter().find(|(new, _)| *new == directive);
            assert!(known != since.is_some(), "{unit}: since which version of systemd is there {directive}?");
            if let Some((_, since)) = since {
                let said =
                    statement.find(directive).and_then(|at| statement[at..].find(&format!("before {since}")));
                assert!(said.is_some(), "{unit} does not say that {directive} is left out before {since}");
            }
        }
        if is_there("systemd-analyze") {
            let mut verify = Command::new("systemd-analyze");
            let output = verify.args(["verify", "--man=no"]).arg(packaging(unit)).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("Unknown") && !said.contains("ignoring"), "{unit}: {said}");
        }
    }
}

#[test]
fn the_archive_has_all_that_its_installer_asks_for() {
    let home = tempfile::tempdir().expect("a directory");
    let archive = built("build-tarball", home.path());
    said(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(home.path()));
    let name = archive.file_name().and_then(|name| name.to_str()).expect("text");
    let root = home.path().join(name.strip_suffix(".tar.gz").expect("its name"));
    assert!(said(Command::new(root.join("portcullis")).arg("--version")).starts_with("portcullis "));
    let installer = fs::read_to_string(root.join("install")).expect("it is there");
    let sources: Vec<&str> = ["portcullis.service", "portcullis-hook.service", "portcullis.sysusers"].into();
    for file in sources.into_iter().chain(["portcullis.tmpfiles", "portcullis.toml", "ssh-rule"]) {
        assert!(installer.contains(file) && root.join(file).exists(), "{file}");
    }
}

/// A directory with programs that say what a host's would.
fn host(programs: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    for (name, script) in programs {
        let program = home.path().join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("our directory");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our file");
    }
    home
}

#[test]
fn sshd_on_other_ports_gets_its_rule() {
    let listens = |port: u16| {
        format!(
            "LISTEN 0 128 0.0.0.0:{port} 0.0.0.0:* users:((\"sshd\",pid=7,fd=3))\nLISTEN 0 5 *:80 *:* users:((\"nginx\",pid=8,fd=3))"
        )
    };
    for (sshd, ss, expected) in [
        ("echo port 22; echo listenaddress 0.0.0.0:22", listens(22), ""),
        ("echo port 22; echo port 2222", listens(2222), "2222"),
        ("exit 1", listens(2200), "2200"),
        ("echo port 2222; echo port 22022", String::new(), "2222, 22022"),
        ("exit 127", String::new(), ""),
    ] {
        let host =
            host(&[("sshd", sshd), ("ss", &format!("cat <<'EOF'\n{ss}\nEOF")), ("systemctl", "exit 3")]);
        let rules = host.path().join("rules.d");
        let mut command = Command::new(packaging("ssh-rule"));
        let path = format!("{}:/usr/bin:/bin", host.path().display());
        let ports = said(command.arg(&rules).env("PATH", path));
        assert_eq!(ports.trim(), expected);
        let file = rules.join("50-sshd.toml");
        assert_eq!(file.exists(), !expected.is_empty());
        if !expected.is_empty() {
            fs::copy(packaging("portcullis.toml"), host.path().join("portcullis.toml"))
                .expect("our directory");
            let mut check = Command::new(binary());
            said(check.arg("check").arg(host.path().join("portcullis.toml")));
        }
    }
}

#[test]
fn man_pages_tell_of_every_command() {
    let home = tempfile::tempdir().expect("a directory");
    said(Command::new(binary()).arg("generate").arg(home.path()));
    let main = fs::read_to_string(home.path().join("man/man8/portcullis.8")).expect("it was written");
    let help = said(Command::new(binary()).arg("--help"));
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut found = 0;
    for name in commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()) {
        if name.is_empty() || name == "help" {
            continue;
        }
        assert!(main.contains(&format!("portcullis\\-{name}(8)")), "{name} is not in:\n{main}");
        assert!(home.path().join(format!("man/man8/portcullis-{name}.8")).exists(), "{name}");
        found += 1;
    }
    assert!(found >= 10, "{help}");
    for shell in ["bash-completion/completions/portcullis", "zsh/vendor-completions/_portcullis"] {
        assert!(fs::read_to_string(home.path().join(shell)).expect("it was written").contains("explain"));
    }
}
