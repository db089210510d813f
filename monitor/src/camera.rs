//! A camera: its address, what is asked of its pictures and the engine's stream in; pictures and states on its screen out, for as long as it is wanted.
//!
//! Each camera has a thread. Whatever fails in it, a server that is away or a stream that breaks off, is tried again with growing times between the tries, while the other cameras go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use ssdcrp::detect::preprocess;
use ssdcrp::lock::lock;
use ssdcrp::stream::evidence::Store;
use ssdcrp::stream::{
    FrameInfo, FrameTime, Polygon, RateLimiter, Session, Shown, Stream, StreamFrame,
};

use crate::backoff::{Backoff, Played};
use crate::configuration::{CameraPlan, Connection, StreamLooks};
use crate::feed::Feed;
use crate::mask::paint;
use crate::message::new_run;
use crate::outlets::Outlets;
use crate::owner::Owner;
use crate::past::Keeper;
use crate::redact::{one_line, say};
use crate::screen::{CameraState, Screen};
use crate::source::{Arrival, DecodedFrame, Source};
use crate::timeline::Timeline;
use crate::trouble::Trouble;

/// How long the end waits for explanations that events asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a camera's thread may take to end. Within it a disk of evidence has fifteen seconds to answer.
const LEAVE: Duration = Duration::from_secs(30);
/// Between two pictures of the page's film, which takes its part of the processor.
const FILM_INTERVAL: Duration = Duration::from_millis(100);
/// How often it is looked whether the camera is to stop, where no frame comes.
const LOOK_UP: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// A camera that runs until it is dropped.
pub struct Camera {
    pub plan: CameraPlan,
    pub screen: Arc<Screen>,
    /// Its place among the cameras, from 1 on.
    place: Arc<AtomicUsize>,
    session: Arc<Session<Owner>>,
    looks: Arc<Mutex<StreamLooks>>,
    /// Dropped, it stops the thread.
    stop: Option<Sender<()>>,
    /// When that was.
    stopped: Option<Instant>,
    thread: Option<JoinHandle<()>>,
}

/// The thread of a camera.
struct CameraThread {
    connection: Connection,
    screen: Arc<Screen>,
    outlets: Arc<Outlets>,
    stream: Stream<Owner>,
    session: Arc<Session<Owner>>,
    looks: Arc<Mutex<StreamLooks>>,
    /// Those that the last frame was looked at with.
    masks: Vec<Polygon>,
    stop: Receiver<()>,
    detected: RateLimiter<()>,
    filmed: RateLimiter<()>,
    timeline: Timeline,
    /// The frames of this connection.
    played: Played,
    trouble: Option<Trouble>,
}

/// Why a stream no longer plays.
enum PlayEnd {
    /// It is to stop.
    Stopped,
    /// It has come to its end.
    Over,
}

impl Camera {
    /// Starts it. `place` is its place among the cameras, from 1 on. One that cannot be started, for want of its store of evidence say, has failed.
    pub fn start(
        plan: CameraPlan,
        place: usize,
        session: Arc<Session<Owner>>,
        looks: StreamLooks,
        outlets: Arc<Outlets>,
        store: Result<Option<Store>>,
    ) -> Self {
        let title = plan.connection.address.to_string();
        let mut camera = Self {
            screen: Arc::new(Screen::new(plan.name.as_str(), &title)),
            place: Arc::new(AtomicUsize::new(place)),
            looks: Arc::new(Mutex::new(looks)),
            plan,
            session,
            stop: None,
            stopped: None,
            thread: None,
        };
        if let Err(error) = store.and_then(|store| camera.begin(store, outlets.clone())) {
            give_up(&outlets, &camera.screen, format!("{error:#}"));
        }
        camera
    }

