//! Memory that nobody needs any more.

/// Gives it back to the system. Reading a configuration and compiling it takes several times what is left of
/// it, in small pieces among those that stay, and the C library would keep them for good.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the C library offers it in no other way")]
    // SAFETY: malloc_trim(3) is safe to call from any thread at any time (MT-Safe); it takes a number, frees
    // only what is free, and moves nothing.
    unsafe {
        libc::malloc_trim(0);
    }
}
