//! Room in the process's address space, where that is limited (`ulimit -v`). An allocation that the system refuses ends the whole process, and with it the
//! program that plays the video; so what is large and known beforehand is asked for here, and refused with an error.
//!
//! In: bytes that are going to be needed. Out: an error where they are not there. Linux tells both numbers; elsewhere nothing is refused.

use std::fs;

use crate::error::Result;
use crate::error::runtime::ensure;

/// Makes sure that there is room for `bytes`, which are for `what`: words that end in what to do about it.
///
/// # Errors
/// There is less.
pub(super) fn ensure_room(bytes: u64, what: &str) -> Result<()> {
    let Some((limit, used)) = limit().zip(used()) else {
        return Ok(());
    };
    let left = limit.saturating_sub(used);
    ensure!(
        bytes <= left,
        "there are {} MB left of the {} MB of memory that this process may have (ulimit -v), and {} MB are needed for {what}",
        left >> 20,
        limit >> 20,
        bytes >> 20
    );
    Ok(())
}

/// Bytes that the address space may have; `None` where there is no limit.
fn limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    address_space(&limits)
}

/// The soft limit in the system's table of limits: "Max address space      1073741824           unlimited            bytes".
fn address_space(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes that it has.
fn used() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_none_is_none() {
        let table = |limit: &str| {
            format!(
                "Max processes   1  1  processes\nMax address space         {limit}           unlimited            bytes\n"
            )
        };
        assert_eq!(address_space(&table("1073741824")), Some(1 << 30));
        assert_eq!(address_space(&table("unlimited")), None);
        assert_eq!(address_space(""), None);
    }

    #[test]
    fn this_process_has_something() {
        if cfg!(target_os = "linux") {
            assert!(used().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
