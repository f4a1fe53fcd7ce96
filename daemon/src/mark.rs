//! Our bits of the packet mark and of the connection mark: the one place that knows their layout.
//!
//! The bits of the mask hold one small number, the *code*. Its highest bit, *top*, is set in an answer; the next, *ask*, and
//! not that, in a question, which the kernel asks the daemon about a queued packet. So one comparison tells whether a
//! packet has to go to the queue:
//!
//! | code | packet mark | connection mark |
//! |---|---|---|
//! | 0 | nothing to ask | nothing known |
//! | ask … ask + 9 | a [`Question`]: state and direction | – |
//! | top | refuse it, and tell the sender | – |
//! | top + 1 | let this packet pass, remember nothing | – |
//! | top + 2 … | accepted by the generation of that number | the same |
//! | all ones | refuse it, and cut its flow | the flow is cut |
//!
//! All other bits of both marks belong to others and are never changed.

use portcullis_rules::State;

/// The layout that a mask gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkLayout {
    mask: u32,
}

/// What connection tracking says of a queued packet, as it travels in the packet's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The flow's state.
    pub state: State,
    /// Whether the packet goes against the direction of its flow's first packet.
    pub reply: bool,
    /// Whether the flow was announced by another: `IPS_EXPECTED`.
    pub expected: bool,
    /// Whether a generation accepted the flow, although it is new: nobody has answered it yet, and this
    /// is not its first packet.
    pub accepted: bool,
}

/// What the daemon wants done with a queued packet that it does not simply drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Discard it and tell the sender.
    Reject,
    /// Let it pass, and ask again for the flow's next packet.
    Pass,
    /// Let it pass; the kernel carries the rest of the flow as long as this generation lives.
    Accept(GenerationMark),
    /// Discard it and all later packets of its flow, in both directions; TCP is reset.
    Cut,
}

/// The number of a generation as marks carry it: it wraps around, and is cleared from all
/// connections before it is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationMark(u32);

impl Question {
    /// All questions; a question's code is its place here, with *ask*.
    pub const ALL: [Self; 10] = [
        Self::of(State::New, false, false),
        Self::of(State::Related, false, true),
        Self::of(State::Related, true, true),
        Self::of(State::Established, false, false),
        Self::of(State::Established, true, false),
        Self::of(State::Established, false, true),
        Self::of(State::Established, true, true),
        Self::of(State::Invalid, false, false),
        Self::of(State::Untracked, false, false),
        Self { accepted: true, ..Self::of(State::New, false, false) },
    ];

    const fn of(state: State, reply: bool, expected: bool) -> Self {
        Self { state, reply, expected, accepted: false }
    }
}

impl MarkLayout {
    /// The layout for `mask`: contiguous, at least 6 bits (the configuration has checked it).
    pub const fn new(mask: u32) -> Self {
        Self { mask }
    }

    /// Our bits.
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// Everyone else's bits.
    pub const fn foreign(self) -> u32 {
        !self.mask
    }

    const fn at(self, code: u32) -> u32 {
        code << self.mask.trailing_zeros()
    }

    const fn top(self) -> u32 {
        1 << (self.mask.count_ones() - 1)
    }

    const fn ask(self) -> u32 {
        self.top() >> 1
    }

    /// The bit that answers have, and nothing else.
    pub const fn answered(self) -> u32 {
        self.at(self.top())
    }

    /// The bits that tell a question, and how they stand in one.
    pub const fn asked(self) -> (u32, u32) {
        (self.at(self.top() | self.ask()), self.at(self.ask()))
    }

    /// How a question stands in a packet's mark.
    pub fn question(self, question: Question) -> u32 {
        let place = Question::ALL.iter().position(|known| *known == question).unwrap_or(0);
        self.at(self.ask() | u32::try_from(place).unwrap_or(0))
    }

    /// The question that a packet's mark holds, if it holds one.
    pub fn read_question(self, mark: u32) -> Option<Question> {
        let code = (mark & self.mask) >> self.mask.trailing_zeros();
        let place = code.checked_sub(self.ask())?;
        Question::ALL.get(usize::try_from(place).ok()?).copied()
    }

