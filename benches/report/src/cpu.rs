//! What the process has used of the processor.

use std::time::Duration;

use anyhow::Result;

/// So far, all threads together, in hundredths of a second.
///
/// # Errors
/// The system does not tell, in `/proc/self/stat`.
pub fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name in brackets the third field is the first: utime and stime are the 14th and 15th.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let before = cpu_time().unwrap();
        let mut spent = Duration::ZERO;
        let started = std::time::Instant::now();
        while spent.is_zero() && started.elapsed() < Duration::from_secs(20) {
            spent = cpu_time().unwrap() - before;
        }
        assert!(!spent.is_zero());
    }
}
