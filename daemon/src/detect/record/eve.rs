//! An incident in EVE: an alert. Suricata's schema knows no incidents, and allows no other names than its own anywhere
//! but in `alert.context`.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Incident, IncidentRecord};
use crate::{
    detect::pattern::Severity,
    log::{EventType, eve_time, signature_id},
};

/// A line of `incidents.jsonl`.
#[derive(Serialize, Deserialize)]
pub(super) struct Alert {
    #[serde(with = "eve_time")]
    timestamp: Timestamp,
    event_type: EventType,
    src_ip: IpAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dest_ip: Option<IpAddr>,
    alert: Signature,
}

/// `alert`: the same for all incidents of a pattern and a severity, but for its context.
#[derive(Serialize, Deserialize)]
struct Signature {
    /// Always `allowed`: nothing is blocked because of a record.
    action: String,
    gid: u32,
    /// The pattern's number.
    signature_id: u32,
    rev: u32,
    /// The pattern.
    signature: String,
    /// Always `incident`: rules have none.
    category: String,
    /// As Suricata counts: 1 is the gravest.
    severity: u8,
    context: Context,
}

#[derive(Serialize, Deserialize)]
struct Context {
    summary: String,
    incident: Incident,
}

impl From<IncidentRecord> for Alert {
    fn from(record: IncidentRecord) -> Self {
        let IncidentRecord { timestamp, src_ip, dest_ip, incident, summary } = record;
        let pattern = incident.pattern.name();
        let severity = match incident.severity {
            Severity::Critical | Severity::High => 1,
            Severity::Medium => 2,
            Severity::Info => 3,
        };
        let alert = Signature {
            action: "allowed".to_owned(),
            gid: 1,
            // A rule may have a pattern's name.
            signature_id: signature_id(&format!("incident {pattern}")),
            rev: 1,
            signature: pattern.to_owned(),
            category: "incident".to_owned(),
            severity,
            context: Context { summary, incident },
        };
        Self { timestamp, event_type: EventType::Alert, src_ip, dest_ip, alert }
    }
}

impl From<Alert> for IncidentRecord {
    fn from(Alert { timestamp, src_ip, dest_ip, alert, .. }: Alert) -> Self {
        let Context { summary, incident } = alert.context;
        Self { timestamp, src_ip, dest_ip, incident, summary }
    }
}
