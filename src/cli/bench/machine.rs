//! What a run was made on.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::Serialize;

/// The machine in one line.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    memory_bytes: u64,
    kernel: String,
    file_system: String,
}

impl Machine {
    /// As the system tells it; the file system is that of this folder.
    pub(super) fn look(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let kib: Option<u64> = value_of(&memory, "MemTotal")
            .and_then(|total| total.split_whitespace().next())
            .and_then(|kib| kib.parse().ok());
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            processor: value_of(&processors, "model name")
                .unwrap_or("unknown processor")
                .to_owned(),
            memory_bytes: kib.unwrap_or_default() * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/self/mounts"), folder),
        }
    }

    /// Whether what is written there is only kept in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.file_system.as_str(), "tmpfs" | "ramfs")
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes as f64 / 1024.0 / 1024.0 / 1024.0;
        write!(
            formatter,
            "Machine: {} cores, {}, {gib:.0} GiB, Linux {}, {}.",
            self.cores, self.processor, self.kernel, self.file_system
        )
    }
}

/// The value of a line `name : value`.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .find(|(known, _)| known.trim() == name)
        .map(|(_, value)| value.trim())
}

/// The kind of the file system that a folder is in: of the mounts above it, the deepest; of those
/// at one place, the last.
fn file_system(mounts: &str, folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (Path::new(fields.next()?), fields.next()?);
        folder
            .starts_with(place)
            .then(|| (place.components().count(), kind))
    });
    let deepest = mounts.max_by_key(|(depth, _)| *depth);
    deepest
        .map_or("unknown file system", |(_, kind)| kind)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_above_a_folder_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /no-such tmpfs rw 0 0\n\
                      /dev/vdb /no-such/place xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/no-such/place/a")), "xfs");
        assert_eq!(file_system(mounts, Path::new("/no-such/other")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/elsewhere")), "ext4");
    }

    #[test]
    fn a_value_stands_behind_its_name() {
        let text = "model\t\t: 1\nmodel name\t: A: b\n";
        assert_eq!(value_of(text, "model name"), Some("A: b"));
    }
}
