//! What a compiled table is made of, for people.

use std::fmt;

use crate::{Hook, HookSet};

/// What a table is made of, hook by hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// One for each set of hooks that share their rules, and each address family.
    pub parts: Vec<TablePart>,
}

/// What was chosen for some of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TablePart {
    /// The hooks.
    pub hooks: HookSet,
    /// For IPv6, or else for IPv4.
    pub v6: bool,
    /// How their rules are looked up.
    pub strategy: Strategy,
    /// How many rules the hooks have.
    pub rules: usize,
    /// What the structure takes in memory, in bytes; without the rules themselves.
    pub bytes: usize,
    /// With how many rules a lookup may have to compare a packet, at most.
    pub compared: usize,
}

/// How rules are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The few rules there are, eight at a time.
    Scan,
    /// A list of rules for each pair of classes of addresses, eight at a time.
    Pairs,
    /// Tables of classes, crossed.
    Cross,
    /// A tree that leads to a few rules.
    Tree,
    /// A tree that met its cap: some packets are compared with many rules.
    CappedTree,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 5] = [Self::Scan, Self::Pairs, Self::Cross, Self::Tree, Self::CappedTree];

    /// The name that is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Pairs => "pairs",
            Self::Cross => "cross",
            Self::Tree => "tree",
            Self::CappedTree => "capped tree",
        }
    }
}

impl TablePart {
    pub(super) fn new(hook: Hook, v6: bool, chosen: (Strategy, usize, usize), rules: usize) -> Self {
        let (strategy, bytes, blocks) = chosen;
        let compared = blocks * super::block::LANES;
        Self { hooks: HookSet::EMPTY.with(hook), v6, strategy, rules, bytes, compared }
    }
}

/// A line for each part.
impl fmt::Display for TableSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.parts.iter().enumerate() {
            let &TablePart { hooks, v6, strategy, rules, bytes, compared } = part;
            if number > 0 {
                writeln!(f)?;
            }
            let hooks: Vec<&str> = hooks.iter().map(Hook::name).collect();
            let family = if v6 { "IPv6" } else { "IPv4" };
            let (hooks, strategy) = (hooks.join(", "), strategy.name());
            write!(f, "{hooks}, {family}: {rules} rules, {strategy}, {bytes} bytes")?;
            if compared > 0 {
                write!(f, ", at most {compared} rules compared")?;
            }
        }
        Ok(())
    }
}
