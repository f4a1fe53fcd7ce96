//! Names that were resolved, so that they can be resolved the same way again.

use std::{cell::RefCell, collections::BTreeMap};

use portcullis_rules::{Names, Protocol};
use serde::{Deserialize, Serialize};

use super::SystemNames;
use crate::suggest::nearest;

/// The names that a configuration uses, and their numbers when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct KnownNames {
    /// By protocol number, then by name.
    ports: BTreeMap<u8, BTreeMap<String, u16>>,
    users: BTreeMap<String, u32>,
}

impl Names for KnownNames {
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        self.ports.get(&protocol.0)?.get(name).copied()
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }
}

/// Looks names up, and remembers those that it found.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    origin: Origin<'a>,
    found: RefCell<KnownNames>,
}

#[derive(Debug)]
enum Origin<'a> {
    System(&'a SystemNames),
    Stored(&'a KnownNames),
}

impl<'a> Lookup<'a> {
    pub(crate) fn system(names: &'a SystemNames) -> Self {
        Self { origin: Origin::System(names), found: RefCell::default() }
    }

    pub(crate) fn stored(names: &'a KnownNames) -> Self {
        Self { origin: Origin::Stored(names), found: RefCell::default() }
    }

    /// The number of the port that `name` names in any protocol.
    pub(crate) fn any_port(&self, name: &str) -> Option<u16> {
        self.port(name, Protocol::TCP)
    }

    pub(crate) fn nearest_port(&self, name: &str) -> Option<String> {
        match self.origin {
            Origin::System(names) => nearest(name, names.port_names()),
            Origin::Stored(_) => None,
        }
    }

    pub(crate) fn nearest_user(&self, name: &str) -> Option<String> {
        match self.origin {
            Origin::System(names) => nearest(name, names.user_names()),
            Origin::Stored(_) => None,
        }
    }

    /// The names that were found.
    pub(crate) fn into_known(self) -> KnownNames {
        self.found.into_inner()
    }
}

impl Names for Lookup<'_> {
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let port = match self.origin {
            Origin::System(names) => names.port(name, protocol),
            Origin::Stored(names) => names.port(name, protocol),
        }?;
        self.found.borrow_mut().ports.entry(protocol.0).or_default().insert(name.into(), port);
        Some(port)
    }

    fn user(&self, name: &str) -> Option<u32> {
        let user = match self.origin {
            Origin::System(names) => names.user(name),
            Origin::Stored(names) => names.user(name),
        }?;
        self.found.borrow_mut().users.insert(name.into(), user);
        Some(user)
    }
}
