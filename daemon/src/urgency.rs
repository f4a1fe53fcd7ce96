//! Which threads go first where there is more work than processors.

/// Ten steps are a weight of one to nine: a worker that has something to do gets nine tenths of a processor that it
/// shares (`sched_prio_to_weight`, `kernel/sched/core.c`).
const NICE: i32 = 10;

/// Makes this thread, and all processes that it starts from now on, wait for workers: packets go first.
pub fn yield_to_packets() {
    // Where that is not permitted, it is as urgent as they are.
    let _ = rustix::process::nice(NICE);
}