    /// Starts its thread.
    ///
    /// # Errors
    /// The system gives none.
    fn begin(&mut self, store: Option<Store>, outlets: Arc<Outlets>) -> Result<()> {
        let name = self.screen.name.clone();
        let evidence = self.plan.connection.evidence.as_ref();
        let folder = evidence.map(|kept| Arc::<Path>::from(kept.folder.as_path()));
        outlets.metrics.begins(&name, folder.is_some());
        if let Some(folder) = &folder {
            recall(folder, &name, self.place.load(Ordering::Relaxed), &outlets);
        }
        let feed = Feed {
            camera: name.clone(),
            run: new_run(),
            screen: self.screen.clone(),
            evidence: folder,
            place: self.place.clone(),
            labels: self.session.model().manifest.labels.clone(),
            outlets: outlets.clone(),
        };
        let (stop, stopped) = channel();
        let run = CameraThread {
            stream: self.session.stream(Owner::Camera(feed), store)?,
            connection: self.plan.connection.clone(),
            screen: self.screen.clone(),
            outlets: outlets.clone(),
            session: self.session.clone(),
            looks: self.looks.clone(),
            masks: lock(&self.looks).masks.clone(),
            stop: stopped,
            detected: RateLimiter::default(),
            filmed: RateLimiter::default(),
            timeline: Timeline::new(Instant::now()),
            played: Played::default(),
            trouble: None,
        };
        let screen = self.screen.clone();
        let thread = std::thread::Builder::new()
            .name(format!("camera-{name}"))
            .spawn(move || guard(&outlets, &screen, || run.run()))?;
        (self.stop, self.thread) = (Some(stop), Some(thread));
        Ok(())
    }

    /// Looks at its pictures otherwise from now on.
    pub fn look(&mut self, plan: CameraPlan, place: usize, looks: StreamLooks) {
        self.plan = plan;
        self.place.store(place, Ordering::Relaxed);
        let mut shared = lock(&self.looks);
        let has_other_masks = shared.masks != looks.masks;
        *shared = looks;
        if has_other_masks {
            self.screen.forget_picture();
        }
    }

    /// Whether this session looks at its pictures.
    pub fn is_of(&self, session: &Arc<Session<Owner>>) -> bool {
        Arc::ptr_eq(&self.session, session)
    }

    /// Whether nothing will come any more.
    pub fn has_ended(&self) -> bool {
        (self.thread.as_ref()).is_none_or(JoinHandle::is_finished)
    }

    /// Whether it has failed, and is not tried again.
    pub fn has_failed(&self) -> bool {
        self.screen.has_failed()
    }

    /// Tells it to stop, without waiting. When that was first.
    pub fn stop(&mut self) -> Instant {
        self.stop = None;
        *self.stopped.get_or_insert_with(Instant::now)
    }

    /// Ends it. Whether its thread is left behind, in a call that does not return: it must not hold up the others. It keeps what it has, its folder of evidence among it.
    pub fn leaves_thread(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        let patience = LEAVE.saturating_sub(self.stop().elapsed());
        self.screen.close();
        let Some(thread) = self.thread.take() else {
            return false;
        };
        if has_finished(&thread, patience) {
            // A panic is told by the guard.
            let _ = thread.join();
            return false;
        }
        let (name, seconds) = (&self.screen.name, LEAVE.as_secs());
        say(format_args!(
            "{name}: the camera's thread has not ended within {seconds} s, and is left behind"
        ));
        true
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits so long at most.
fn has_finished(thread: &JoinHandle<()>, patience: Duration) -> bool {
    let begin = Instant::now();
    while !thread.is_finished() && begin.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    thread.is_finished()
}

/// Lists what earlier runs have kept of a camera.
fn recall(folder: &Arc<Path>, camera: &str, stream: usize, outlets: &Outlets) {
    let keeper = Keeper {
        folder,
        camera,
        stream,
    };
    match keeper.past() {
        Ok(past) => outlets.board.log.recall(past),
        Err(error) => say(format_args!("{camera}: {error:#}")),
    }
}

/// A camera has failed, and is not tried again.
fn give_up(outlets: &Outlets, screen: &Arc<Screen>, reason: String) {
    say(format_args!("{}: {reason}", screen.name));
    outlets.metrics.failure(&screen.name);
    outlets.state(screen, CameraState::Failed { reason });
}

/// Runs a camera's thread; one that panics does not count as playing for ever.
fn guard(outlets: &Outlets, screen: &Arc<Screen>, thread: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(thread)).is_err() {
        let reason = "the camera's thread has failed, a fault of this program".to_owned();
        give_up(outlets, screen, reason);
    }
}

impl CameraThread {
    fn run(mut self) {
        let mut backoff = self.connection.retry_at_most.map(Backoff::new);
        loop {
            self.outlets.state(&self.screen, CameraState::Starting);
            self.screen.mark_alive(false);
            let outcome = self.play();
            self.settle();
            if let Err(TryRecvError::Disconnected) = self.stop.try_recv() {
                // Another camera may have its name by now: it says nothing any more.
                return;
            }
            let reason = match outcome {
                Ok(PlayEnd::Stopped) => return,
                Ok(PlayEnd::Over) if self.connection.address.is_file() => {
                    if !self.connection.repeat {
                        self.outlets.state(&self.screen, CameraState::Ended);
                        return;
                    }
                    if self.played.has_begun() {
                        continue;
                    }
                    "the file has no pictures".to_owned()
                }
                Ok(PlayEnd::Over) => "the stream has ended".to_owned(),
                Err(error) => one_line(&format!("{error:#}")),
            };
            let Some(backoff) = &mut backoff else {
                give_up(&self.outlets, &self.screen, reason);
                return;
            };
            self.outlets.metrics.failure(&self.screen.name);
            let wait = backoff.failed(self.played.lasted());
            self.fails(&reason, wait, backoff.failures());
            if !self.wait(wait) {
                return;
            }
        }
    }

