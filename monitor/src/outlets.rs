//! Where results go: standard output, the page, the numbers, a broker and a server.

use std::sync::Arc;

use anyhow::Result;

use ssdcrp::detect::Labels;
use ssdcrp::stream::Observation;

use crate::board::Board;
use crate::configuration::Configuration;
use crate::drift::DriftHistory;
use crate::message::{EventMessage, Worth, json};
use crate::metrics::Metrics;
use crate::mqtt::MqttOutlet;
use crate::outlet::{NextOutlet, OutletSlot};
use crate::printer::Printer;
use crate::redact::say;
use crate::screen::{CameraState, HANGS, Screen};
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

/// Where events are to be sent next.
pub struct NextOutlets {
    mqtt: NextOutlet<MqttOutlet>,
    webhook: NextOutlet<WebhookOutlet>,
}

impl Outlets {
    /// Opens what is needed to send events where they are to be sent; what runs goes on. Where nothing runs yet, an outlet whose queue cannot be used has failed.
    ///
    /// # Errors
    /// The queue's folder cannot be used, and what runs had better go on.
    pub fn prepare(&self, to: &Configuration, something_runs: bool) -> Result<NextOutlets> {
        let (folder, limits) = (&to.queue.folder, to.queue.limits);
        let deliveries = &self.metrics.deliveries;
        let (mqtt, webhook) = (to.mqtt.as_ref(), to.webhook.as_ref());
        Ok(match something_runs {
            true => NextOutlets {
                mqtt: self.mqtt.prepare(mqtt, folder, limits, deliveries)?,
                webhook: self.webhook.prepare(webhook, folder, limits, deliveries)?,
            },
            false => NextOutlets {
                mqtt: self.mqtt.prepare_or_fail(mqtt, folder, limits, deliveries),
                webhook: (self.webhook).prepare_or_fail(webhook, folder, limits, deliveries),
            },
        })
    }

    /// Sends events there from now on, and nowhere else. A broker has to be told of the cameras then.
    pub fn exchange(&self, next: NextOutlets) {
        let deliveries = &self.metrics.deliveries;
        self.mqtt.exchange(next.mqtt, deliveries);
        self.webhook.exchange(next.webhook, deliveries);
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
        self.mqtt.put(&line, |_| true);
        self.webhook.put(&line, |_| true);
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
        self.mqtt.put(&line, |_| true);
        self.webhook.put(&line, |plan| plan.answers);
    }

    /// An event of Frigate's was answered.
    pub fn frigate_answered(&self, answer: &str) {
        self.mqtt.put(answer, |_| true);
    }

    /// Frames of a camera that plays are not looked at, for this reason, or are again.
    pub fn trouble(&self, screen: &Screen, trouble: Option<String>) {
        screen.set_trouble(trouble);
        self.mqtt.with(|mqtt| mqtt.state(screen));
    }

    /// A camera's thread hangs, or goes on.
    pub fn hangs(&self, screen: &Screen, hangs: bool) {
        let words = match hangs {
            true => HANGS,
            false => "the camera's thread goes on",
        };
        say(format_args!("{}: {words}", screen.name));
        if hangs {
            self.metrics.failure(&screen.name);
        }
        self.mqtt.with(|mqtt| mqtt.state(screen));
    }

    /// A camera is in another state.
    pub fn state(&self, screen: &Arc<Screen>, state: CameraState) {
        screen.set_state(state);
        self.mqtt.with(|mqtt| mqtt.state(screen));
    }
}
