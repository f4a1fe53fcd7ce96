//! Names of common ports, so that a policy means the same on every host.

/// From IANA's "Service Name and Transport Protocol Port Number Registry"; the names that
/// administrators use, not all of them. Sorted by number; of several names the first is shown.
pub(super) const COMMON: &[(&str, u16)] = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("whois", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("dns", 53),
    ("dhcp", 67),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("msrpc", 135),
    ("epmap", 135),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("snmp", 161),
    ("snmptrap", 162),
    ("xdmcp", 177),
    ("bgp", 179),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("smb", 445),
    ("microsoft-ds", 445),
    ("kpasswd", 464),
    ("submissions", 465),
    ("isakmp", 500),
    ("exec", 512),
    ("login", 513),
    ("shell", 514),
    ("syslog", 514),
    ("printer", 515),
    ("rip", 520),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("rtsp", 554),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("ldp", 646),
    ("dns-over-tls", 853),
    ("domain-s", 853),
    ("rsync", 873),
    ("ftps-data", 989),
    ("ftps", 990),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("openvpn", 1194),
    ("mssql", 1433),
    ("ms-sql-s", 1433),
    ("ms-sql-m", 1434),
    ("oracle", 1521),
    ("l2tp", 1701),
    ("h323hostcall", 1720),
    ("pptp", 1723),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("mqtt", 1883),
    ("ssdp", 1900),
    ("nfs", 2049),
    ("docker", 2375),
    ("docker-s", 2376),
    ("etcd-client", 2379),
    ("etcd-server", 2380),
    ("iscsi-target", 3260),
    ("mysql", 3306),
    ("rdp", 3389),
    ("ms-wbt-server", 3389),
    ("stun", 3478),
    ("turn", 3478),
    ("svn", 3690),
    ("epmd", 4369),
    ("ipsec-nat-t", 4500),
    ("vxlan", 4789),
    ("sip", 5060),
    ("sips", 5061),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
    ("stuns", 5349),
    ("mdns", 5353),
    ("llmnr", 5355),
    ("postgresql", 5432),
    ("amqps", 5671),
    ("amqp", 5672),
    ("coap", 5683),
    ("vnc", 5900),
    ("rfb", 5900),
    ("x11", 6000),
    ("redis", 6379),
    ("syslog-tls", 6514),
    ("ircs-u", 6697),
    ("http-alt", 8080),
    ("https-alt", 8443),
    ("mqtts", 8883),
    ("prometheus", 9090),
    ("git", 9418),
    ("zabbix-agent", 10050),
    ("zabbix-trapper", 10051),
    ("memcache", 11211),
    ("wireguard", 51820),
];

/// The name by which administrators know this port, as a hint for a reader; rules understand it.
pub fn port_name(port: u16) -> Option<&'static str> {
    let start = COMMON.partition_point(|&(_, other)| other < port);
    COMMON.get(start).filter(|&&(_, found)| found == port).map(|&(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_names_are_unique() {
        assert!(COMMON.is_sorted_by_key(|&(_, port)| port));
        let names: BTreeSet<&str> = COMMON.iter().map(|&(name, _)| name).collect();
        assert_eq!(names.len(), COMMON.len());
    }

    #[test]
    fn a_port_is_shown_by_its_first_name() {
        assert_eq!([22, 53, 445, 5].map(port_name), [Some("ssh"), Some("domain"), Some("smb"), None]);
    }
}