    fn fails(&self, reason: &str, wait: Duration, failures: u32) {
        let (name, seconds) = (&self.screen.name, wait.as_secs());
        say(format_args!(
            "{name}: {reason}; failure {failures}, next try in {seconds} s"
        ));
        let state = CameraState::Waiting {
            reason: reason.to_owned(),
            until: Instant::now() + wait,
        };
        self.outlets.state(&self.screen, state);
    }

    /// Waits for the next try. Says whether there is to be one.
    fn wait(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            self.screen.mark_alive(false);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let step = left.min(Duration::from_secs(1));
            if let Err(RecvTimeoutError::Disconnected) = self.stop.recv_timeout(step) {
                return false;
            }
        }
    }

    /// Plays until the stream ends, fails or is to stop.
    fn play(&mut self) -> Result<PlayEnd> {
        // Objects and times of before have nothing to do with what comes.
        self.stream.flush();
        self.stream.resume();
        self.detected.reset();
        self.filmed.reset();
        self.played = Played::default();
        self.timeline.connect(Instant::now());
        let source = Source::play(&self.connection.address)?;
        let mut last = Instant::now();
        loop {
            if let Err(TryRecvError::Disconnected) = self.stop.try_recv() {
                return Ok(PlayEnd::Stopped);
            }
            let arrival = source.next(LOOK_UP)?;
            self.screen.mark_alive(matches!(arrival, Arrival::Frame(_)));
            match arrival {
                Arrival::Frame(frame) => {
                    last = Instant::now();
                    let pause = self.played.came(last);
                    if pause.is_none() {
                        self.outlets.state(&self.screen, CameraState::Playing);
                    }
                    self.outlets.metrics.frame(&self.screen.name);
                    let outcome = self.look(&frame, last, pause.unwrap_or(Duration::MAX));
                    self.complain(outcome);
                }
                Arrival::End => return Ok(PlayEnd::Over),
                Arrival::Nothing if last.elapsed() > self.connection.frame_timeout => {
                    let seconds = self.connection.frame_timeout.as_secs_f32();
                    bail!("no frame has come for {seconds} s");
                }
                Arrival::Nothing => {}
            }
        }
    }

    /// Says why frames cannot be looked at, once for each reason until they have been looked at again.
    fn complain(&mut self, outcome: Result<()>) {
        let (now, detected) = (Instant::now(), self.stream.stats().detected);
        match outcome {
            Err(error) => {
                let words = format!("{error:#}");
                let is_news = match &mut self.trouble {
                    Some(trouble) => trouble.is_seen(words, now, detected),
                    None => {
                        self.trouble = Some(Trouble::new(words, now, detected));
                        true
                    }
                };
                if let (true, Some(trouble)) = (is_news, &self.trouble) {
                    say(format_args!("{}: {}", self.screen.name, trouble.words));
                    let words = Some(trouble.words.clone());
                    self.outlets.trouble(&self.screen, words);
                }
            }
            Ok(())
                if self
                    .trouble
                    .as_ref()
                    .is_some_and(|it| it.is_over(now, detected)) =>
            {
                self.trouble = None;
                self.outlets.trouble(&self.screen, None);
            }
            Ok(()) => {}
        }
    }

