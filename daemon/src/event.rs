//! What happened to a packet.

use std::sync::Arc;

use jiff::Timestamp;
use portcullis_rules::{Action, Cause, Headers, Hook, InterfaceName, Reason, State};

use crate::generation::Generation;

/// One judged packet, on its way from a worker to the recorder. It owns no memory but a share of
/// its generation.
#[derive(Debug, Clone)]
pub struct Event {
    /// When the packet was judged.
    pub time: Timestamp,
    /// Where.
    pub hook: Hook,
    /// The interface it came in by, if any.
    pub in_interface: Option<InterfaceName>,
    /// The interface it would go out by, if any.
    pub out_interface: Option<InterfaceName>,
    /// Its headers; `None` when they are malformed.
    pub headers: Option<Headers>,
    /// Its length on the wire, in bytes, IP header included.
    pub length: u32,
    /// What connection tracking said of it.
    pub state: State,
    /// Whether it belongs to a flow that was accepted before: a packet that came back to be judged
    /// by a newer generation, not a first contact.
    pub returning: bool,
    /// What the rules say of it; in monitor mode it passes all the same.
    pub action: Action,
    /// Who decided that; `None` when the headers are malformed.
    pub cause: Option<Cause>,
    /// Why it was not let through; `None` when it was accepted.
    pub reason: Option<Reason>,
    /// The generation that judged it.
    pub generation: Arc<Generation>,
}
