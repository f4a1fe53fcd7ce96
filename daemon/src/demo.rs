//! x
use crate::{cli::DemoArgs, commands::Outcome};
/// x
pub fn run(_args: &DemoArgs) -> Outcome {
    Outcome::Fine
}
