//! A camera as others see it: its state, its newest picture, what is seen, and what somebody points at.
//!
//! In: pictures and states from the camera's thread; what the page's visitors do. Out: films, messages of the state, and what the thread is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use hyper::body::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, RgbImage};
use serde_json::{Value, json};
use ssdcrp::lock::lock;
use tokio::sync::watch;

use crate::keeping::Keeping;
use crate::message::{SCHEMA, StateMessage, now};
use crate::pointing::Pointing;
use crate::redact::{one_line, redact};
use crate::sight::CameraSight;

/// What somebody points at until the camera's thread has time for it.
const POINTED: usize = 16;
const QUALITY: u8 = 80;
/// What is said of a camera whose thread was not seen at work for long.
pub const HANGS: &str = "the camera's thread hangs in a call that does not return, of a driver or of a disk that is away; the camera goes on when it returns";

/// Whether a camera's pictures come.
#[derive(Clone, Debug, PartialEq)]
pub enum CameraState {
    /// It is being connected.
    Starting,
    Playing,
    /// It has failed, and is tried again.
    Waiting {
        reason: String,
        until: Instant,
    },
    /// It was a file.
    Ended,
    /// It has failed, and is not tried again.
    Failed {
        reason: String,
    },
}

/// A camera, as others see it.
pub struct Screen {
    pub name: String,
    /// Where its pictures come from, without a password.
    pub title: String,
    state: Mutex<(CameraState, String)>,
    /// Since when its thread hangs.
    hangs: Mutex<Option<String>>,
    /// Why frames that come are not looked at.
    trouble: Mutex<Option<String>>,
    watchers: AtomicUsize,
    /// As JPEG, empty before the first; `None` where none will come any more.
    pictures: watch::Sender<Option<Bytes>>,
    /// When its thread was last seen at work, and when the last frame came.
    alive: Mutex<(Instant, Option<Instant>)>,
    sight: Mutex<CameraSight>,
    keeping: Mutex<Keeping>,
    pointed: Mutex<Vec<Pointing>>,
}

/// Somebody who looks at a screen, until dropped.
pub struct Watcher {
    screen: Arc<Screen>,
    pub pictures: watch::Receiver<Option<Bytes>>,
}

impl CameraState {
    pub const NAMES: [&str; 5] = ["starting", "playing", "waiting", "ended", "failed"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Playing => "playing",
            Self::Waiting { .. } => "waiting",
            Self::Ended => "ended",
            Self::Failed { .. } => "failed",
        }
    }

    /// What matters of it to most.
    fn availability(&self) -> &'static str {
        match self {
            Self::Playing => "online",
            Self::Failed { .. } => "failed",
            Self::Starting | Self::Waiting { .. } | Self::Ended => "offline",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting { reason, .. } | Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}

