//! What the model looks at, minute by minute: shares of explanations in, the last hours of each camera and class out, for the page's plots. Prometheus has the same numbers for as long as it is
//! told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::{Value, json};

use ssdcrp::detect::Labels;
use ssdcrp::lock::lock;
use ssdcrp::stream::ExplainedObject;

/// Minutes of each series.
const MINUTES: usize = 6 * 60;
/// Cameras by classes; where there are more, the one without news for longest goes.
const SERIES: usize = 256;

/// A minute's explanations.
#[derive(Clone, Copy, Debug, Default)]
struct DriftMinute {
    /// Since the history began.
    minute: u64,
    count: u32,
    /// Sums of shares.
    in_box: f64,
    positive: f64,
}

/// By camera and class, the oldest minute first.
type AllSeries = BTreeMap<(String, String), VecDeque<DriftMinute>>;

/// The last hours.
pub struct DriftHistory {
    /// Minutes count from here on: the computer's clock may jump.
    begin: Instant,
    series: Mutex<AllSeries>,
}

impl Default for DriftHistory {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            series: Mutex::default(),
        }
    }
}

impl DriftHistory {
    fn lock(&self) -> MutexGuard<'_, AllSeries> {
        lock(&self.series)
    }

    /// The present one.
    fn minute(&self) -> u64 {
        self.begin.elapsed().as_secs() / 60
    }

    /// What was selected of a frame was explained.
    pub fn explained(&self, camera: &str, explained: &[Arc<ExplainedObject>], labels: &Labels) {
        for explained in explained.iter().filter(|e| e.summary.sum_abs > 0.0) {
            let class = labels.name(explained.tracked.detection.class);
            let shares = [
                explained.summary.in_box_share,
                explained.summary.positive_share,
            ];
            self.add(camera, &class, self.minute(), shares);
        }
    }

    fn add(&self, camera: &str, class: &str, minute: u64, [in_box, positive]: [f64; 2]) {
        let mut all = self.lock();
        let of = (camera.to_owned(), class.to_owned());
        let newest = |series: &VecDeque<DriftMinute>| series.back().map_or(0, |last| last.minute);
        if all.len() >= SERIES && !all.contains_key(&of) {
            let oldest = all.iter().min_by_key(|(_, series)| newest(series));
            if let Some(oldest) = oldest.map(|(of, _)| of.clone()) {
                all.remove(&oldest);
            }
        }
        let series = all.entry(of).or_default();
        if series.is_empty() || newest(series) < minute {
            series.push_back(DriftMinute {
                minute,
                ..DriftMinute::default()
            });
        }
        if let Some(last) = series.back_mut() {
            last.count += 1;
            last.in_box += in_box;
            last.positive += positive;
        }
        while series.len() > MINUTES {
            series.pop_front();
        }
    }

    /// All of it as the page reads it: the mean of each minute, minutes counted from `minute`, the present one, backwards.
    pub fn json(&self) -> Value {
        self.json_at(self.minute())
    }

    fn json_at(&self, now: u64) -> Value {
        let mut all = self.lock();
        let is_recent = |last: &DriftMinute| last.minute + MINUTES as u64 > now;
        for series in all.values_mut() {
            series.retain(is_recent);
        }
        all.retain(|_, series| !series.is_empty());
        let series = all.iter().map(|((camera, class), series)| {
            let minutes = series.iter().map(|minute| {
                let mean = |sum: f64| sum / f64::from(minute.count);
                let ago = now.saturating_sub(minute.minute);
                json!([ago, mean(minute.in_box), mean(minute.positive)])
            });
            let sum = |of: fn(&DriftMinute) -> f64| series.iter().map(of).sum::<f64>();
            let count = sum(|minute| f64::from(minute.count));
            json!({
                "camera": camera,
                "class": class,
                "explained": count,
                "in_box": sum(|minute| minute.in_box) / count,
                "positive": sum(|minute| minute.positive) / count,
                "minutes": minutes.collect::<Vec<_>>(),
            })
        });
        json!({"minutes": MINUTES, "series": series.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_have_means_and_the_oldest_go() {
        let history = DriftHistory::default();
        for (minute, in_box) in [(5, 0.5), (5, 0.75), (7, 1.0)] {
            history.add("gate", "person", minute, [in_box, 0.25]);
        }
        let told = history.json_at(7);
        let series = &told["series"][0];
        assert_eq!(series["minutes"], json!([[2, 0.625, 0.25], [0, 1.0, 0.25]]));
        assert_eq!(
            (&series["in_box"], &series["explained"]),
            (&json!(0.75), &json!(3.0))
        );
        let last = 5 + MINUTES as u64;
        assert_eq!(history.json_at(last)["series"][0]["explained"], 1.0);
        assert_eq!(history.json_at(last + 2)["series"], json!([]));
        for minute in 0..2 * MINUTES as u64 {
            history.add("gate", "dog", minute, [0.5, 0.5]);
        }
        assert_eq!(history.lock().values().next().unwrap().len(), MINUTES);
    }

    #[test]
    fn no_more_series_than_there_is_room_for() {
        let history = DriftHistory::default();
        for number in 0..SERIES + 1 {
            let class = format!("{number}");
            history.add("gate", &class, number as u64, [0.5, 0.5]);
        }
        let all = history.lock();
        let has = |class: &str| all.contains_key(&("gate".to_owned(), class.to_owned()));
        assert!(all.len() == SERIES && !has("0") && has("1"));
    }
}
