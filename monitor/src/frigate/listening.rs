//! Listens to Frigate's events at a broker, and connects again when that has failed: messages in, events that wait to be explained out.

use std::time::Instant;

use rumqttc::{AsyncClient, Event, EventLoop, Packet, Publish, QoS, SubAck, SubscribeReasonCode};
use tokio::sync::watch;

use super::event::FrigateEvent;
use super::waiting::WaitingEvents;
use crate::backoff::Backoff;
use crate::broker;
use crate::configuration::FrigatePlan;
use crate::helper::try_again;
use crate::redact::say;

/// What is asked of the broker before it is answered.
const REQUESTS: usize = 8;

/// One who listens.
pub struct Listening<'a> {
    plan: &'a FrigatePlan,
    waiting: &'a WaitingEvents,
    /// Whether it was told that a message is strange, or that events are dropped.
    has_complained: bool,
}

impl<'a> Listening<'a> {
    pub fn new(plan: &'a FrigatePlan, waiting: &'a WaitingEvents) -> Self {
        Self {
            plan,
            waiting,
            has_complained: false,
        }
    }

    /// Listens until it is to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.plan.broker.retry_at_most);
        loop {
            let begun = Instant::now();
            let Some(reason) = self.listen(&mut stop).await else {
                return;
            };
            let wait = backoff.failed(begun.elapsed());
            let reason = format!("frigate: {}: {reason}", self.plan.broker.place());
            if !try_again(&reason, backoff.failures(), wait, &mut stop).await {
                return;
            }
        }
    }

    /// One connection; why it has failed, `None` where it was to stop.
    async fn listen(&mut self, stop: &mut watch::Receiver<bool>) -> Option<String> {
        let client_id = format!("{}-frigate", self.plan.broker.client_id);
        let options = broker::options(&self.plan.broker, &client_id, &self.plan.broker.host);
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        let network = &mut events.network_options;
        network.set_connection_timeout(broker::ANSWER_SECONDS);
        loop {
            let packet = tokio::select! {
                packet = next(&mut events) => packet,
                _ = stop.wait_for(|stop| *stop) => return None,
            };
            match packet {
                Err(reason) => return Some(reason),
                Ok(Packet::ConnAck(_)) => {
                    let topic = self.plan.events_topic();
                    if let Err(error) = client.try_subscribe(topic, QoS::AtLeastOnce) {
                        return Some(error.to_string());
                    }
                }
                Ok(Packet::SubAck(SubAck { return_codes, .. })) => {
                    let topic = self.plan.events_topic();
                    if return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Some(format!("the broker lets nobody listen to {topic}"));
                    }
                    let place = self.plan.broker.place();
                    say(format_args!("frigate: listens to {topic} at {place}"));
                }
                Ok(Packet::Publish(message)) => self.heard(&message),
                Ok(_) => {}
            }
        }
    }

    fn heard(&mut self, message: &Publish) {
        let event = match FrigateEvent::parse(&message.payload) {
            Ok(event) => event,
            Err(error) => return self.complain(&format!("{error:#}; it is left out")),
        };
        if !self.plan.wants(&event.camera, &event.label) || !event.has_snapshot {
            return;
        }
        let pause = self.plan.event_interval;
        if self.waiting.put(event, pause, Instant::now()) {
            self.complain("events come faster than they can be explained: the oldest are left out");
        }
    }

    fn complain(&mut self, words: &str) {
        if !std::mem::replace(&mut self.has_complained, true) {
            say(format_args!("frigate: {words} (this is told once)"));
        }
    }
}

/// The next packet that comes, or why none will.
async fn next(events: &mut EventLoop) -> Result<Packet, String> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) => return Ok(packet),
            Ok(Event::Outgoing(_)) => {}
            Err(error) => return Err(broker::reason(&error)),
        }
    }
}
