//! What rules ask of ports and kinds.

use crate::table::{
    area::{Extent, Point},
    classes::{Classes, Row, Rows, ones},
    service::services,
    trie::PortTrie,
};

/// From both ports and the kind to the class of all three.
#[derive(Debug, Clone)]
pub(super) struct Services {
    source_port: PortTrie,
    port: PortTrie,
    /// By kind, where its cells begin.
    kinds: Box<[u32]>,
    /// By class of the kind, of the source port and of the port.
    cells: Box<[u16]>,
}

/// Which services extents ask for; see [`services`].
pub(super) struct Asked {
    /// Whose is which.
    pub(super) of: Vec<u16>,
    /// Which classes a service is for, and whether it is for all that is in them.
    pub(super) classes: Vec<Vec<(u16, bool)>>,
    /// How many classes there are.
    pub(super) count: usize,
}

/// So many classes of ports and kinds are crossed, so many words of bits are made of it, and so many times a
/// service may be for a class: a few milliseconds each.
const MOST_CELLS: usize = 1 << 16;
const MOST_WORDS: usize = 1 << 20;
const MOST_MET: usize = 1 << 20;

impl Services {
    /// The classes of what these extents ask; `None` where they would be too many.
    pub(super) fn new<A>(extents: &[Extent<'_, A>], kind_count: usize) -> Option<(Self, Asked)> {
        let (services, of) = services(extents)?;
        let source_ports = Classes::of(services.iter().map(|service| service.source_port.map(wide)))?;
        let ports = Classes::of(services.iter().map(|service| service.port.map(wide)))?;
        let (kind_rows, kinds) = by_kind(&services, kind_count)?;
        let words = services.len().div_ceil(64);
        let plane = source_ports.rows.len() * ports.rows.len();
        let count = kind_rows.len() * plane;
        if count > MOST_CELLS || count * words > MOST_WORDS {
            return None;
        }
        let mut cells = Vec::with_capacity(count);
        let mut rows = Rows::default();
        let mut row = Vec::with_capacity(2 * words);
        for kind in &kind_rows {
            for source_port in &source_ports.rows {
                for port in &ports.rows {
                    let ports = source_port.iter().zip(port).map(|(source_port, port)| source_port & port);
                    row.clear();
                    row.extend(kind.iter().zip(ports.clone().chain(ports)).map(|(kind, ports)| kind & ports));
                    cells.push(rows.number(&row)?);
                }
            }
        }
        let asked = Asked::new(of, &rows.into_rows(), services.len())?;
        let columns = u16::try_from(ports.rows.len()).ok()?;
        let by_source_port = source_ports.steps.iter();
        let by_source_port = by_source_port.map(|&(start, class)| Some((start, class.checked_mul(columns)?)));
        let services = Self {
            source_port: PortTrie::new(&by_source_port.collect::<Option<Vec<_>>>()?, usize::MAX)?,
            port: PortTrie::new(&ports.steps, usize::MAX)?,
            kinds: kinds
                .into_iter()
                .map(|class| u32::try_from(usize::from(class) * plane).ok())
                .collect::<Option<_>>()?,
            cells: cells.into(),
        };
        Some((services, asked))
    }

    /// The class of the point's ports and kind.
    #[inline(always)]
    pub(super) fn at(&self, point: &Point) -> u16 {
        let ports =
            usize::from(self.source_port.at(point.source_port())) + usize::from(self.port.at(point.port()));
        self.cells[self.kinds[point.kind() as usize] as usize + ports]
    }

    pub(super) fn bytes(&self) -> usize {
        self.source_port.bytes() + self.port.bytes() + size_of_val(&*self.kinds) + size_of_val(&*self.cells)
    }
}

impl Asked {
    /// Each row says which services may be for its class, and after these which are for certain.
    fn new(of: Vec<u16>, rows: &[Row], services: usize) -> Option<Self> {
        let mut classes = vec![Vec::new(); services];
        let mut met = 0;
        for (class, row) in (0..=u16::MAX).zip(rows) {
            let (may, certain) = row.split_at(row.len() / 2);
            for service in ones(may) {
                classes[service].push((class, certain[service / 64] >> (service % 64) & 1 == 1));
                met += 1;
            }
            if met > MOST_MET {
                return None;
            }
        }
        Some(Self { of, classes, count: rows.len() })
    }
}

fn wide(ranges: &[(u16, u16)]) -> impl Iterator<Item = (u32, u32)> {
    // What lies beyond the last port is nobody's, and no class of its own.
    let end = |last: u16| if last == u16::MAX { u32::MAX } else { last.into() };
    ranges.iter().map(move |&(first, last)| (first.into(), end(last)))
}

/// Rows that say which services may be for a kind, and after these which are for certain; and the row of each kind.
fn by_kind<A>(services: &[&Extent<'_, A>], count: usize) -> Option<(Vec<Row>, Vec<u16>)> {
    let may: Classes<u16> = Classes::of(services.iter().map(|service| {
        let (certain, doubtful) = (service.kinds.certain.ranges(), service.kinds.doubtful.ranges());
        Some(certain.iter().chain(doubtful).copied())
    }))?;
    let certain: Classes<u16> =
        Classes::of(services.iter().map(|service| Some(service.kinds.certain.ranges().iter().copied())))?;
    let mut starts: Vec<u16> = may.steps.iter().chain(&certain.steps).map(|&(start, _)| start).collect();
    starts.sort_unstable();
    starts.dedup();
    if starts.len() * 2 * services.len().div_ceil(64) > MOST_WORDS {
        return None;
    }
    let mut rows = Rows::default();
    let mut kinds = Vec::with_capacity(count);
    for (number, &start) in starts.iter().enumerate() {
        let row = |classes: &Classes<u16>| {
            let step = classes.steps.partition_point(|&(first, _)| first <= start) - 1;
            classes.rows[usize::from(classes.steps[step].1)].clone()
        };
        let row = rows.number(&[row(&may), row(&certain)].concat())?;
        let end = starts.get(number + 1).map_or(count, |&next| next.into());
        kinds.resize(end.min(count), row);
    }
    Some((rows.into_rows(), kinds))
}