impl Screen {
    pub fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: redact(title),
            state: Mutex::new((CameraState::Starting, now())),
            hangs: Mutex::default(),
            trouble: Mutex::default(),
            watchers: AtomicUsize::new(0),
            pictures: watch::Sender::new(Some(Bytes::new())),
            alive: Mutex::new((Instant::now(), None)),
            sight: Mutex::default(),
            keeping: Mutex::default(),
            pointed: Mutex::default(),
        }
    }

    pub fn set_state(&self, state: CameraState) {
        *lock(&self.state) = (state, now());
    }

    /// Frames that come are not looked at, for this reason, or are again.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *lock(&self.trouble) = trouble;
    }

    /// Its thread hangs, or is at work. Says whether that is news.
    pub fn set_hangs(&self, hangs: bool) -> bool {
        let mut since = lock(&self.hangs);
        let is_news = since.is_some() != hangs;
        if is_news {
            *since = hangs.then(now);
        }
        is_news
    }

    pub fn state(&self) -> CameraState {
        self.state_since().0
    }

    /// Whether its thread has given up.
    pub fn has_failed(&self) -> bool {
        matches!(lock(&self.state).0, CameraState::Failed { .. })
    }

    /// What its thread said last, unless it says nothing any more.
    fn state_since(&self) -> (CameraState, String) {
        let (state, since) = lock(&self.state).clone();
        let is_over = matches!(state, CameraState::Ended | CameraState::Failed { .. });
        match &*lock(&self.hangs) {
            Some(since) if !is_over => {
                let reason = HANGS.to_owned();
                (CameraState::Failed { reason }, since.clone())
            }
            _ => (state, since),
        }
    }

    /// The state as others are told of it.
    pub fn message(&self) -> StateMessage {
        let (state, since) = self.state_since();
        let trouble = lock(&self.trouble);
        let trouble = trouble.as_deref().filter(|_| state == CameraState::Playing);
        StateMessage {
            schema: SCHEMA,
            camera: self.name.clone(),
            availability: state.availability(),
            state: state.name(),
            reason: state.reason().or(trouble).map(one_line),
            since,
        }
    }

    /// Its thread is at work, and has a new frame or not.
    pub fn mark_alive(&self, has_frame: bool) {
        let now = Instant::now();
        let mut alive = lock(&self.alive);
        alive.0 = now;
        if has_frame {
            alive.1 = Some(now);
        }
    }

    /// How long ago its thread was at work.
    pub fn silence(&self) -> Duration {
        lock(&self.alive).0.elapsed()
    }

    /// How long ago the last frame came; `None` before the first.
    pub fn frame_age(&self) -> Option<Duration> {
        lock(&self.alive).1.map(|came| came.elapsed())
    }

    /// Whether anybody looks: drawing is for them only.
    pub fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::SeqCst) > 0
    }

    /// Something is seen otherwise now.
    pub fn see(&self, change: impl FnOnce(&mut CameraSight)) {
        change(&mut lock(&self.sight));
    }

    /// Whether evidence of its events is kept.
    pub fn keeping(&self) -> MutexGuard<'_, Keeping> {
        lock(&self.keeping)
    }

    /// What is seen now, as the page reads it.
    pub fn sight(&self) -> Value {
        json!(*lock(&self.sight))
    }

    /// Somebody points at something. Says whether there is room to remember that.
    pub fn point(&self, pointing: Pointing) -> bool {
        let mut pointed = lock(&self.pointed);
        let has_room = pointed.len() < POINTED;
        if has_room {
            pointed.push(pointing);
        }
        has_room
    }

    /// What was pointed at since the last call, the first first.
    pub fn take_pointed(&self) -> Vec<Pointing> {
        std::mem::take(&mut lock(&self.pointed))
    }

    /// Shows a picture to those who look, and keeps it for whoever joins them.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn show(&self, picture: &RgbImage) -> Result<()> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY).write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )?;
        self.pictures.send_if_modified(|kept| {
            // After the last one has gone it would be kept until somebody comes, hours later perhaps.
            let is_wanted = kept.is_some() && self.is_watched();
            if is_wanted {
                *kept = Some(jpeg.into());
            }
            is_wanted
        });
        Ok(())
    }

    /// The newest picture is shown to nobody any more.
    pub fn forget_picture(&self) {
        self.pictures.send_if_modified(|kept| {
            let is_open = kept.is_some();
            if is_open {
                *kept = Some(Bytes::new());
            }
            is_open
        });
    }

    /// Nothing comes any more: films end.
    pub fn close(&self) {
        self.pictures.send_replace(None);
    }

    /// Looks at it.
    pub fn watch(self: &Arc<Self>) -> Watcher {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        let mut pictures = self.pictures.subscribe();
        // The last one is shown at once.
        pictures.mark_changed();
        Watcher {
            screen: self.clone(),
            pictures,
        }
    }
}