    /// How an answer stands in a packet's mark; the last two kinds stand so in a connection's, too.
    pub const fn answer(self, answer: Answer) -> u32 {
        match answer {
            Answer::Reject => self.at(self.top()),
            Answer::Pass => self.at(self.top() + 1),
            Answer::Accept(generation) => self.at(self.top() + 2 + generation.0),
            Answer::Cut => self.mask,
        }
    }

    /// A packet's whole mark with its answer in it, foreign bits as they were.
    pub const fn with_answer(self, mark: u32, answer: Answer) -> u32 {
        mark & self.foreign() | self.answer(answer)
    }

    /// The first generation's number.
    pub const fn first_generation(self) -> GenerationMark {
        GenerationMark(0)
    }

    /// The generation that stands in `mark`, if one does.
    pub fn read_generation(self, mark: u32) -> Option<GenerationMark> {
        let code = (mark & self.mask) >> self.mask.trailing_zeros();
        code.checked_sub(self.top() + 2).filter(|&number| number < self.generations()).map(GenerationMark)
    }

    /// The number after `generation`.
    pub const fn next_generation(self, generation: GenerationMark) -> GenerationMark {
        GenerationMark((generation.0 + 1) % self.generations())
    }

    /// The number before `generation`.
    pub const fn previous_generation(self, generation: GenerationMark) -> GenerationMark {
        GenerationMark((generation.0 + self.generations() - 1) % self.generations())
    }

    /// How many generations the mask can tell apart.
    pub const fn generations(self) -> u32 {
        self.top() - 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [u32; 4] = [0x7f00_0000, 0x3f, 0xffff_0000, 0xfc00_0000];

    #[test]
    fn codes_are_distinct_and_stay_inside_the_mask() {
        for mask in LAYOUTS {
            let layout = MarkLayout::new(mask);
            let generations = (0..layout.generations()).map(|n| Answer::Accept(GenerationMark(n)));
            let answers = [Answer::Reject, Answer::Pass, Answer::Cut].into_iter().chain(generations);
            let mut codes: Vec<u32> = Question::ALL.map(|question| layout.question(question)).to_vec();
            codes.extend(answers.map(|answer| layout.answer(answer)));
            assert!(codes.iter().all(|code| code & !mask == 0 && *code != 0), "{mask:#x}");
            codes.sort_unstable();
            assert!(
                codes.windows(2).all(|pair| pair[0] != pair[1]),
                "{mask:#x}: a code stands for two things"
            );
        }
    }

    #[test]
    fn questions_read_back_and_answers_do_not_look_like_questions() {
        for mask in LAYOUTS {
            let layout = MarkLayout::new(mask);
            for question in Question::ALL {
                let mark = layout.question(question) | (0x0000_5a40 & !mask);
                assert_eq!(layout.read_question(mark), Some(question));
                let (bits, question) = layout.asked();
                assert_eq!(mark & bits, question);
            }
            let generations = (0..layout.generations()).map(|n| Answer::Accept(GenerationMark(n)));
            for mark in generations.map(|answer| layout.answer(answer)).chain([0, layout.foreign()]) {
                let (bits, question) = layout.asked();
                assert_ne!(mark & bits, question);
                assert_eq!(layout.read_question(mark), None);
            }
            for answer in [Answer::Reject, Answer::Pass, Answer::Cut] {
                assert_eq!(layout.read_question(layout.answer(answer)), None);
                assert_eq!(layout.read_generation(layout.answer(answer)), None);
            }
        }
    }

    #[test]
    fn generations_wrap_around_and_read_back() {
        for mask in LAYOUTS {
            let layout = MarkLayout::new(mask);
            let mut generation = layout.first_generation();
            for _ in 0..layout.generations() {
                assert_eq!(
                    layout.read_generation(layout.answer(Answer::Accept(generation))),
                    Some(generation)
                );
                let next = layout.next_generation(generation);
                assert_eq!(layout.previous_generation(next), generation);
                generation = next;
            }
            assert_eq!(generation, layout.first_generation());
        }
    }

    #[test]
    fn foreign_bits_are_kept() {
        let layout = MarkLayout::new(0x7f00_0000);
        assert_eq!(layout.with_answer(0x8112_3456, Answer::Cut), 0xff12_3456);
        assert_eq!(layout.with_answer(0x8112_3456, Answer::Reject), 0xc012_3456);
    }
}
