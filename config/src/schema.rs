//! The rule language as a JSON Schema, for editors: which keys there are comes from the types that
//! files are read into, and which words from the errors that tell of them.

use serde_json::{Map, Value, json};

use crate::{
    problem::{Choice, Wanted},
    written::Section,
};

/// What a key takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// One of these.
    One(Wanted),
    /// One or a list of them.
    Many(Wanted),
    /// A section of its own.
    Section(Section),
    /// Any number of sections, each with a name.
    Named(Section),
    /// Any number of sections.
    Repeated(Section),
}

/// The JSON Schema (2020-12) of rule files: of the main file, and so of overlays, too.
pub fn schema() -> Value {
    let mut schema = object(Section::Top);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Portcullis rule files");
    schema
}

fn object(section: Section) -> Value {
    let properties: Map<String, Value> =
        section.keys().iter().map(|&key| (key.to_owned(), property(section, key))).collect();
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    match section {
        Section::Rule => object["required"] = json!(["name", "action"]),
        Section::Test => object["required"] = json!(["packet", "expect"]),
        Section::Set => {
            object["oneOf"] = section.keys().iter().map(|key| json!({ "required": [key] })).collect()
        }
        _ => {}
    }
    object
}

fn property(section: Section, key: &str) -> Value {
    let Some((takes, description)) = key_of(section, key) else { return json!({}) };
    let mut schema = match takes {
        Takes::One(wanted) => one(wanted, false),
        Takes::Many(wanted) => {
            let one = one(wanted, true);
            // A set may be empty for now.
            let least = u8::from(!matches!(section, Section::Set));
            json!({ "anyOf": [one, { "type": "array", "minItems": least, "items": one }] })
        }
        Takes::Section(section) => object(section),
        Takes::Named(section) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
            "additionalProperties": object(section),
        }),
        Takes::Repeated(section) => json!({ "type": "array", "items": object(section) }),
    };
    let forms = match takes {
        Takes::One(wanted) | Takes::Many(wanted)
            if !matches!(wanted, Wanted::Choice(_) | Wanted::Flag | Wanted::Text) =>
        {
            format!(" {}.", sentence(&wanted.forms()))
        }
        _ => String::new(),
    };
    schema["description"] = json!(format!("{}.{forms}", sentence(description)));
    schema
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The schema of one value; in lists it may be negated.
fn one(wanted: Wanted, negatable: bool) -> Value {
    let text = || json!({ "type": "string", "minLength": 1 });
    let number = |most: u64| json!({ "type": "integer", "minimum": 0, "maximum": most });
    let quantity = |units: &str| json!({ "type": "string", "pattern": format!("^ *[0-9]+ *({units}) *$") });
    match wanted {
        Wanted::Choice(Choice { words, .. }) => {
            let negated = words.iter().filter(|_| negatable).map(|word| format!("!{word}"));
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).chain(negated).collect();
            json!({ "enum": words })
        }
        Wanted::Flag => json!({ "type": "boolean" }),
        Wanted::Port | Wanted::QueueNumbers => json!({ "anyOf": [number(u16::MAX.into()), text()] }),
        Wanted::Protocol => json!({ "anyOf": [number(u8::MAX.into()), text()] }),
        Wanted::IcmpType => json!({ "anyOf": [number(u8::MAX.into()), text()] }),
        Wanted::User => json!({ "anyOf": [number(u32::MAX.into()), text()] }),
        Wanted::Mask => number(u32::MAX.into()),
        Wanted::Threshold => json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        Wanted::Size => quantity("[kKMGTmgt]?[iI]?[bB]"),
        Wanted::Duration => quantity("s|sec|seconds?|min|minutes?|h|hours?|d|days?"),
        Wanted::Rate => json!({
            "type": "string",
            "pattern": "^ *[0-9]+/(s|sec|second|min|minute|h|hour)( +per +source)? *(, *burst *[0-9]+ *)?$",
        }),
        Wanted::Text
        | Wanted::Address
        | Wanted::Interface
        | Wanted::TcpFlags
        | Wanted::Path
        | Wanted::Moment
        | Wanted::Schedule
        | Wanted::Zone
        | Wanted::Packet => text(),
    }
}

