//! What another ruleset decides otherwise.
//!
//! Rules that both have, in the same order, can't be the reason of a difference: where such a rule is
//! the first to match in both, both say the same. So only what the other rules decide is looked at.

mod common;
mod merge;

use self::{common::Changed, merge::merged};
use super::{
    Space,
    region::Region,
    rules::{Rules, Undecided, Work},
};
use crate::{Action, Cause, Hook, HookSet, Key, Rate, RuleId, Ruleset, Words};

/// How much is done about one changed rule.
const WORK: u32 = 400_000;
/// So many regions are worked out; what comes after them is undecided.
const MOST_REGIONS: usize = 4000;
/// Packets that are tried to find one that no rule matches.
const CORNERS: u32 = 512;

/// How a packet's lot changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was refused, and is accepted.
    Opened,
    /// It was accepted, and is refused.
    Closed,
    /// It is accepted as before, but another rate limits it, or none does any more.
    Rate,
    /// It is refused as before, but in another way.
    Refusal,
}

/// Packets about which two rulesets decide otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// How it changes.
    pub change: Change,
    /// What was said of them, and what is.
    pub actions: (Action, Action),
    /// Who decided before, and who does now: of the witness.
    pub causes: (Cause, Cause),
    /// The packets, as the keys of rules that would match them and no others. Where
    /// [`Self::unmatched`], only those of them that no rule matches.
    pub words: Vec<Vec<Words>>,
    /// It is only about packets that the policy decides, now and before.
    pub unmatched: bool,
    /// The same packets, in [`Differences::space`].
    pub region: Region,
    /// One of them.
    pub witness: Key,
}

/// All differences between two rulesets.
#[derive(Debug, Clone)]
pub struct Differences {
    /// Where the regions are.
    pub space: Space,
    /// What is opened comes first.
    pub found: Vec<Difference>,
    /// There may be more: it would have taken too much work to be certain.
    pub undecided: bool,
}

impl Differences {
    /// Whether something is opened.
    pub fn opens(&self) -> bool {
        self.found.iter().any(|difference| difference.change == Change::Opened)
    }
}

/// What `new` decides otherwise than `old`. A rule that counts at times is taken to count, unless its
/// standing says that it doesn't.
pub fn diff(old: &Ruleset, new: &Ruleset) -> Differences {
    let space = Space::of([old, new]);
    let rules = |ruleset| Rules::new(ruleset, &space, &|_, _| false);
    let both = Both { old: rules(old), new: rules(new), space: &space };
    let mut regions = Vec::new();
    let mut differences = Differences { space: space.clone(), found: Vec::new(), undecided: false };
    if both.changed_rules(&mut regions).is_err() {
        differences.undecided = true;
    }
    for (verdicts, regions) in merged(regions) {
        for region in regions {
            match both.difference(verdicts, &region) {
                Some(difference) => differences.found.push(difference),
                None => differences.undecided = true,
            }
        }
    }
    for hook in Hook::ALL {
        match both.changed_policy(hook) {
            Ok(difference) => differences.found.extend(difference),
            Err(Undecided) => differences.undecided = true,
        }
    }
    differences.found.sort_by_key(|difference| difference.change);
    differences
}

/// What is said of a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    action: Action,
    rate: Option<Rate>,
}

impl Verdict {
    fn of(ruleset: &Ruleset, cause: Cause, hook: Hook) -> Self {
        match cause {
            Cause::Rule(id) => {
                let rule = ruleset.rule(id);
                Self { action: rule.action, rate: rule.rate }
            }
            Cause::Policy => Self { action: ruleset.policy.at(hook).unwrap_or(Action::Accept), rate: None },
        }
    }

    fn change(self, new: Self) -> Option<Change> {
        let accepted = |verdict: Self| verdict.action == Action::Accept;
        match (accepted(self), accepted(new)) {
            (false, true) => Some(Change::Opened),
            (true, false) => Some(Change::Closed),
            (true, true) => (self.rate != new.rate).then_some(Change::Rate),
            (false, false) => (self.action != new.action).then_some(Change::Refusal),
        }
    }
}

struct Both<'a> {
    old: Rules<'a>,
    new: Rules<'a>,
    space: &'a Space,
}

