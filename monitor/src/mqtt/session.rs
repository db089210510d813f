//! One connection to a broker, from its beginning to its end: what is to be kept there and events in their order in, what the broker has confirmed out.
//!
//! Events and retained messages go with QoS 1, up to [`WINDOW`] of them before the first is confirmed. A connection that fails, or on which nothing is confirmed for a time, is thrown away
//! with all that was not confirmed: the next one begins with the oldest event that is still in the queue.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
};
use tokio::net::lookup_host;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::mail::Mail;
use crate::broker::{self, overdue};
use crate::configuration::MqttPlan;
use crate::message::{MonitorMessage, json};
use crate::redact::say;

/// How many messages may be on their way.
const WINDOW: usize = 32;
/// For so long the oldest message that is not confirmed is waited for. A broker that answers pings and confirms nothing would hold up all that is behind it for ever.
pub const PATIENCE: Duration = Duration::from_secs(30);
const TASK_FAILED: &str = "the connection's task has failed, a fault of this program";

/// Why a connection is over.
pub enum SessionEnd {
    /// It was to stop.
    Stopped,
    /// What went wrong, and how long it had worked.
    Failed { reason: String, worked: Duration },
}

type Told = Result<Event, ConnectionError>;

/// What was sent and is not confirmed, or before something that is not.
struct Flight {
    /// The number that the protocol has given it.
    packet: Option<u16>,
    load: Load,
    has_arrived: bool,
}

enum Load {
    /// The number in the queue.
    Event(u64),
    /// The topic.
    Retained(String),
}

struct BrokerSession<'a> {
    mail: &'a Mail,
    client: AsyncClient,
    flights: VecDeque<Flight>,
    /// Since when the first of them is the first.
    waits_since: Option<Instant>,
    /// When something was confirmed last.
    confirmed: Option<Instant>,
    /// The last event that was sent.
    after: u64,
}

/// Connects, and sends until that fails or it is to stop.
///
/// Of a broker with several addresses each `turn` asks another one first. For `patience` the oldest message that is not confirmed is waited for.
pub async fn run(
    plan: &MqttPlan,
    mail: &Mail,
    turn: u32,
    patience: Duration,
    stop: &mut watch::Receiver<bool>,
) -> SessionEnd {
    let host = host(plan, turn).await;
    let (client, events) = AsyncClient::new(options(plan, &host, mail), 2 * WINDOW);
    let (_driver, mut told) = drive(events);
    let mut session = BrokerSession {
        mail,
        client,
        flights: VecDeque::new(),
        waits_since: None,
        confirmed: None,
        after: 0,
    };
    let mut since: Option<Instant> = None;
    let mut is_to_stop = false;
    let mut has_said_goodbye = false;
    loop {
        if since.is_some() {
            session.send().await;
        }
        if is_to_stop {
            if since.is_none() {
                return SessionEnd::Stopped;
            }
            if session.is_idle() {
                if has_said_goodbye {
                    session.close(&mut told).await;
                    return SessionEnd::Stopped;
                }
                has_said_goodbye = true;
                mail.say_state(false);
                continue;
            }
        }
        tokio::select! {
            event = told.recv() => match event {
                Some(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                    since = Some(Instant::now());
                    say(format_args!("mqtt: connected to {}", plan.place()));
                    mail.connected(true);
                }
                Some(Ok(event)) => session.told(&event),
                Some(Err(error)) => return failed(mail, since, None, broker::reason(&error)),
                // A panic in it ends it without a word.
                None => return failed(mail, since, None, TASK_FAILED.to_owned()),
            },
            () = overdue(session.waits_since, patience) => {
                let seconds = patience.as_secs();
                let reason = format!("for {seconds} s the broker has not confirmed what it was sent");
                // The silence is no good work.
                return failed(mail, since, session.confirmed.or(since), reason);
            }
            () = mail.outbox.news.notified() => {}
            () = mail.outbox.readable(), if since.is_some() => {}
            _ = stop.wait_for(|stop| *stop), if !is_to_stop => is_to_stop = true,
        }
    }
}

/// The connection that began at `since` is over, after it had worked until then, or until now.
fn failed(
    mail: &Mail,
    since: Option<Instant>,
    until: Option<Instant>,
    reason: String,
) -> SessionEnd {
    mail.connected(false);
    let until = until.unwrap_or_else(Instant::now);
    SessionEnd::Failed {
        reason,
        worked: since.map_or(Duration::ZERO, |since| until - since),
    }
}

/// Runs the protocol on a task of its own, which is never interrupted in the middle of a packet.
fn drive(mut events: EventLoop) -> (JoinSet<()>, UnboundedReceiver<Told>) {
    let (tell, told) = unbounded_channel();
    let mut driver = JoinSet::new();
    events
        .network_options
        .set_connection_timeout(broker::ANSWER_SECONDS);
    driver.spawn(async move {
        loop {
            let event = events.poll().await;
            let is_over = event.is_err();
            if tell.send(event).is_err() || is_over {
                return;
            }
        }
    });
    (driver, told)
}

