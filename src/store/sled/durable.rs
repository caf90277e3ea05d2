//! What makes sled's flush durable on Linux.
//!
//! sled 0.34 ends its writes with `sync_file_range`, which promises neither the file's length nor
//! the drive's cache. A symbol of that name in this library wins over the one in libc, so that
//! every write of sled ends in `fdatasync` (facts/rust-stack.md §2.1, 2.2 and §2.3 rule 1). This
//! is the one place with `unsafe`.

use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// Stands in for the system call of this name: syncs the whole file's data.
#[allow(unsafe_code, reason = "the symbol must be libc's for sled to call it")]
#[unsafe(no_mangle)]
pub extern "C" fn sync_file_range(descriptor: i32, _offset: i64, _length: i64, _flags: u32) -> i32 {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: fdatasync takes a number and touches no memory of ours; a bad one gives EBADF.
    unsafe { libc::fdatasync(descriptor) }
}

/// Whether this program's `sync_file_range` is the one above. A store does not open otherwise.
pub fn installed() -> bool {
    std::ptr::fn_addr_eq(
        libc::sync_file_range as unsafe extern "C" fn(i32, i64, i64, u32) -> i32,
        sync_file_range as unsafe extern "C" fn(i32, i64, i64, u32) -> i32,
    )
}

/// How often a write was synced in this process, all stores together.
pub fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}
