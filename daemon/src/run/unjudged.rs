//! Packets that passed and were not judged, because a queue was full or nobody was there.

use jiff::Timestamp;

use super::Live;
use crate::{hook::Hook, queue::LENGTH, trouble::Trouble};

/// What is known of them. The kernel counts them where only nft can read it; so it is asked only when there may
/// be news.
#[derive(Debug, Default)]
pub(super) struct PassedUnjudged {
    /// As many as the kernel said.
    pub(super) packets: u64,
    /// Packets that had been judged when it was asked.
    asked_at: u64,
}

impl Live {
    /// What passed before there was a daemon, or was dropped by rules before these, is not told.
    pub(super) fn begin_to_count_unjudged(&mut self) {
        if self.may_pass_unjudged() {
            let packets = self.ask_for_unjudged().unwrap_or(0);
            self.troubles.count_from(Trouble::PassedUnjudged, packets, Timestamp::now());
        }
    }

    /// Asks the kernel, if a queue can have been full since it was asked before: so many packets waited then,
    /// and have been judged since.
    pub(super) fn look_for_unjudged(&mut self) {
        if self.may_pass_unjudged() && self.judged() >= self.unjudged.asked_at + u64::from(LENGTH) {
            self.ask_for_unjudged();
        }
    }

    /// Asks the kernel: `None` where its rules are not in place.
    pub(super) fn ask_for_unjudged(&mut self) -> Option<u64> {
        self.unjudged.asked_at = self.judged();
        let packets = Hook::unjudged();
        if let Some(packets) = packets
            && self.may_pass_unjudged()
        {
            self.unjudged.packets = packets;
        }
        packets
    }

    /// Elsewhere they are dropped.
    fn may_pass_unjudged(&self) -> bool {
        self.plan.opens()
    }

    fn judged(&self) -> u64 {
        self.counters.iter().map(|counters| counters.judged()).sum()
    }
}
