//! Work on many parts, two at a time.

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// More would not be faster than the disk, and take memory.
const MOST: usize = 4;

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// What `work` makes of the items, taken in their order. As many are in memory as there are threads.
pub(super) fn in_order<I: Sync, T: Send, E>(
    items: &[I],
    work: impl Fn(&I) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    for group in items.chunks(threads()) {
        let results: Vec<T> = thread::scope(|scope| {
            let handles: Vec<_> = group.iter().map(|item| scope.spawn(|| work(item))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume(panic))).collect()
        });
        results.into_iter().try_for_each(&mut take)?;
    }
    Ok(())
}

/// What all items add up to: one sum for each thread, of items in any order. The last begin first: of a log's
/// parts that is the live file, which takes as long as many others.
pub(super) fn sums<I: Sync, S: Default + Send>(items: &[I], add: impl Fn(&mut S, &I) + Sync) -> Vec<S> {
    let taken = AtomicUsize::new(0);
    let next = || items.iter().rev().nth(taken.fetch_add(1, Ordering::Relaxed));
    let body = || {
        let mut sum = S::default();
        while let Some(item) = next() {
            add(&mut sum, item);
        }
        sum
    };
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads()).map(|_| scope.spawn(body)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume(panic))).collect()
    })
}

fn resume(panic: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(panic)
}
