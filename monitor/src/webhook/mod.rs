//! Events for a server: each is a POST of its JSON, signed, in the order in which they were raised; a thread sends them, and tries again what may be taken later.

mod post;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::configuration::WebhookPlan;
use crate::courier::Courier;
use crate::helper::try_again;
use crate::message::EventHead;
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::redact::say;
use post::{PostOutcome, post};

/// Reasons that are said while a server refuses events.
const REASONS: usize = 8;

/// Everything that goes to a server, until it is dropped.
pub struct WebhookOutlet {
    _courier: Courier,
}

impl Outlet for WebhookOutlet {
    const NAME: &'static str = "webhook";
    type Plan = WebhookPlan;

    fn start(plan: WebhookPlan, outbox: Arc<Outbox>) -> Result<Self> {
        let of_thread = outbox.clone();
        let courier = Courier::start(outbox, move |stop| {
            let (plan, outbox) = (plan.clone(), of_thread.clone());
            async move { send(&plan, &outbox, stop).await }
        })?;
        Ok(Self { _courier: courier })
    }
}

/// Sends one event after the other, until it is to stop and nothing is left, or something fails then.
async fn send(plan: &WebhookPlan, outbox: &Outbox, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::new(plan.retry_at_most);
    let mut refusals = Refusals::default();
    loop {
        let Some((number, event)) = outbox.next(0) else {
            tokio::select! {
                () = outbox.news.notified() => continue,
                () = outbox.readable() => continue,
                _ = stop.wait_for(|stop| *stop) => return,
            }
        };
        let Some(id) = EventHead::read(&event).and_then(EventHead::message_id) else {
            outbox.strange(number);
            continue;
        };
        match post(plan, &id, &event).await {
            PostOutcome::Arrived => {
                outbox.arrived(number);
                outbox.delivery.works();
                refusals.end(&plan.server.host);
            }
            PostOutcome::Refused(reason) => {
                let reason = format!("{}: {reason}", plan.server.host);
                refusals.add(&reason);
                outbox.delivery.failed(&reason);
                outbox.refused(number);
            }
            PostOutcome::Failed { reason, pause } => {
                outbox.release();
                let reason = format!("{}: {reason}", plan.server.host);
                outbox.delivery.failed(&reason);
                let wait = backoff.failed(std::time::Duration::ZERO).max(pause);
                let reason = format!("webhook: {reason}");
                if !try_again(&reason, backoff.failures(), wait, &mut stop).await {
                    return;
                }
                continue;
            }
        }
        backoff = Backoff::new(plan.retry_at_most);
    }
}

/// What a server does not want. It may be all events, where the secret or the path is another one: each reason is said once until the server takes an event again.
#[derive(Default)]
struct Refusals {
    events: usize,
    reasons: BTreeSet<String>,
}

impl Refusals {
    fn add(&mut self, reason: &str) {
        self.events += 1;
        if self.reasons.len() < REASONS && self.reasons.insert(reason.to_owned()) {
            say(format_args!(
                "webhook: {reason}; the event is not sent again, nor is any that is refused like that"
            ));
        }
    }

    /// An event was taken.
    fn end(&mut self, host: &str) {
        if self.events > 0 {
            let events = self.events;
            say(format_args!(
                "webhook: {host} takes events again; {events} were refused"
            ));
            *self = Self::default();
        }
    }
}