impl Both<'_> {
    /// What is different because a rule has come, has gone, or has moved.
    fn changed_rules(&self, found: &mut Vec<(Verdicts, Region)>) -> Result<(), Undecided> {
        let changed = Changed::between(self.old.ruleset, self.new.ruleset);
        // Where only one of the two judges at all, the policy's change says it.
        let judged: HookSet = Hook::ALL
            .into_iter()
            .filter(|&hook| {
                self.old.ruleset.policy.at(hook).is_some() && self.new.ruleset.policy.at(hook).is_some()
            })
            .collect();
        let is_counted = |_: RuleId| true;
        for &id in &changed.new {
            self.decided(&self.new, &self.old, id, judged, is_counted, |region, new, old| {
                found.push((Verdicts { old, new }, region));
            })?;
            if found.len() > MOST_REGIONS {
                return Err(Undecided);
            }
        }
        for &id in &changed.old {
            // What changed rules of the new one decide has been counted.
            let is_counted = |by: RuleId| changed.new.binary_search(&by).is_err();
            self.decided(&self.old, &self.new, id, judged, is_counted, |region, old, new| {
                found.push((Verdicts { old, new }, region));
            })?;
            if found.len() > MOST_REGIONS {
                return Err(Undecided);
            }
        }
        Ok(())
    }

    /// Tells of each part of what `id` decides in `own` what is said there, and what `other` says,
    /// where that is not the same and `is_counted` of the other's rule.
    fn decided(
        &self,
        own: &Rules<'_>,
        other: &Rules<'_>,
        id: RuleId,
        judged: HookSet,
        is_counted: impl Fn(RuleId) -> bool,
        mut tell: impl FnMut(Region, Verdict, Verdict),
    ) -> Result<(), Undecided> {
        let mut work = Work(WORK);
        let meeting = own.meeting(id);
        let earlier = meeting.iter().copied().take_while(|&earlier| earlier < id);
        let at_judged = own.regions(id).iter().filter_map(|region| region.and(&self.space.all(judged)));
        let mut pieces = own.left(at_judged.collect(), earlier, &mut Vec::new(), &mut work)?;
        let rule = own.ruleset.rule(id);
        let verdict = Verdict { action: rule.action, rate: rule.rate };
        let mut deciders: Vec<RuleId> = pieces.iter().flat_map(|piece| other.meeting_region(piece)).collect();
        deciders.sort_unstable();
        deciders.dedup();
        for by in deciders {
            if pieces.is_empty() {
                break;
            }
            let rule = other.ruleset.rule(by);
            let others = Verdict { action: rule.action, rate: rule.rate };
            if others.change(verdict).is_some() && is_counted(by) {
                let parts = pieces
                    .iter()
                    .flat_map(|piece| other.regions(by).iter().filter_map(|region| piece.and(region)));
                parts.for_each(|part| tell(part, verdict, others));
            }
            pieces = other.left(pieces, [by], &mut Vec::new(), &mut work)?;
        }
        for piece in pieces {
            for hook in piece.hooks.iter() {
                let policy = Verdict::of(other.ruleset, Cause::Policy, hook);
                if policy.change(verdict).is_some() {
                    tell(Region { hooks: HookSet::EMPTY.with(hook), ..piece.clone() }, verdict, policy);
                }
            }
        }
        Ok(())
    }

    /// The region in words, with a witness that both rulesets confirm.
    fn difference(&self, verdicts: Verdicts, region: &Region) -> Option<Difference> {
        let change = verdicts.old.change(verdicts.new)?;
        let witness = self.space.witness(region)?;
        let causes = self.confirmed(&witness, verdicts)?;
        Some(Difference {
            change,
            actions: (verdicts.old.action, verdicts.new.action),
            causes,
            words: self.space.words(region),
            unmatched: false,
            region: region.clone(),
            witness,
        })
    }

    /// Who decides about the packet in both, if it is as expected.
    fn confirmed(&self, key: &Key, verdicts: Verdicts) -> Option<(Cause, Cause)> {
        let (old, new) = (self.old.ruleset.first_match(key), self.new.ruleset.first_match(key));
        let said = Verdicts {
            old: Verdict::of(self.old.ruleset, old.cause, key.hook),
            new: Verdict::of(self.new.ruleset, new.cause, key.hook),
        };
        (said == verdicts).then_some((old.cause, new.cause))
    }

    /// What is different because a policy says something else, or one of the two doesn't judge at the
    /// hook.
    fn changed_policy(&self, hook: Hook) -> Result<Option<Difference>, Undecided> {
        let said = |rules: &Rules<'_>| rules.ruleset.policy.at(hook);
        let (old, new) = (said(&self.old), said(&self.new));
        if old == new {
            return Ok(None);
        }
        let judged = old.is_some() && new.is_some();
        let all = self.space.all(HookSet::EMPTY.with(hook));
        let corners = (0..CORNERS).filter_map(|number| self.space.corner(&all, number));
        let within = |rules: &Rules<'_>| {
            let packets = rules.ids().flat_map(|id| rules.regions(id)).filter_map(|region| region.and(&all));
            packets.filter_map(|region| self.space.witness(&region)).collect::<Vec<Key>>()
        };
        let mut packets: Vec<Key> = self.space.witness(&all).into_iter().chain(corners).collect();
        if !judged {
            // Any packet that a rule refuses will do.
            packets.extend(within(&self.old));
            packets.extend(within(&self.new));
        }
        let told = |witness: Key| {
            let (old, new) = (self.old.ruleset.first_match(&witness), self.new.ruleset.first_match(&witness));
            let verdict = |ruleset, cause| Verdict::of(ruleset, cause, hook);
            let verdicts = Verdicts {
                old: verdict(self.old.ruleset, old.cause),
                new: verdict(self.new.ruleset, new.cause),
            };
            let by_policy = old.cause == Cause::Policy && new.cause == Cause::Policy;
            let change = verdicts.old.change(verdicts.new).filter(|_| by_policy || !judged)?;
            Some(Difference {
                change,
                actions: (verdicts.old.action, verdicts.new.action),
                causes: (old.cause, new.cause),
                words: self.space.words(&all),
                unmatched: judged,
                region: all.clone(),
                witness,
            })
        };
        if let Some(difference) = packets.into_iter().find_map(told) {
            return Ok(Some(difference));
        }
        // Either rules decide everything, or what they leave is too little to be hit by chance.
        let mut work = Work(WORK);
        let mut left = vec![all.clone()];
        for rules in [&self.new, &self.old] {
            left = rules.left(left, rules.meeting_region(&all), &mut Vec::new(), &mut work)?;
        }
        Ok(left.iter().filter_map(|piece| self.space.witness(piece)).find_map(told))
    }
}

/// What both say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdicts {
    old: Verdict,
    new: Verdict,
}
