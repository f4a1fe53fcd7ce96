//! Tests of the engine through its public face.

// What rules that are made to blow a table up take at most.
mod bounds;
// A small universe of rules and keys, in which rules really match.
mod generators;
// Random bytes never panic; packets that etherparse builds read back as built.
mod headers;
// The compiled table answers as the ruleset does, and says truly when it is not certain.
mod lookup;
// A key's text reads back as the key.
mod packet_text;
// What the rule language means, as tables of cases.
mod semantics;
// Range and byte sets against a plain set.
mod sets;
// Regions, lints and differences against asking the rules.
mod space;
