//! Tables of a fixed size: how long they are is known when they are compiled, so that a place in one is found
//! without a division.

/// `N` entries of nothing yet, on the heap.
pub(super) fn table<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    // Made where it stays: it may be larger than a stack.
    vec![T::default(); N].try_into().unwrap_or_else(|_| unreachable!("as long as it was made"))
}
