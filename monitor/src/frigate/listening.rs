//! Listens to Frigate's events at a broker, and connects again when that has failed: messages in, events that wait to be explained out.

use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, Packet, Publish, QoS, SubAck, SubscribeReasonCode};
use tokio::sync::watch;

use super::event::FrigateEvent;
use super::waiting::WaitingEvents;
use crate::backoff::Backoff;
use crate::broker::{self, overdue};
use crate::configuration::FrigatePlan;
use crate::helper::try_again;
use crate::redact::say;

/// What is asked of the broker before it is answered.
const REQUESTS: usize = 8;
/// For so long its answer is waited for.
const PATIENCE: Duration = Duration::from_secs(broker::ANSWER_SECONDS);

const ONCE: &str = "(told once an hour at most)";
/// A complaint that is repeated for longer than this is told again.
const QUIET: Duration = Duration::from_secs(3600);

/// One who listens.
pub struct Listening<'a> {
    plan: &'a FrigatePlan,
    waiting: &'a WaitingEvents,
    /// Since when the broker lets it listen.
    since: Option<Instant>,
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
            since: None,
            strange: HourlyComplaint::default(),
            dropped: HourlyComplaint::default(),
        }
    }

    /// Listens until it is to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.plan.broker.retry_at_most);
        loop {
            let Some(reason) = self.listen(PATIENCE, &mut stop).await else {
                return;
            };
            let worked = self.since.take().map(|since| since.elapsed());
            let worked = worked.unwrap_or_default();
            let wait = backoff.failed(worked);
            let reason = format!("frigate: {}: {reason}", self.plan.broker.place());
            if !try_again(&reason, backoff.failures(), wait, &mut stop).await {
                return;
            }
        }
    }

    /// One connection; why it has failed, `None` where it was to stop. The broker may take so much `patience` to answer who asks to listen.
    async fn listen(
        &mut self,
        patience: Duration,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<String> {
        let client_id = format!("{}-frigate", self.plan.broker.client_id);
        let options = broker::options(&self.plan.broker, &client_id, &self.plan.broker.host);
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        let network = &mut events.network_options;
        network.set_connection_timeout(broker::ANSWER_SECONDS);
        // Whoever is not answered would wait for ever, for pings are.
        let mut asked = None;
        loop {
            let packet = tokio::select! {
                packet = next(&mut events) => packet,
                () = overdue(asked, patience) => {
                    let topic = self.plan.events_topic();
                    return Some(format!("the broker does not answer who wants to listen to {topic}"));
                }
                _ = stop.wait_for(|stop| *stop) => return None,
            };
            match packet {
                Err(reason) => return Some(reason),
                Ok(Packet::ConnAck(_)) => {
                    let topic = self.plan.events_topic();
                    if let Err(error) = client.try_subscribe(topic, QoS::AtLeastOnce) {
                        return Some(error.to_string());
                    }
                    asked = Some(Instant::now());
                }
                Ok(Packet::SubAck(SubAck { return_codes, .. })) => {
                    let topic = self.plan.events_topic();
                    if return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Some(format!("the broker lets nobody listen to {topic}"));
                    }
                    asked = None;
                    self.since = Some(Instant::now());
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
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::configuration::Configuration;

    #[tokio::test]
    async fn a_broker_that_does_not_say_whether_it_may_be_listened_to_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut part = [0; 1000];
            // It accepts who connects, and says no more.
            assert!(stream.read(&mut part).unwrap() > 0);
            stream.write_all(&[0x20, 2, 0, 0]).unwrap();
            while stream.read(&mut part).is_ok_and(|read| read > 0) {}
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("monitor.toml");
        let text = format!(
            "[mqtt]\naddress = \"mqtt://127.0.0.1:{port}\"\n[frigate]\nurl = \"http://nvr\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let plan = Configuration::read(&file).unwrap().frigate.unwrap();
        let waiting = WaitingEvents::default();
        let mut listening = Listening::new(&plan, &waiting);
        let (_stop, mut stopped) = watch::channel(false);
        let patience = Duration::from_millis(100);
        let reason = listening.listen(patience, &mut stopped).await.unwrap();
        assert!(
            reason.contains("does not answer") && reason.contains("frigate/events"),
            "{reason}"
        );
        assert!(listening.since.is_none(), "it never worked");
    }

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
