//! The memory that this process may take, in bytes.

use super::control_group::ControlGroups;
use std::fs;

/// Returns the bytes that this process may still take: the memory available on the machine, or what the control groups
/// of the process leave if that is less.
pub fn available_bytes() -> Option<u64> {
    let machine = machine_bytes("MemAvailable:");
    [machine, ControlGroups::of_this_process().memory_left()].into_iter().flatten().min()
}

/// Returns the bytes of a field of `/proc/meminfo`, such as `MemTotal:`.
pub(crate) fn machine_bytes(field: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, field)
}

/// Returns the most bytes that the process has had resident so far.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// Returns the bytes of a field in a text of lines `NAME value kB`.
fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_kibibytes() {
        let text = "MemTotal:       16 kB\nMemAvailable:    8 kB\n";
        assert_eq!((kibibytes(text, "MemTotal:"), kibibytes(text, "MemAvailable:")), (Some(16384), Some(8192)));
        assert_eq!(kibibytes(text, "Swap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_grows_with_what_is_allocated() {
        let before = peak_memory_bytes().unwrap();
        let bytes = vec![1u8; 64 << 20];
        assert!(bytes.iter().step_by(4096).all(|&byte| byte == 1));
        assert!(peak_memory_bytes().unwrap() >= before.max(64 << 20));
    }
}
