//! Few regions out of many.

use super::Verdicts;
use crate::space::region::Region;

/// More regions than these are not compared with one another any more.
const MOST: usize = 1500;

/// The same packets in fewer regions, by what is said of them. They stay disjoint.
pub(super) fn merged(regions: Vec<(Verdicts, Region)>) -> Vec<(Verdicts, Vec<Region>)> {
    let mut groups: Vec<(Verdicts, Vec<Region>)> = Vec::new();
    for (verdicts, region) in regions {
        let Some(region) = region.tightened() else { continue };
        match groups.iter_mut().find(|(other, _)| *other == verdicts) {
            Some((_, group)) => group.push(region),
            None => groups.push((verdicts, vec![region])),
        }
    }
    for (_, group) in &mut groups {
        merge(group);
    }
    groups
}

/// Joins two regions that differ in one dimension only, again and again.
fn merge(regions: &mut Vec<Region>) {
    if regions.len() > MOST {
        return;
    }
    let mut place = 0;
    while place < regions.len() {
        let joined = (0..place).find_map(|other| Some((other, regions[other].joined(&regions[place])?)));
        match joined {
            Some((other, joined)) => {
                regions.swap_remove(place);
                regions.swap_remove(other);
                regions.push(joined);
                // The new one may fit to any.
                place = place.saturating_sub(1).min(other);
            }
            None => place += 1,
        }
    }
}
