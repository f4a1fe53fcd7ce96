//! What is wrong with a `[[test]]`.

use std::fmt;

use portcullis_rules::{Expected, PacketTextError, PacketTextFault};

/// A packet text that is none.
#[derive(Debug)]
pub(crate) struct TestProblem(pub(crate) PacketTextError);

impl TestProblem {
    const FORM: &str = "a packet is written HOOK PROTOCOL SOURCE[:PORT] -> DESTINATION[:PORT] [in INTERFACE] \
         [out INTERFACE] [state STATE] [flags FLAGS] [user USER] [type TYPE]";

    /// The form of a whole packet, unless only a name in it is wrong.
    pub(super) fn help(&self) -> Option<String> {
        use Expected::{Arrow, Destination, Detail, Hook, Protocol, Source};
        let is_form = matches!(
            self.0.kind,
            PacketTextFault::Ends(_)
                | PacketTextFault::Not(Hook | Protocol | Source | Arrow | Destination | Detail)
        );
        is_form.then(|| Self::FORM.into())
    }
}

impl fmt::Display for TestProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this packet cannot be read: {}", self.0)
    }
}
