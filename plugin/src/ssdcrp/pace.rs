//! When it is time for the next detection or explanation, and when what was found is out of date; in running time, which
//! stands still while the pipeline is paused and goes on across seeks.

use gst::ClockTime;

/// Keeps an interval between frames that are worked on.
#[derive(Clone, Debug)]
pub struct Pace<K> {
    /// The last frame that was, and what it was worked on for.
    last: Option<(ClockTime, K)>,
}

impl<K> Default for Pace<K> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<K: PartialEq> Pace<K> {
    /// Whether a frame at `now` is due: nothing was before, `interval` has passed since, something else than `what` was
    /// asked then, or time went back. A frame without a time always is.
    pub fn due(&self, now: Option<ClockTime>, interval: ClockTime, what: &K) -> bool {
        let (Some((last, done)), Some(now)) = (&self.last, now) else {
            return true;
        };
        done != what || now < *last || now - *last >= interval
    }

    /// The frame at `now` is worked on for `what`.
    pub fn begin(&mut self, now: Option<ClockTime>, what: K) {
        self.last = now.map(|now| (now, what));
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

/// How much of a result is shown `age` after its frame, 0..=1: all of it up to `expires`, then less and less for a quarter
/// of that time, and then nothing. What has no age does not get old.
pub fn visibility(age: Option<ClockTime>, expires: ClockTime) -> f32 {
    let beyond = age.and_then(|age| age.checked_sub(expires));
    let Some(beyond) = beyond.filter(|beyond| !beyond.is_zero()) else {
        return 1.0;
    };
    let fading = expires.nseconds() as f32 / 4.0;
    (1.0 - beyond.nseconds() as f32 / fading).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    #[test]
    fn frames_are_due_at_the_interval() {
        let mut pace = Pace::default();
        let mut worked = Vec::new();
        for now in (0..1000).step_by(40) {
            if pace.due(Some(ms(now)), ms(100), &"class") {
                pace.begin(Some(ms(now)), "class");
                worked.push(now);
            }
        }
        assert_eq!(worked, [0, 120, 240, 360, 480, 600, 720, 840, 960]);
        assert!(
            pace.due(Some(ms(961)), ms(100), &"offset"),
            "another question"
        );
        assert!(pace.due(Some(ms(3)), ms(100), &"class"), "time went back");
        assert!(pace.due(None, ms(100), &"class"));
        assert!(pace.due(Some(ms(960)), ms(0), &"class"), "every frame");
        pace.reset();
        assert!(pace.due(Some(ms(961)), ms(100), &"class"));
    }

    #[test]
    fn what_is_out_of_date_fades_and_goes() {
        let at = |age| visibility(Some(ms(age)), ms(1000));
        assert_eq!(
            [at(0), at(1000), at(1125), at(1250), at(9999)],
            [1.0, 1.0, 0.5, 0.0, 0.0]
        );
        assert_eq!(visibility(None, ms(0)), 1.0);
        assert_eq!(visibility(Some(ms(0)), ms(0)), 1.0);
        assert_eq!(visibility(Some(ms(1)), ms(0)), 0.0);
        assert_eq!(visibility(Some(ClockTime::MAX), ClockTime::MAX), 1.0);
    }
}
