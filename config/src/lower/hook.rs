//! `[hook]`.

use super::one::{choice, flag, one};
use crate::{
    HookSettings, Install,
    problem::{Choice, FileErrors, Problem, SettingsProblem, Wanted},
    written::{self, Scalar, Stanza},
};

pub(super) fn hook(written: Option<&Stanza<written::Hook>>, errors: FileErrors<'_>) -> HookSettings {
    let absent = written::Hook::default();
    let written::Hook { install, mask: bits, allow_mark_clash } =
        written.map_or(&absent, |stanza| &stanza.body);
    let named = |word: &str| match word {
        "auto" => Some(Install::Auto),
        "nft" => Some(Install::Nft),
        "iptables" => Some(Install::Iptables),
        "none" => Some(Install::None),
        _ => None,
    };
    HookSettings {
        install: one(install.as_ref(), errors, choice(&Choice::INSTALL, named)).unwrap_or_default(),
        mask: one(bits.as_ref(), errors, mask).unwrap_or(0x7f00_0000),
        allow_mark_clash: one(allow_mark_clash.as_ref(), errors, flag).unwrap_or(false),
    }
}

/// Our bits of the mark have to be 6 to 16, side by side.
fn mask(value: &Scalar) -> Result<u32, Problem> {
    let mask = match value {
        Scalar::Number(number) => {
            u32::try_from(*number).map_err(|_| Wanted::Mask.word(format!("{number:#x}")))?
        }
        other => return Err(Wanted::Mask.kind(other.kind()).into()),
    };
    let ones = mask.count_ones();
    let contiguous = ones + mask.leading_zeros() + mask.trailing_zeros() == u32::BITS;
    if contiguous && (6..=16).contains(&ones) { Ok(mask) } else { Err(SettingsProblem::Mask { mask }.into()) }
}
