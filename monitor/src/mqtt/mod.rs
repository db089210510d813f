//! Events, states and detections for a broker of MQTT 3.1.1: messages in, a thread that connects, sends, and connects again when that has failed.
//!
//! Events wait in a queue on the disk until the broker has confirmed them. States and Home Assistant's discovery are retained: the broker is told what they are when it is reached, and
//! what changes. Detections are sent to a broker that is there, and forgotten otherwise. The broker's last will says that the monitor is gone.

mod discovery;
mod mail;
mod retained;
mod session;
mod topics;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use ssdcrp::detect::Labels;
use ssdcrp::stream::Observation;

use crate::backoff::Backoff;
use crate::configuration::MqttPlan;
use crate::courier::Courier;
use crate::helper::try_again;
use crate::message::{DetectionsMessage, json};
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::screen::Screen;
use mail::Mail;
use session::SessionEnd;

/// Everything that goes to a broker, until it is dropped.
pub struct MqttOutlet {
    plan: MqttPlan,
    mail: Arc<Mail>,
    _courier: Courier,
}

impl Outlet for MqttOutlet {
    const NAME: &'static str = "mqtt";
    type Plan = MqttPlan;

    fn start(plan: MqttPlan, outbox: Arc<Outbox>) -> Result<Self> {
        let mail = Arc::new(Mail::new(&plan.topic, outbox.clone()));
        let (for_thread, its_plan) = (mail.clone(), plan.clone());
        let courier = Courier::start(outbox, move |stop| {
            let (plan, mail) = (its_plan.clone(), for_thread.clone());
            async move { send(&plan, &mail, session::PATIENCE, stop).await }
        })?;
        Ok(Self {
            plan,
            mail,
            _courier: courier,
        })
    }

    fn move_notes(from: &Path, to: &Path) {
        retained::move_names(from, to);
    }
}

impl MqttOutlet {
    /// These are the cameras, and no others.
    pub fn cameras(&self, screens: &[Arc<Screen>]) {
        let topics = &self.mail.topics;
        let mut wanted = BTreeSet::from([topics.monitor()]);
        for screen in screens {
            self.state(screen);
            wanted.insert(topics.state(&screen.name));
            if let Some(prefix) = &self.plan.home_assistant {
                for (topic, message) in discovery::messages(prefix, topics, &screen.name) {
                    wanted.insert(topic.clone());
                    self.mail.retained().set(topic, message);
                }
            }
        }
        self.mail.retained().keep_only(&wanted);
        self.mail.outbox.news.notify_one();
    }

    /// A camera's state has changed.
    pub fn state(&self, screen: &Screen) {
        {
            let mut retained = self.mail.retained();
            // Looked at now, so that of two states the newer one stays.
            let message = json(&screen.message());
            retained.set(self.mail.topics.state(&screen.name), message);
        }
        self.mail.outbox.news.notify_one();
    }

    /// A frame was looked at.
    pub fn detections(&self, camera: &str, observation: &Observation, labels: &Labels) {
        let Some(interval) = self.plan.detections_interval else {
            return;
        };
        self.mail.put_detections(camera, interval, || {
            DetectionsMessage::new(camera, observation, labels)
        });
    }
}

/// Connects again and again, until it is to stop. A broker may take so much `patience` to confirm what it was sent.
async fn send(plan: &MqttPlan, mail: &Mail, patience: Duration, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::new(plan.retry_at_most);
    loop {
        match session::run(plan, mail, backoff.failures(), patience, &mut stop).await {
            SessionEnd::Stopped => return,
            SessionEnd::Failed { reason, worked } => {
                let wait = backoff.failed(worked);
                let reason = format!("{}: {reason}", plan.place());
                mail.outbox.delivery.failed(&reason);
                let reason = format!("mqtt: {reason}");
                if !try_again(&reason, backoff.failures(), wait, &mut stop).await {
                    return;
                }
            }
        }
    }
}
