//! What the process has of the machine's memory.

use anyhow::{Context, Result};

/// Resident at the moment, in MB of 2²⁰ bytes.
///
/// # Errors
/// The system does not tell, in `/proc/self/status`.
pub fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.context("/proc/self/status has no VmRSS")? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_is_resident() {
        let before = resident().unwrap();
        let much = std::hint::black_box(vec![1_u8; 64 << 20]);
        let grown = resident().unwrap() - before;
        assert!((48.0..80.0).contains(&grown), "{grown}");
        drop(much);
    }
}