/// What to connect to. The client tries a name's addresses one after the other, but gives all of them the time of one, so that one which swallows what it is sent keeps the others from
/// being tried: without TLS, which needs the name, an address is chosen here.
async fn host(plan: &MqttPlan, turn: u32) -> String {
    if plan.tls.is_some() {
        return plan.host.clone();
    }
    let name = plan.host.trim_matches(['[', ']']);
    let resolved = timeout(
        Duration::from_secs(broker::ANSWER_SECONDS),
        lookup_host((name, plan.port)),
    );
    let addresses = resolved.await.ok().and_then(Result::ok);
    let addresses: Vec<SocketAddr> = addresses.into_iter().flatten().collect();
    // Who cannot be found is told of by the client.
    address_of(&addresses, turn).unwrap_or_else(|| plan.host.clone())
}

fn address_of(addresses: &[SocketAddr], turn: u32) -> Option<String> {
    let place = (turn as usize).checked_rem(addresses.len())?;
    Some(match addresses.get(place)?.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

fn options(plan: &MqttPlan, host: &str, mail: &Mail) -> MqttOptions {
    let mut options = broker::options(plan, &plan.client_id, host);
    options.set_inflight(2 * WINDOW as u16);
    let gone = json(&MonitorMessage::new(false));
    let will = LastWill::new(mail.topics.monitor(), gone, QoS::AtLeastOnce, true);
    options.set_last_will(will);
    options
}

impl BrokerSession<'_> {
    /// Sends what there is room for.
    async fn send(&mut self) {
        self.mail.save_names();
        // Who is closed tells of an error soon.
        while self.flights.len() < WINDOW {
            let retained = self.mail.retained().next();
            let (load, topic, message) = match retained {
                Some((topic, message)) => (Load::Retained(topic.clone()), topic, message),
                None => match self.mail.next_event(self.after) {
                    Some((number, topic, event)) => {
                        self.after = number;
                        (Load::Event(number), topic, event)
                    }
                    None => break,
                },
            };
            let is_retained = matches!(load, Load::Retained(_));
            self.waits_since.get_or_insert_with(Instant::now);
            self.flights.push_back(Flight {
                packet: None,
                load,
                has_arrived: false,
            });
            let (client, once) = (&self.client, QoS::AtLeastOnce);
            let _ = client.publish(topic, once, is_retained, message).await;
        }
        while let Some((topic, message)) = self.mail.next_detections() {
            // Newer ones follow.
            let _ = (self.client).try_publish(topic, QoS::AtMostOnce, false, message);
        }
    }

    fn is_idle(&self) -> bool {
        let may_wait = self.mail.outbox.is_unreadable() && !self.mail.retained().has_unsent();
        self.flights.is_empty() && (may_wait || !self.mail.has_unsent())
    }

    /// The protocol has gone on.
    fn told(&mut self, event: &Event) {
        match event {
            // Only what is confirmed has a number.
            Event::Outgoing(Outgoing::Publish(packet)) if *packet != 0 => {
                let next = (self.flights.iter_mut()).find(|flight| flight.packet.is_none());
                if let Some(flight) = next {
                    flight.packet = Some(*packet);
                }
            }
            Event::Incoming(Packet::PubAck(confirmed)) => self.confirmed(confirmed.pkid),
            _ => {}
        }
    }

    fn confirmed(&mut self, packet: u16) {
        let mut open = (self.flights.iter_mut()).filter(|flight| !flight.has_arrived);
        if let Some(flight) = open.find(|flight| flight.packet == Some(packet)) {
            flight.has_arrived = true;
        }
        // What arrived before its forerunner waits for it: the queue forgets in order.
        while (self.flights.front()).is_some_and(|flight| flight.has_arrived)
            && let Some(flight) = self.flights.pop_front()
        {
            match flight.load {
                Load::Event(number) => self.mail.outbox.arrived(number),
                Load::Retained(topic) => self.mail.retained().arrived(&topic),
            }
            let now = Instant::now();
            self.confirmed = Some(now);
            self.waits_since = (!self.flights.is_empty()).then_some(now);
            self.mail.outbox.delivery.works();
        }
    }

    /// Takes leave, so that the broker does not publish the last will.
    async fn close(&self, told: &mut UnboundedReceiver<Told>) {
        let _ = self.client.disconnect().await;
        let is_over = async { while let Some(Ok(_)) = told.recv().await {} };
        let _ = timeout(Duration::from_secs(1), is_over).await;
    }
}

#[cfg(test)]
mod tests;
