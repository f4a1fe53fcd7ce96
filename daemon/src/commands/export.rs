//! `export`: the rules in the order in which they are tried, as one file.

use std::io::{self, Write as _};

use super::{Outcome, fail};
use crate::{
    cli::{ExportArgs, ExportFormat},
    export, source,
};

pub(super) fn run(args: &ExportArgs) -> Outcome {
    // What is exported may go live elsewhere, where nobody runs its tests.
    let config = match source::load_checked(args.config.config.as_deref()) {
        Ok((loaded, _)) => loaded.config,
        Err(report) => {
            eprintln!("{report}");
            return Outcome::Invalid;
        }
    };
    let text = match args.format {
        ExportFormat::Toml => {
            "# The rules in the order in which they are tried, made by: portcullis export\n\
             # Not in it: [queue], [hook], [log] and [detect]. A rules.d beside it would be read, too.\n\n"
                .to_owned()
                + &config.rules_as_toml()
        }
        ExportFormat::Json => format!("{:#}\n", config.rules_as_json()),
        ExportFormat::Nft => export::nft(&config),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Outcome::Fine,
        Err(error) => fail(Outcome::No, format!("cannot write: {error}")),
    }
}
