//! What a lookup finds: a rule, its action, and whether it has to be asked, in one number.

use crate::{Action, Cause, Decision, RuleId};

/// A rule before four bits of what else there is to know; ordered as the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark(u32);

impl Mark {
    /// No rule: after all of them.
    pub(super) const NONE: Self = Self(u32::MAX << Self::BITS);
    /// What is looked up can't be told by the table at all.
    pub(super) const UNTOLD: Self = Self(Self::NONE.0 | Self::ASK);
    /// Set where a rule may match less than where it was found.
    const ASK: u32 = 1;
    /// Set in the last lane of a block where the next block goes on.
    const GOES_ON: u32 = 2;
    /// Where the action's two bits begin.
    const ACTION: u32 = 2;
    const BITS: u32 = 4;

    pub(super) fn new(rule: RuleId, action: Action, exact: bool) -> Self {
        assert!(rule.0 < u32::MAX >> Self::BITS, "rules that fit in memory are fewer");
        let ask = if exact { 0 } else { Self::ASK };
        Self(rule.0 << Self::BITS | (action as u32) << Self::ACTION | ask)
    }

    /// The same rule, which has to be asked.
    pub(super) const fn asked(self) -> Self {
        Self(self.0 | Self::ASK)
    }

    /// The same in the last lane of a block that the next one goes on with.
    pub(super) const fn going_on(self) -> Self {
        Self(self.0 | Self::GOES_ON)
    }

    /// Whether the rule matches wherever it is found.
    #[inline]
    pub(super) const fn is_exact(self) -> bool {
        self.0 & Self::ASK == 0
    }

    #[inline]
    pub(super) const fn goes_on(self) -> bool {
        self.0 & Self::GOES_ON != 0
    }

    /// The rule, if it is one.
    #[inline]
    pub(super) fn rule(self) -> Option<RuleId> {
        (self < Self::NONE).then_some(self.id())
    }

    const fn id(self) -> RuleId {
        RuleId(self.0 >> Self::BITS)
    }

    /// What is decided where this is the first rule, and exact.
    #[inline]
    pub(super) fn decision(self, policy: Action) -> Decision {
        let (action, cause) = match self.rule() {
            Some(rule) => (self.action(), Cause::Rule(rule)),
            None => (policy, Cause::Policy),
        };
        Decision { action, cause, depends_on: None }
    }

    #[inline]
    const fn action(self) -> Action {
        const ACTIONS: [Action; 4] = [Action::ALL[0], Action::ALL[1], Action::ALL[2], Action::ALL[2]];
        ACTIONS[(self.0 >> Self::ACTION & 0b11) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Mark;
    use crate::{Action, Cause, RuleId};

    #[test]
    fn everything_is_told_apart() {
        for (rule, action) in [0, 1, 77, (u32::MAX >> 4) - 1].into_iter().zip(Action::ALL.into_iter().cycle())
        {
            let mark = Mark::new(RuleId(rule), action, true);
            for mark in [mark, mark.asked(), mark.going_on(), mark.going_on().asked()] {
                assert!(mark < Mark::NONE && mark >= Mark::new(RuleId(rule), Action::Accept, true));
                let decision = mark.decision(Action::Drop);
                assert_eq!((decision.action, decision.cause), (action, Cause::Rule(RuleId(rule))));
            }
            assert!(
                mark.is_exact() && !mark.asked().is_exact() && !mark.goes_on() && mark.going_on().goes_on()
            );
        }
        assert_eq!(Mark::NONE.decision(Action::Reject).cause, Cause::Policy);
        assert_eq!(Mark::NONE.decision(Action::Reject).action, Action::Reject);
        assert!(Mark::NONE.is_exact() && !Mark::UNTOLD.is_exact());
    }
}
