//! Listens to Frigate's events at a broker, and connects again when that has failed: messages in, events that wait to be explained out.

use std::time::{Duration, Instant};

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

const ONCE: &str = "(told once an hour at most)";
/// A complaint that is repeated for longer than this is told again.
const QUIET: Duration = Duration::from_secs(3600);

/// One who listens.
pub struct Listening<'a> {
    plan: &'a FrigatePlan,
    waiting: &'a WaitingEvents,
    strange: HourlyComplaint,
    dropped: HourlyComplaint,
}

/// Something that may happen with each message, and is told once an hour at most.
#[derive(Default)]
struct HourlyComplaint(Option<Instant>);

impl HourlyComplaint {
    /// Whether it is to be told now.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.0.is_none_or(|told| now - told >= QUIET);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

impl<'a> Listening<'a> {
    pub fn new(plan: &'a FrigatePlan, waiting: &'a WaitingEvents) -> Self {
        Self {
            plan,
            waiting,
            strange: HourlyComplaint::default(),
            dropped: HourlyComplaint::default(),
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
        let now = Instant::now();
        let event = match FrigateEvent::parse(&message.payload) {
            Ok(event) => event,
            Err(error) => {
                if self.strange.is_due(now) {
                    let place = self.plan.events_topic();
                    say(format_args!(
                        "frigate: {place}: {error:#}; it is left out {ONCE}"
                    ));
                }
                return;
            }
        };
        if !self.plan.wants(&event.camera, &event.label) || !event.has_snapshot {
            return;
        }
        let pause = self.plan.event_interval;
        if self.waiting.put(event, pause, now) && self.dropped.is_due(now) {
            say(format_args!(
                "frigate: events come faster than they can be explained: the oldest are left out {ONCE}"
            ));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_once_an_hour() {
        let (mut complaint, begin) = (HourlyComplaint::default(), Instant::now());
        let told = [0, 1, 3599, 3600, 3601, 9000].map(|second| {
            let now = begin + Duration::from_secs(second);
            complaint.is_due(now)
        });
        assert_eq!(told, [true, false, false, true, false, true]);
    }
}