/// What the key takes, and what it is for.
fn key_of(section: Section, key: &str) -> Option<(Takes, &'static str)> {
    use Takes::{Many, Named, One, Repeated};
    use Wanted::{
        Address, Duration, Flag, IcmpType, Interface, Mask, Moment, Packet, Path, Port, Protocol,
        QueueNumbers, Rate, Schedule, Size, TcpFlags, Text, Threshold, User,
    };
    let choice = |choice: &'static Choice| One(Wanted::Choice(choice));
    Some(match (section, key) {
        (Section::Top, "mode") => {
            (choice(&Choice::MODE), "whether verdicts are carried out, or only recorded")
        }
        (Section::Top, "policy") => (
            Takes::Section(Section::Policy),
            "what becomes of packets that no rule speaks of; a hook that is not mentioned is left alone",
        ),
        (Section::Top, "queue") => (Takes::Section(Section::Queue), "how packets come to the daemon"),
        (Section::Top, "hook") => (Takes::Section(Section::Hook), "how the kernel's rules are installed"),
        (Section::Top, "log") => (Takes::Section(Section::Log), "what is recorded, and where"),
        (Section::Top, "detect") => {
            (Takes::Section(Section::Detect), "when somebody is scanning, and what becomes of them")
        }
        (Section::Top, "sets") => {
            (Named(Section::Set), "names for addresses or ports; rules refer to them as \"@name\"")
        }
        (Section::Top, "rule") => (
            Repeated(Section::Rule),
            "the first rule that matches decides; what it does not mention matches everything",
        ),
        (Section::Top, "test") => (
            Repeated(Section::Test),
            "what the rules have to say of a packet; a reload that breaks one is refused",
        ),
        (Section::Policy, "input") => (choice(&Choice::ACTION), "to this host"),
        (Section::Policy, "output") => (choice(&Choice::ACTION), "from this host"),
        (Section::Policy, "forward") => (choice(&Choice::ACTION), "through this host"),
        (Section::Queue, "numbers") => {
            (One(QueueNumbers), "one worker for each; left out: one for each CPU, at most 4, from 7300")
        }
        (Section::Queue, "inspect") => {
            (choice(&Choice::INSPECT), "new: accepted flows stay in the kernel; all: every packet is judged")
        }
        (Section::Queue, "on-overload") => {
            (choice(&Choice::UNJUDGED), "what becomes of packets when the daemon cannot keep up")
        }
        (Section::Queue, "on-exit") => {
            (choice(&Choice::UNJUDGED), "what becomes of packets while nobody holds the queue")
        }
        (Section::Queue, "backend") => (choice(&Choice::BACKEND), "how packets are taken from the queue"),
        (Section::Queue, "gso") => (One(Flag), "whether packets may arrive unsegmented"),
        (Section::Hook, "install") => (choice(&Choice::INSTALL), "how packets get to the queue"),
        (Section::Hook, "mask") => {
            (One(Mask), "our bits of packet and connection marks: 6 to 16, side by side")
        }
        (Section::Hook, "allow-mark-clash") => {
            (One(Flag), "start although somebody else's rules use bits of the mask")
        }
        (Section::Log, "directory") => (One(Path), "where records are written"),
        (Section::Log, "max-size") => (One(Size), "of one file, before it is rotated"),
        (Section::Log, "max-total") => (One(Size), "of all files"),
        (Section::Log, "max-age") => {
            (One(Duration), "records older than that go; without it, none for their age")
        }
        (Section::Log, "journald") => (choice(&Choice::JOURNALD), "what systemd's journal is told, too"),
        (Section::Log, "syslog") => {
            (One(Flag), "whether blocked packets are also written as kernel-style lines")
        }
        (Section::Detect, "threshold") => {
            (One(Threshold), "so many closed doors tried by one source are a scan")
        }
        (Section::Detect, "window") => (One(Duration), "within this time"),
        (Section::Detect, "ban") => {
            (Takes::Section(Section::Ban), "whether those who scan are dropped for a time")
        }
        (Section::Detect, "allow") => (Many(Address), "who is never banned"),
        (Section::Ban, "enable") => (One(Flag), "whether an incident makes its source banned"),
        (Section::Ban, "first") => (One(Duration), "how long the first time; twice as long each time after"),
        (Section::Ban, "longest") => (One(Duration), "but never longer than this"),
        (Section::Ban, "severity") => (choice(&Choice::SEVERITY), "the least that an incident has to have"),
        (Section::Set, "addresses") => (Many(Address), "a set of addresses"),
        (Section::Set, "ports") => (Many(Port), "a set of ports"),
        (Section::Set, "file") => (
            One(Path),
            "a file with one address, prefix or range a line, beside this one; read anew when it changes",
        ),
        (Section::Rule, "name") => (One(Text), "unique; records and explanations speak of the rule by it"),
        (Section::Rule, "hook") => (
            Many(Wanted::Choice(&Choice::HOOK)),
            "where it applies; left out: at every hook that [policy] mentions",
        ),
        (Section::Rule, "interface") => {
            (Many(Interface), "the incoming one on input, the outgoing one on output")
        }
        (Section::Rule, "in-interface") => (Many(Interface), "where a forwarded packet came in"),
        (Section::Rule, "out-interface") => (Many(Interface), "where a forwarded packet goes out"),
        (Section::Rule, "protocol") => (Many(Protocol), "the protocol"),
        (Section::Rule, "source") => (Many(Address), "the sender's address"),
        (Section::Rule, "destination") => (Many(Address), "the receiver's address"),
        (Section::Rule, "source-port") => (Many(Port), "the sender's port"),
        (Section::Rule, "port") => (Many(Port), "the receiver's port"),
        (Section::Rule, "icmp-type") => (Many(IcmpType), "the ICMP or ICMPv6 type"),
        (Section::Rule, "tcp-flags") => (Many(TcpFlags), "the TCP flags"),
        (Section::Rule, "state") => {
            (Many(Wanted::Choice(&Choice::STATE)), "what connection tracking says of the packet's flow")
        }
        (Section::Rule, "user") => (Many(User), "whose socket sent it; on output only"),
        (Section::Rule, "action") => (choice(&Choice::ACTION), "what becomes of a packet that matches"),
        (Section::Rule, "log") => (choice(&Choice::LOG), "how much it writes to the log"),
        (Section::Rule, "failsafe") => {
            (One(Flag), "whether the kernel keeps this door open, even while the daemon is away")
        }
        (Section::Rule, "rate") => {
            (One(Rate), "how many new flows it lets through; what exceeds it is dropped")
        }
        (Section::Rule, "expires") => (One(Moment), "from then on the rule never counts again"),
        (Section::Rule, "schedule") => (Many(Schedule), "the rule counts at these times"),
        (Section::Rule, "comment") => (One(Text), "a remark, which stands in the records, too"),
        (Section::Test, "packet") => (One(Packet), "the packet"),
        (Section::Test, "expect") => (choice(&Choice::ACTION), "what the rules have to say of it"),
        (Section::Test, "at") => {
            (One(Moment), "at which time; needed where a schedule or expiry could change the answer")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described() {
        for section in Section::ALL {
            for key in section.keys() {
                assert!(key_of(section, key).is_some(), "{section} {key}");
            }
        }
    }
}
