//! What rules say but for addresses, which many say alike.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{area::Extent, classes::Folding};

/// An extent for each *service*: ports, kinds, and whether the rule matches wherever its extent does; and the number of
/// each extent's. `None` where there are 2^16 of them.
pub(super) fn services<'a, 'b, A>(
    extents: &'b [Extent<'a, A>],
) -> Option<(Vec<&'b Extent<'a, A>>, Vec<u16>)> {
    let mut numbers: HashMap<_, u16, BuildHasherDefault<Folding>> = HashMap::default();
    let mut services = Vec::new();
    let mut of = Vec::with_capacity(extents.len());
    for extent in extents {
        let next = u16::try_from(services.len()).ok()?;
        let Extent { source_port, port, kinds, mark, .. } = *extent;
        let service = (source_port, port, std::ptr::from_ref(kinds), mark.is_exact());
        of.push(*numbers.entry(service).or_insert_with(|| {
            services.push(extent);
            next
        }));
    }
    Some((services, of))
}
