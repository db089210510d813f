//! Where results go: standard output, the page, the numbers, a broker and a server.

use std::sync::Arc;

use anyhow::Result;

use ssdcrp::detect::Labels;
use ssdcrp::stream::Observation;

use crate::board::{Board, CameraState, Screen};
use crate::configuration::Configuration;
use crate::drift::DriftHistory;
use crate::message::{EventMessage, Worth, json};
use crate::metrics::Metrics;
use crate::mqtt::MqttOutlet;
use crate::outlet::{Outlet, OutletSlot};
use crate::printer::Printer;
use crate::webhook::WebhookOutlet;

/// All of them.
#[derive(Default)]
pub struct Outlets {
    pub board: Board,
    pub metrics: Metrics,
    pub drift: DriftHistory,
    printer: Printer,
    mqtt: OutletSlot<MqttOutlet>,
    webhook: OutletSlot<WebhookOutlet>,
}

impl Outlets {
    /// Sends events where they are to be sent from now on, and nowhere else.
    ///
    /// # Errors
    /// The queue's folder cannot be used; the system gives no thread.
    pub fn send(&self, to: &Configuration) -> Result<()> {
        let (folder, limits) = (&to.queue.folder, to.queue.limits);
        let deliveries = &self.metrics.deliveries;
        (self.mqtt).exchange(to.mqtt.as_ref(), folder, limits, deliveries)?;
        (self.webhook).exchange(to.webhook.as_ref(), folder, limits, deliveries)
    }

    /// These are the cameras now.
    pub fn cameras(&self, screens: Vec<Arc<Screen>>) {
        self.mqtt.with(|mqtt| mqtt.cameras(&screens));
        self.board.set_screens(screens);
    }

    /// Keeps on the disk what waits to be sent.
    pub fn sync(&self) {
        self.mqtt.sync();
        self.webhook.sync();
    }

    /// Nothing comes any more: what can be sent at once is sent.
    pub fn close(&self) {
        self.mqtt.close();
        self.webhook.close();
        self.printer.finish();
    }

    /// A frame was looked at.
    pub fn looked_at(&self, camera: &str, observation: &Observation, labels: &Labels) {
        self.metrics.looked_at(camera, observation, labels);
        self.mqtt
            .with(|mqtt| mqtt.detections(camera, observation, labels));
    }

    /// An event was raised.
    pub fn raised(&self, event: EventMessage) {
        let line = json(&event);
        // What is printed is already in the queues, and not lost when the process is killed.
        self.mqtt.with(|mqtt| mqtt.outbox().put(&line));
        self.webhook.with(|webhook| webhook.outbox().put(&line));
        if !self.printer.print(line) {
            self.metrics.unprinted();
        }
        self.metrics.event(&event.camera, &event.kind);
        self.board.tell(event);
    }

    /// The question of an event was answered.
    pub fn answered(&self, id: &str, answer: String, worth: Option<Worth>) {
        let event = self.board.answer(id, |event| {
            event.answer = Some(answer);
            event.worth = worth;
        });
        let Some(event) = event else {
            return;
        };
        let line = json(&event);
        self.mqtt.with(|mqtt| mqtt.outbox().put(&line));
        self.webhook.with(|webhook| {
            if webhook.plan().answers {
                webhook.outbox().put(&line);
            }
        });
    }

    /// An event of Frigate's was answered.
    pub fn frigate_answered(&self, answer: &str) {
        self.mqtt.with(|mqtt| mqtt.outbox().put(answer));
    }

    /// Frames of a camera that plays are not looked at, for this reason, or are again.
    pub fn trouble(&self, screen: &Screen, trouble: Option<String>) {
        screen.set_trouble(trouble);
    }

    /// A camera is in another state.
    pub fn state(&self, screen: &Arc<Screen>, state: CameraState) {
        screen.set_state(state);
        self.mqtt.with(|mqtt| mqtt.state(screen));
    }
}
