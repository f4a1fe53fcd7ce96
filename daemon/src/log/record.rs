//! The records of `blocked.jsonl`: Suricata's EVE format.
//!
//! Names and types follow Suricata's published schema (`etc/schema.json` in its sources); what it
//! has no word for stands in `alert.metadata`, whose values are lists of strings there. Unknown
//! fields are ignored when a record is read back.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{eve_time, list_of_one};

/// One record: a packet, or a count of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When the packet was judged; of a summary, the last one counted.
    #[serde(with = "eve_time")]
    pub timestamp: Timestamp,
    /// The flow's number: the same in both directions, below 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<u64>,
    /// The interface it came in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_iface: Option<String>,
    /// What kind of record.
    pub event_type: EventType,
    /// The sender; a malformed packet may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_ip: Option<IpAddr>,
    /// The sender's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_port: Option<u16>,
    /// The receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest_ip: Option<IpAddr>,
    /// The receiver's port: the door knocked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest_port: Option<u16>,
    /// The protocol's name in Suricata, or its number in three digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
    /// ICMP's and ICMPv6's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP's and ICMPv6's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// 4 or 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_v: Option<u8>,
    /// The frame that it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ether: Option<Ether>,
    /// `to_server` for the first packet of a flow; left out where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The packet's headers; absent in records of accepted packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// What was done.
    pub verdict: Verdict,
    /// Who said so.
    pub alert: Alert,
}

/// `event_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// A packet that the rules refuse.
    Drop,
    /// A packet that the rules accept, recorded because its rule says `log = "every"`.
    Alert,
}

/// `ether`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ether {
    /// The sender's hardware address: of a host on the same wire, or of the router that packets come by.
    pub src_mac: String,
}

/// `drop`: nothing beyond Suricata's schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drop {
    /// Length on the wire in bytes, IP header included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// IPv4's type of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos: Option<u8>,
    /// IPv4's time to live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// IPv4's identification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipid: Option<u32>,
    /// IPv6's traffic class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tc: Option<u8>,
    /// IPv6's hop limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hoplimit: Option<u8>,
    /// IPv6's flow label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flowlbl: Option<u32>,
    /// TCP's sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcpseq: Option<u32>,
    /// TCP's acknowledgement number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcpack: Option<u32>,
    /// TCP's window, unscaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcpwin: Option<u16>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syn: Option<bool>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<bool>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psh: Option<bool>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rst: Option<bool>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urg: Option<bool>,
    /// TCP's flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fin: Option<bool>,
    /// TCP's reserved bits, as a number of four bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcpres: Option<u8>,
    /// TCP's urgent pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcpurgp: Option<u16>,
    /// UDP's length in bytes, its header included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udplen: Option<u16>,
    /// Identifier of an echo message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_id: Option<u16>,
    /// Sequence number of an echo message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_seq: Option<u16>,
    /// Why: a word of the closed list [`portcullis_rules::Reason`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `verdict`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `drop`, `reject`, or `accept`: what became of the packet.
    pub action: String,
    /// Who is told of a reject.
    #[serde(rename = "reject-target", default, skip_serializing_if = "Option::is_none")]
    pub reject_target: Option<String>,
}

/// `alert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `blocked` or `allowed`.
    pub action: String,
    /// Always 1.
    pub gid: u32,
    /// A number that is always the same for the same `signature`.
    pub signature_id: u32,
    /// Always 1.
    pub rev: u32,
    /// The rule's name, or `policy input`.
    pub signature: String,
    /// Always empty.
    pub category: String,
    /// Always 3: the least of Suricata's.
    pub severity: u8,
    /// What Suricata's schema has no word for.
    #[serde(default)]
    pub metadata: Metadata,
}

/// `alert.metadata`: each value a list of one string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Where the rule is written.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub rule_file: Option<String>,
    /// The rule's line there, from 1.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub rule_line: Option<u32>,
    /// The rule's comment, as far as it is short.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub rule_comment: Option<String>,
    /// The published table that decided.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Names the event to `portcullis explain --event`.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// How many packets a summary stands for; one where it is missing.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Of what a summary is one: `same` source, door, rule and reason, or `various`.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Where it was judged.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// The interface it would have gone out by.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub out_iface: Option<String>,
    /// What it was sent to before this host translated that, as `address:port`.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub original_destination: Option<String>,
    /// In monitor mode: what the rules say, and enforcing would have done.
    #[serde(with = "list_of_one", default, skip_serializing_if = "Option::is_none")]
    pub would: Option<String>,
}

impl Record {
    /// How many packets the record stands for.
    pub fn count(&self) -> u64 {
        self.alert.metadata.count.unwrap_or(1)
    }

    /// The record as a line, line feed included.
    pub fn line(&self) -> Vec<u8> {
        // Strings and numbers under string keys: there is nothing in it that JSON can't hold.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
