//! What is wrong with a `[[test]]`.

use std::fmt;

use portcullis_rules::PacketTextError;

/// A packet text that is none.
#[derive(Debug)]
pub(crate) struct TestProblem(pub(crate) PacketTextError);

impl TestProblem {
    pub(super) const HELP: &str = "a packet is written HOOK PROTOCOL SOURCE[:PORT] -> DESTINATION[:PORT] [in INTERFACE] \
         [out INTERFACE] [state STATE] [flags FLAGS] [user USER] [type TYPE]";
}

impl fmt::Display for TestProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this packet cannot be read: {}", self.0)
    }
}