impl Watcher {
    /// The camera's name.
    pub fn name(&self) -> &str {
        &self.screen.name
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.screen.watchers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.screen.forget_picture();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a picture is there, as JPEG.
    fn has_picture(watcher: &Watcher) -> bool {
        let picture = watcher.pictures.borrow();
        (picture.as_ref()).is_some_and(|picture| picture.starts_with(&[0xff, 0xd8]))
    }

    #[test]
    fn a_picture_is_there_for_who_joins_and_drawing_ends_with_the_last() {
        let screen = Arc::new(Screen::new("gate", "rtsp://a:b@gate/"));
        assert_eq!(screen.title, "rtsp://***@gate/");
        let first = screen.watch();
        screen.show(&RgbImage::new(8, 8)).unwrap();
        let second = screen.watch();
        assert!(screen.is_watched() && second.pictures.has_changed().unwrap());
        assert!(has_picture(&second));
        drop(first);
        assert!(screen.is_watched() && has_picture(&second));
        screen.close();
        assert!(second.pictures.borrow().is_none());
        drop(second);
        assert!(!screen.is_watched());
    }

    #[test]
    fn what_is_pointed_at_waits_as_long_as_there_is_room() {
        let screen = Screen::new("gate", "gate");
        let taken = (0..99).filter(|&object| screen.point(Pointing::Object(object)));
        assert_eq!(taken.count(), POINTED);
        assert_eq!(screen.take_pointed()[0], Pointing::Object(0));
        assert!(screen.take_pointed().is_empty() && screen.point(Pointing::Object(1)));
    }

    #[test]
    fn nobody_sees_a_picture_of_before() {
        let screen = Arc::new(Screen::new("gate", "gate"));
        let watcher = screen.watch();
        screen.show(&RgbImage::new(8, 8)).unwrap();
        screen.forget_picture();
        assert!(!has_picture(&watcher), "other masks");
        screen.show(&RgbImage::new(8, 8)).unwrap();
        assert!(has_picture(&watcher));
        drop(watcher);
        assert!(!has_picture(&screen.watch()), "the last one had gone");
        // A frame that was on its way when the last one went.
        screen.show(&RgbImage::new(8, 8)).unwrap();
        assert!(!has_picture(&screen.watch()));
    }

    #[test]
    fn a_closed_screen_shows_nothing_more() {
        let screen = Arc::new(Screen::new("gate", "gate"));
        let watcher = screen.watch();
        screen.close();
        screen.show(&RgbImage::new(8, 8)).unwrap();
        screen.forget_picture();
        assert!(watcher.pictures.borrow().is_none(), "a film would go on");
    }

    #[test]
    fn a_camera_that_hangs_has_failed_until_its_thread_goes_on() {
        let screen = Screen::new("gate", "gate");
        screen.set_state(CameraState::Playing);
        assert!(!screen.set_hangs(false) && screen.set_hangs(true) && !screen.set_hangs(true));
        let told = screen.message();
        assert_eq!((told.state, told.availability), ("failed", "failed"));
        assert_eq!(told.reason.as_deref(), Some(HANGS));
        assert!(!screen.has_failed(), "it may go on");
        assert!(screen.set_hangs(false));
        assert_eq!(screen.state(), CameraState::Playing);
        screen.set_state(CameraState::Ended);
        screen.set_hangs(true);
        assert_eq!(screen.state(), CameraState::Ended);
    }

    #[test]
    fn trouble_is_told_while_frames_come() {
        let screen = Screen::new("gate", "gate");
        screen.set_state(CameraState::Playing);
        screen.set_trouble(Some("no rtsp://a:b@gate/".to_owned()));
        let told = screen.message();
        assert_eq!(
            (told.state, told.reason.as_deref()),
            ("playing", Some("no rtsp://***@gate/"))
        );
        screen.set_state(CameraState::Ended);
        assert_eq!(screen.message().reason, None);
        screen.set_state(CameraState::Playing);
        screen.set_trouble(None);
        assert_eq!(screen.message().reason, None);
    }
}
