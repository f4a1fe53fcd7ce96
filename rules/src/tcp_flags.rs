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

    /// Flags written as names joined by commas, such as `syn,ack`; `none` is no flag, `all` the six
    /// classic ones.
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

    /// The flag bytes that a rule's text matches: `SET`, exactly these of the six classic flags
    /// (ECN's two count only where they are named), or `SET / MASK`, exactly these of those in the
    /// mask. `None` when the text is neither, or when no byte could match, because the set has a flag
    /// that the mask lacks.
    pub fn parse_match(text: &str) -> Option<ByteSet> {
        let (set, mask) = match text.split_once('/') {
            Some((set, mask)) => (Self::parse(set.trim())?, Self::parse(mask.trim())?),
            None => {
                let set = Self::parse(text.trim())?;
                (set, Self(Self::CLASSIC | set.0))
            }
        };
        mask.contains(set).then(|| (0..=u8::MAX).filter(|byte| byte & mask.0 == set.0).collect())
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
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TcpFlags;

    #[test]
    fn flags_in_text() {
        let cases = [
            ("none", Some(0)),
            ("all", Some(0x3f)),
            ("syn", Some(0x02)),
            ("syn,ack", Some(0x12)),
            ("cwr, ece", Some(0xc0)),
            ("", None),
            ("syn,", None),
            ("syn ack", None),
            ("SYN", None),
        ];
        for (text, flags) in cases {
            assert_eq!(TcpFlags::parse(text), flags.map(TcpFlags), "{text}");
        }
        assert!(
            (0..=u8::MAX).all(|byte| TcpFlags::parse(&TcpFlags(byte).to_string()) == Some(TcpFlags(byte)))
        );
    }

    #[test]
    fn matches_in_text() {
        let cases = [("syn", 4), ("syn/syn,ack", 64), ("none/ack", 128), ("none/none", 256), ("syn,ece", 2)];
        for (text, count) in cases {
            assert_eq!(TcpFlags::parse_match(text).map(|set| set.iter().count()), Some(count), "{text}");
        }
        for text in ["", "/", "syn/", "/syn", "syn/ack", "syn,ack/syn", "syn/syn/ack"] {
            assert_eq!(TcpFlags::parse_match(text), None, "{text}");
        }
    }
}
