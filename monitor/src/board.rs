//! What can be looked at: the cameras, and the last events.
//!
//! In: the cameras' screens, events from the engine. Out: what the page's server sends to whoever asks.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::event_log::EventLog;
use crate::message::EventMessage;
use crate::screen::{CameraState, Screen};

/// Cameras and events.
pub struct Board {
    screens: watch::Sender<Screens>,
    pub log: EventLog,
}

/// All cameras.
pub type Screens = Vec<Arc<Screen>>;

impl Default for Board {
    fn default() -> Self {
        Self {
            screens: watch::Sender::new(Vec::new()),
            log: EventLog::default(),
        }
    }
}

impl Board {
    /// From now on these are the cameras.
    pub fn set_screens(&self, screens: Screens) {
        self.screens.send_replace(screens);
    }

    pub fn screens(&self) -> Screens {
        self.screens.borrow().clone()
    }

    /// The cameras, for those who have to know when they change.
    pub fn follow_screens(&self) -> watch::Receiver<Screens> {
        self.screens.subscribe()
    }

    pub fn screen(&self, name: &str) -> Option<Arc<Screen>> {
        self.screens()
            .into_iter()
            .find(|screen| screen.name == name)
    }

    pub fn tell(&self, event: EventMessage) {
        self.log.tell(event);
    }

    /// The question of an event is answered: the event with that, unless it is forgotten.
    pub fn answer(
        &self,
        id: &str,
        complete: impl FnOnce(&mut EventMessage),
    ) -> Option<EventMessage> {
        let event = self.log.complete(id, |event| complete(&mut event.message));
        event.map(|event| event.message)
    }

    /// The cameras as the page reads them.
    pub fn cameras(&self) -> Value {
        let cameras = self.screens().into_iter().map(|screen| {
            let wait = match screen.state() {
                CameraState::Waiting { until, .. } => {
                    let wait = until.saturating_duration_since(Instant::now());
                    Some(wait.as_secs_f64().ceil())
                }
                _ => None,
            };
            let state = screen.message();
            json!({
                "name": screen.name,
                "title": screen.title,
                "state": state.state,
                "reason": state.reason,
                "since": state.since,
                "retry_in": wait,
                "evidence": screen.keeping().fault().cloned(),
                "sight": screen.sight(),
            })
        });
        cameras.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn states_are_told_without_secrets() {
        let screen = Screen::new("gate", "gate");
        let until = Instant::now() + Duration::from_secs(8);
        screen.set_state(CameraState::Waiting {
            reason: "no rtsp://a:b@gate/".to_owned(),
            until,
        });
        let board = Board::default();
        board.set_screens(vec![Arc::new(screen)]);
        let told = board.cameras();
        let camera = &told[0];
        assert_eq!(camera["reason"], "no rtsp://***@gate/");
        assert_eq!(
            (&camera["state"], &camera["retry_in"]),
            (&json!("waiting"), &json!(8.0))
        );
        assert!(board.screen("gate").is_some() && board.screen("yard").is_none());
    }
}
