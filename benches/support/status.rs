//! What Linux says of a process's memory.

use std::fs;

/// A size of `/proc/PROCESS/status`, such as `VmRSS`, in bytes. `self` is this process.
pub(crate) fn size(process: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let mut lines = status.lines();
    let size = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = size.and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("a size") << 10
}
