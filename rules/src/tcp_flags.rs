//! TCP's control bits.

use std::fmt;

use crate::ByteSet;

/// The control bits of a TCP header: byte 13, from CWR down to FIN (RFC 9293, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize: opens a connection.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    const NAMES: [&'static str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    /// The six flags of the original specification; ECN's two (RFC 3168) are left out, since they
    /// say nothing about a connection's state.
    const CLASSIC: u8 = 0x3f;

    /// Flags written as names joined by commas, such as `syn,ack`; `none` is no flag.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self(0));
        }
        if text == "all" {
            return Some(Self(Self::CLASSIC));
        }
        text.split(',').try_fold(Self(0), |flags, name| {
            let bit = Self::NAMES.iter().position(|known| *known == name.trim())?;
            Some(Self(flags.0 | 1 << bit))
        })
    }

    /// The flag bytes that a rule's text matches: `SET`, exactly these of the six classic flags, or
    /// `SET / MASK`, exactly these of those in the mask.
    pub fn parse_match(text: &str) -> Option<ByteSet> {
        let (set, mask) = match text.split_once('/') {
            Some((set, mask)) => (Self::parse(set.trim())?, Self::parse(mask.trim())?),
            None => (Self::parse(text.trim())?, Self(Self::CLASSIC)),
        };
        Some((0..=u8::MAX).filter(|byte| byte & (mask.0 | set.0) == set.0).collect())
    }

    /// Whether all of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let set = Self::NAMES.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        for (n, (_, name)) in set.enumerate() {
            write!(f, "{}{name}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
