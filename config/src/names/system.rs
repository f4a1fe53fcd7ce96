//! The names that this system knows.

use std::{fs, path::PathBuf, sync::OnceLock};

use portcullis_rules::{Names, Protocol};

use super::services;

/// Port names from the embedded table, then `/etc/services`; user names from `/etc/passwd`. A file
/// is read when a name is first looked up in it; one that cannot be read holds no names.
#[derive(Debug)]
pub struct SystemNames {
    services: Lazy<Vec<Service>>,
    users: Lazy<Vec<(String, u32)>>,
}

impl SystemNames {
    /// The names in these files, instead of `/etc/services` and `/etc/passwd`.
    pub fn from_files(services: impl Into<PathBuf>, passwd: impl Into<PathBuf>) -> Self {
        Self { services: Lazy::new(services), users: Lazy::new(passwd) }
    }

    /// The names of all users, for suggestions.
    pub(crate) fn user_names(&self) -> impl Iterator<Item = &str> {
        self.users().iter().map(|(name, _)| &**name)
    }

    /// The names of all ports, for suggestions.
    pub(crate) fn port_names(&self) -> impl Iterator<Item = &str> {
        let embedded = services::COMMON.iter().map(|&(name, _)| name);
        embedded.chain(self.services().iter().map(|service| &*service.name))
    }

    fn services(&self) -> &[Service] {
        self.services.read(|text| text.lines().flat_map(services_in_line).collect())
    }

    fn users(&self) -> &[(String, u32)] {
        self.users.read(|text| text.lines().filter_map(user_in_line).collect())
    }
}

impl Default for SystemNames {
    fn default() -> Self {
        Self::from_files("/etc/services", "/etc/passwd")
    }
}

impl Names for SystemNames {
    /// A name that has a number for another protocol only means that number: IANA gives a name one
    /// number (RFC 6335, 7.2).
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let embedded = services::COMMON.iter().find(|(known, _)| *known == name).map(|&(_, port)| port);
        embedded.or_else(|| {
            let named = || self.services().iter().filter(|service| service.name == name);
            let exact = named().find(|service| Protocol::parse(&service.protocol) == Some(protocol));
            exact.or_else(|| named().next()).map(|service| service.port)
        })
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.users().iter().find(|(known, _)| known == name).map(|&(_, id)| id)
    }
}

/// What a file says, read once.
#[derive(Debug)]
struct Lazy<T> {
    path: PathBuf,
    value: OnceLock<T>,
}

impl<T> Lazy<T> {
    fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), value: OnceLock::new() }
    }

    fn read(&self, parse: impl FnOnce(&str) -> T) -> &T {
        self.value.get_or_init(|| {
            let bytes = fs::read(&self.path).unwrap_or_default();
            parse(&String::from_utf8_lossy(&bytes))
        })
    }
}

#[derive(Debug)]
struct Service {
    name: String,
    port: u16,
    protocol: String,
}

/// `name number/protocol alias…  # remark`, as services(5) describes it.
fn services_in_line(line: &str) -> Vec<Service> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let (Some(name), Some(number)) = (words.next(), words.next()) else {
        return Vec::new();
    };
    let Some((port, protocol)) = number.split_once('/') else {
        return Vec::new();
    };
    let Ok(port) = port.parse() else {
        return Vec::new();
    };
    let service = |name: &str| Service { name: name.into(), port, protocol: protocol.into() };
    std::iter::once(name).chain(words).map(service).collect()
}

/// `name:password:uid:…`, as passwd(5) describes it.
fn user_in_line(line: &str) -> Option<(String, u32)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    Some((name.into(), fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_table_and_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let (services, passwd) = (directory.path().join("services"), directory.path().join("passwd"));
        fs::write(&services, "# mine\nssh 2222/tcp\ndoor 7000/udp gate # a remark\ndoor 7001/tcp\nbad x/y\n")
            .unwrap();
        fs::write(&passwd, "root:x:0:0::/root:/bin/sh\n:x:5:5\nbroken\nmail:x:8:8::/:/\n").unwrap();
        let names = SystemNames::from_files(services, passwd);
        let port = |name, protocol| names.port(name, protocol);
        assert_eq!(port("ssh", Protocol::TCP), Some(22), "the table comes first");
        assert_eq!(port("door", Protocol::TCP), Some(7001));
        assert_eq!(port("door", Protocol::UDP), Some(7000));
        assert_eq!(port("door", Protocol::SCTP), Some(7000), "any protocol's number will do");
        assert_eq!(port("gate", Protocol::UDP), Some(7000));
        assert_eq!(port("bad", Protocol::UDP), None);
        assert_eq!(names.user("mail"), Some(8));
        assert_eq!(names.user("broken"), None);
    }

    #[test]
    fn a_missing_file_holds_no_names() {
        let names = SystemNames::from_files("/nonexistent", "/nonexistent");
        assert_eq!(names.port("https", Protocol::TCP), Some(443));
        assert_eq!(names.port("door", Protocol::TCP), None);
        assert_eq!(names.user("root"), None);
    }
}