    /// Hands over a frame that came at `now`, so long after the one before, and shows it to those who look at it.
    fn look(&mut self, frame: &DecodedFrame, now: Instant, pause: Duration) -> Result<()> {
        let looks = lock(&self.looks).clone();
        if looks.masks != self.masks {
            // What was seen without the new ones may lie below them.
            self.stream.flush();
            self.stream.resume();
            self.masks.clone_from(&looks.masks);
        }
        let timestamp = frame.time();
        let time = Some(self.timeline.time(timestamp, now));
        let is_due = self.detected.is_due(time, looks.detect_interval, &());
        let is_watched = self.screen.is_watched();
        let is_wanted = is_due && self.stream.wants(pause);
        let is_filmed = is_watched && self.filmed.is_due(time, FILM_INTERVAL, &());
        if !is_wanted && !is_filmed {
            return Ok(());
        }
        let mut picture = frame.picture()?;
        paint(&looks.masks, &mut picture);
        let info = FrameInfo {
            time: FrameTime {
                timestamp,
                running_time: time,
            },
            size: picture.dimensions().into(),
            pixel_aspect: 1.0,
            epoch: self.stream.epoch(),
        };
        let picture = Arc::new(picture);
        if is_wanted {
            self.detected.begin(time, ());
            let (model, pixels) = (self.session.model().clone(), picture.clone());
            self.stream.look(StreamFrame {
                info,
                input: Box::new(move || {
                    preprocess::sample(&*pixels, model.input_size, &model.manifest.input)
                }),
                settings: match is_watched {
                    true => looks.shown,
                    false => looks.unseen,
                },
                late: false,
                picture: (self.connection.evidence.is_some()).then(|| picture.clone()),
            })?;
        }
        let shown = self.stream.shown()?;
        self.follow(shown.as_deref(), &info, is_watched);
        if is_filmed {
            self.filmed.begin(time, ());
            let mut picture = Arc::unwrap_or_clone(picture);
            let canvas = shown.as_ref().filter(|shown| shown.frame.fits(&info));
            if let Some(canvas) = canvas.and_then(|shown| shown.prepared.as_ref()) {
                canvas.compose_onto(&mut picture)?;
            }
            // What was not covered is not shown any more once it is to be.
            let current = lock(&self.looks);
            if current.masks == looks.masks {
                self.screen.show(&picture)?;
            }
        }
        Ok(())
    }

    /// Lets the stream know what the page shows, and what those who look at it point at. Where nobody looks any more, nothing is pointed at.
    fn follow<T>(&self, shown: Option<&Shown<T>>, frame: &FrameInfo, is_watched: bool) {
        let objects = shown.map(|shown| shown.objects.clone());
        let mut picking = lock(self.stream.picking());
        picking.show(objects.unwrap_or_default(), frame.size);
        for pointing in self.screen.take_pointed() {
            pointing.tell(&mut picking, frame.size);
        }
        if !is_watched {
            picking.release();
        }
    }

    /// The last events are explained and kept.
    fn settle(&self) {
        let name = &self.screen.name;
        match self.stream.settle(PATIENCE) {
            Ok(true) => {}
            Ok(false) => say(format_args!(
                "{name}: goes on without evidence of the last events, whose disk does not answer"
            )),
            Err(error) => say(format_args!("{name}: {error:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_has_failed() {
        let (outlets, screen) = (Outlets::default(), Arc::new(Screen::new("gate", "gate")));
        guard(&outlets, &screen, || {
            outlets.state(&screen, CameraState::Playing);
        });
        assert_eq!(screen.state(), CameraState::Playing);
        guard(&outlets, &screen, || panic!("of this test"));
        assert_eq!(screen.state().name(), "failed");
    }
}
