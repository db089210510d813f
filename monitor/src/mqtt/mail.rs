//! What a broker is to be sent: events, states and detections of all cameras in, what comes next out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ssdcrp::lock::lock;

use super::retained::{self, Retained};
use super::topics::Topics;
use crate::message::{DetectionsMessage, MonitorMessage, json};
use crate::outbox::Outbox;

/// What is to be sent.
pub struct Mail {
    pub outbox: Arc<Outbox>,
    pub topics: Topics,
    retained: Mutex<Retained>,
    /// Of each camera.
    detections: Mutex<BTreeMap<String, LatestDetections>>,
    is_connected: AtomicBool,
}

/// A camera's newest detections.
#[derive(Default)]
struct LatestDetections {
    told: Option<Instant>,
    unsent: Option<String>,
}

impl Mail {
    /// For topics below `base`.
    pub fn new(base: &str, outbox: Arc<Outbox>) -> Self {
        let file = outbox.queue.folder().join(retained::FILE);
        let mail = Self {
            outbox,
            topics: Topics::new(base),
            retained: Mutex::new(Retained::open(&file)),
            detections: Mutex::default(),
            is_connected: AtomicBool::new(false),
        };
        mail.say_state(true);
        mail
    }

    pub fn retained(&self) -> MutexGuard<'_, Retained> {
        lock(&self.retained)
    }

    /// Keeps on the disk which topics the broker may keep something of. The disk is not waited for under the lock, which cameras take.
    pub fn save_names(&self) {
        let unsaved = self.retained().unsaved();
        if let Some(names) = unsaved {
            names.save();
        }
    }

    /// The monitor is there, or goes.
    pub fn say_state(&self, is_online: bool) {
        let message = json(&MonitorMessage::new(is_online));
        self.retained().set(self.topics.monitor(), message);
    }

    pub fn connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Ordering::Relaxed);
        // The queue is sent from its beginning.
        self.outbox.release();
        match is_connected {
            true => self.retained().send_all(),
            false => lock(&self.detections).clear(),
        }
    }

    /// The oldest event above this number, with its topic.
    pub fn next_event(&self, after: u64) -> Option<(u64, String, String)> {
        loop {
            let (number, event) = self.outbox.next(after)?;
            match self.topics.of_event(&event) {
                Some(topic) => return Some((number, topic, event)),
                None => self.outbox.strange(number),
            }
        }
    }

    /// A camera's newest detections, unless the broker is away or heard of some within this time.
    pub fn put_detections(
        &self,
        camera: &str,
        interval: Duration,
        message: impl FnOnce() -> DetectionsMessage,
    ) {
        if !self.is_connected.load(Ordering::Relaxed) {
            return;
        }
        {
            let mut all = lock(&self.detections);
            let latest = all.entry(camera.to_owned()).or_default();
            if (latest.told).is_some_and(|told| told.elapsed() < interval) {
                return;
            }
            latest.told = Some(Instant::now());
            latest.unsent = Some(json(&message()));
        }
        self.outbox.news.notify_one();
    }

    pub fn next_detections(&self) -> Option<(String, String)> {
        let mut all = lock(&self.detections);
        all.iter_mut().find_map(|(camera, latest)| {
            let message = latest.unsent.take()?;
            Some((self.topics.detections(camera), message))
        })
    }

    pub fn has_unsent(&self) -> bool {
        !self.outbox.is_empty() || self.retained().has_unsent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Deliveries;
    use crate::queue::QueueLimits;

    fn mail(folder: &std::path::Path) -> Mail {
        let limits = QueueLimits {
            texts: 9,
            bytes: 9999,
        };
        let outbox = Outbox::open("mqtt", folder, limits, &Deliveries::default());
        Mail::new("ssdcrp", Arc::new(outbox.unwrap()))
    }

    #[test]
    fn detections_are_for_a_broker_that_is_there_and_not_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let mail = mail(folder.path());
        let put = |camera: &str, interval| {
            mail.put_detections(camera, interval, || DetectionsMessage {
                schema: 1,
                camera: camera.to_owned(),
                recorded: String::new(),
                time: 0.0,
                detections: vec![],
            });
        };
        let (none, long) = (Duration::ZERO, Duration::from_secs(3600));
        put("gate", none);
        assert_eq!(mail.next_detections(), None);
        mail.connected(true);
        for camera in ["gate", "yard", "gate"] {
            put(camera, long);
        }
        let topic = |camera| format!("ssdcrp/camera/{camera}/detections");
        let next = || mail.next_detections().map(|(topic, _)| topic);
        assert_eq!((next(), next()), (Some(topic("gate")), Some(topic("yard"))));
        put("gate", long);
        assert_eq!(next(), None);
        put("gate", none);
        put("gate", none);
        assert_eq!((next(), next()), (Some(topic("gate")), None));
    }

    #[test]
    fn what_is_no_event_is_left_out_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mail = mail(folder.path());
        for text in ["no event", "{}", r#"{"camera":"gate","id":"1"}"#] {
            mail.outbox.put(text);
        }
        let (number, topic, _) = mail.next_event(0).unwrap();
        assert_eq!((number, topic.as_str()), (3, "ssdcrp/camera/gate/event"));
        assert_eq!(mail.outbox.queue.level().texts, 1);
        mail.outbox.arrived(number);
        assert!(mail.outbox.is_empty() && mail.next_event(0).is_none());
    }
}
