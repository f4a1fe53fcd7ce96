//! `generate`: man pages, completions and the schema of rule files, from the same definitions as the command line itself.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Outcome, fail};
use crate::cli::{Cli, EXIT_STATUS};

const NAME: &str = "portcullis";
/// Commands for administrators.
const SECTION: &str = "8";
/// Where each shell looks for completions that come with packages.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/portcullis"),
    (Shell::Zsh, "zsh/vendor-completions/_portcullis"),
    (Shell::Fish, "fish/vendor_completions.d/portcullis.fish"),
];

pub(super) fn run(directory: &Path) -> Outcome {
    match pages(directory).and_then(|()| completions(directory)).and_then(|()| schema(directory)) {
        Ok(()) => Outcome::Fine,
        Err(error) => fail(Outcome::No, format!("cannot write to {}: {error}", directory.display())),
    }
}

/// What editors complete rule files by.
fn schema(share: &Path) -> io::Result<()> {
    write(
        &share.join("portcullis/rules.schema.json"),
        format!("{:#}\n", portcullis_config::schema()).as_bytes(),
    )
}

/// portcullis(8), and portcullis-COMMAND(8) for each command.
fn pages(share: &Path) -> io::Result<()> {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    page(share, all, NAME)
}

fn page(share: &Path, command: Command, name: &str) -> io::Result<()> {
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        page(share, below.clone(), &format!("{name}-{}", below.get_name()))?;
    }
    let mut text = Vec::new();
    let man = Man::new(command.display_name(name).version(env!("CARGO_PKG_VERSION")));
    let man = man.title(name.to_uppercase()).section(SECTION).manual("Portcullis");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if name == NAME {
        man.render_subcommands_section(&mut text)?;
        text.extend_from_slice(exit_status().as_bytes());
        text.extend_from_slice(FILES.as_bytes());
    } else {
        text.extend_from_slice(b".SH SEE ALSO\n.BR portcullis (8),\n.BR portcullis.toml (5)\n");
    }
    write(&share.join(format!("man/man{SECTION}/{name}.{SECTION}")), &text)
}

/// What `--help` says of it, as it stands there.
fn exit_status() -> String {
    let lines = EXIT_STATUS.lines().skip(1).map(|line| line.trim().replace('\'', "\\(aq"));
    lines.fold(".SH EXIT STATUS\n".to_owned(), |text, line| match line.split_once("  ") {
        Some((number, meaning)) => text + &format!(".TP\n.B {number}\n{}\n", meaning.trim()),
        None => text + &line + "\n",
    })
}

const FILES: &str = r#".SH FILES
.TP
.I /etc/portcullis/portcullis.toml
The configuration, described in
.BR portcullis.toml (5).
Portcullis reads it and never writes it.
.TP
.I /etc/portcullis/rules.d/*.toml
More rules, read after it in the order of their names.
.TP
.I /var/log/portcullis/
Records of blocked packets and of scans, as JSON lines. The group
.B portcullis
may read them.
.TP
.I /var/lib/portcullis/
What was live last, what was live before, and whether the firewall is enabled.
.TP
.I /run/portcullis/control.sock
Where the commands reach the daemon. The group
.B portcullis
may look, root may change.
.SH SEE ALSO
.BR portcullis.toml (5),
.BR nft (8)
.PP
The administrator's guide:
.I /usr/share/doc/portcullis/
"#;

fn completions(share: &Path) -> io::Result<()> {
    for (shell, file) in COMPLETIONS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
        write(&share.join(file), &text)?;
    }
    Ok(())
}

fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(file, text)
}
