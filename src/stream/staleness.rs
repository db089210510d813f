//! How much of a result is still shown when it gets old.

use std::time::Duration;

/// How much of a result is shown `age` after its frame, 0..=1: all of it up to `expires`, then less and less for a quarter
/// of that time, and then nothing. What has no age does not get old.
pub fn visibility(age: Option<Duration>, expires: Duration) -> f32 {
    let beyond = age.and_then(|age| age.checked_sub(expires));
    let Some(beyond) = beyond.filter(|beyond| !beyond.is_zero()) else {
        return 1.0;
    };
    let fading = expires.as_secs_f32() / 4.0;
    (1.0 - beyond.as_secs_f32() / fading).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_date_fades_and_goes() {
        let ms = Duration::from_millis;
        let at = |age| visibility(Some(ms(age)), ms(1000));
        assert_eq!(
            [at(0), at(1000), at(1125), at(1250), at(9999)],
            [1.0, 1.0, 0.5, 0.0, 0.0]
        );
        assert_eq!(visibility(None, ms(0)), 1.0);
        assert_eq!(visibility(Some(ms(0)), ms(0)), 1.0);
        assert_eq!(visibility(Some(ms(1)), ms(0)), 0.0);
        assert_eq!(visibility(Some(Duration::MAX), Duration::MAX), 1.0);
    }
}
