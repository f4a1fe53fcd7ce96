//! Numbers in a digest's file: little-endian, one column after the other.

use std::{io, net::IpAddr};

/// A whole number of fixed width.
pub(super) trait Number: Copy {
    fn put(self, out: &mut Vec<u8>);
    /// From exactly as many bytes as it is wide.
    fn take(bytes: &[u8]) -> Self;
    const WIDTH: usize;
}

macro_rules! number {
    ($($number:ty)*) => {$(
        impl Number for $number {
            const WIDTH: usize = size_of::<Self>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
            fn take(bytes: &[u8]) -> Self {
                bytes.try_into().map(Self::from_le_bytes).unwrap_or_default()
            }
        }
    )*};
}
number!(u8 u16 u32 u64 i64);

/// A column of `numbers`, as long as it says.
pub(super) fn put_column<N: Number>(out: &mut Vec<u8>, numbers: &[N]) {
    (numbers.len() as u64).put(out);
    out.reserve(numbers.len() * N::WIDTH);
    for number in numbers {
        number.put(out);
    }
}

/// Addresses: the family, then sixteen bytes.
pub(super) fn put_addresses(out: &mut Vec<u8>, addresses: &[IpAddr]) {
    (addresses.len() as u64).put(out);
    for address in addresses {
        let (family, octets) = match address {
            IpAddr::V4(v4) => (4_u8, v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => (6, v6.octets()),
        };
        out.push(family);
        out.extend(octets);
    }
}

/// Bytes that are read from the front.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn number<N: Number>(&mut self) -> io::Result<N> {
        self.bytes(N::WIDTH).map(N::take)
    }

    pub(super) fn length(&mut self) -> io::Result<usize> {
        usize::try_from(self.number::<u64>()?).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    pub(super) fn column<N: Number>(&mut self) -> io::Result<Vec<N>> {
        let bytes = self.length()?.checked_mul(N::WIDTH).ok_or(io::ErrorKind::InvalidData)?;
        Ok(self.bytes(bytes)?.chunks_exact(N::WIDTH).map(N::take).collect())
    }

    pub(super) fn addresses(&mut self) -> io::Result<Vec<IpAddr>> {
        let bytes = self.length()?.checked_mul(17).ok_or(io::ErrorKind::InvalidData)?;
        let address = |bytes: &[u8]| {
            let v6 = std::net::Ipv6Addr::from(u128::from_be_bytes(bytes[1..].try_into().unwrap_or_default()));
            match (bytes[0], v6.to_ipv4_mapped()) {
                (4, Some(v4)) => IpAddr::V4(v4),
                _ => IpAddr::V6(v6),
            }
        };
        Ok(self.bytes(bytes)?.chunks_exact(17).map(address).collect())
    }
}
