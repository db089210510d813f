//! What runs: a configuration in, cameras and a page out, and again when the configuration has changed. What is the same in both keeps running.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime::Handle;

use ssdcrp::stream::Session;
use ssdcrp::stream::evidence::Store;

use crate::camera::Camera;
use crate::configuration::{CameraPlan, Configuration, PagePlan, StreamLooks};
use crate::frigate::{FrigateCompanion, ReadyCompanion};
use crate::networks::Networks;
use crate::outlets::Outlets;
use crate::owner::Owner;
use crate::redact::say;
use crate::web::PageServer;

/// A camera's thread that was not seen at work for so long hangs.
const STUCK: Duration = Duration::from_secs(120);

/// Between two tries to serve a page.
const PAGE_AGAIN: Duration = Duration::from_secs(5);

/// Everything that runs.
pub struct Application {
    networks: Networks,
    cameras: Vec<Camera>,
    page: Option<PageServer>,
    missing_page: Option<MissingPage>,
    /// Folders of evidence of threads that were left behind: they still have them.
    left_behind: Vec<PathBuf>,
    frigate: Option<FrigateCompanion>,
    outlets: Arc<Outlets>,
    server: Handle,
}

/// A page that could not be served.
struct MissingPage {
    plan: PagePlan,
    /// When that was tried last, and why it could not be.
    tried: Instant,
    reason: String,
}

/// A camera with all that it needs.
struct Ready {
    plan: CameraPlan,
    session: Arc<Session<Owner>>,
    looks: StreamLooks,
    evidence: Evidence,
}

/// Who is to explain Frigate's events.
enum WantedCompanion {
    None,
    /// Who does so already.
    Same,
    Other(Box<ReadyCompanion>),
}

/// Where the evidence of a camera's events is to be kept.
enum Evidence {
    /// What came of opening the folder; `Ok(None)` where none is to be kept.
    Opened(Result<Option<Store>>),
    /// Another camera has the folder, and has to end first, or stays.
    Held,
}

impl Application {
    /// Nothing runs yet; the page will be served on `server`.
    pub fn new(server: Handle) -> Self {
        Self {
            networks: Networks::default(),
            cameras: Vec::new(),
            page: None,
            missing_page: None,
            left_behind: Vec::new(),
            frigate: None,
            outlets: Arc::default(),
            server,
        }
    }

    /// Runs what the configuration says, and nothing else. What can be found wrong before anything is stopped leaves all as it was. Where nothing runs yet, a camera whose
    /// evidence cannot be kept has failed, and so has an outlet without its queue; the others run, and a page that cannot be served is tried again.
    ///
    /// Before each camera that takes its time it is asked whether that `goes_on`.
    ///
    /// # Errors
    /// A model, a class, the page's address or a folder of evidence, of pictures or of the queue is not as the configuration says; or it does not go on.
    pub fn apply(
        &mut self,
        configuration: &Configuration,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<()> {
        let ready = configuration.cameras.iter().map(|plan| {
            ensure!(goes_on(), "stopped while the cameras were made ready");
            let connection = &plan.connection;
            let (model, composite) = (connection.model.as_ref(), connection.composite.as_ref());
            let session = self
                .networks
                .session(model, composite, configuration.networks)
                .with_context(|| plan.words())?;
            let looks = plan.looks.of_model(session.model())?;
            Ok(Ready {
                plan: plan.clone(),
                session,
                looks,
                evidence: self.evidence(plan)?,
            })
        });
        let ready: Vec<Ready> = ready.collect::<Result<_>>()?;
        let frigate = self.companion(configuration)?;
        let something_runs = !self.cameras.is_empty() || self.frigate.is_some();
        let next = self.outlets.prepare(configuration, something_runs)?;
        self.serve_or_wait(configuration.page.as_ref(), something_runs)?;
        // Nothing of what follows can be found wrong.
        self.outlets.exchange(next);
        self.accompany(frigate);

        let mut before = std::mem::take(&mut self.cameras);
        let stays = |camera: &Camera, ready: &Ready| {
            (&camera.plan.name, &camera.plan.connection)
                == (&ready.plan.name, &ready.plan.connection)
                && camera.is_of(&ready.session)
                && !camera.has_ended()
        };
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for camera in before.drain(..) {
            match ready.iter().any(|ready| stays(&camera, ready)) {
                true => kept.push(camera),
                false => gone.push(camera),
            }
        }
        // All of them end at the same time.
        for camera in &mut gone {
            camera.stop();
        }
        for camera in gone {
            let evidence = camera.plan.connection.evidence.clone();
            if camera.leaves_thread() {
                let folder = evidence.map(|evidence| evidence.folder);
                self.left_behind.extend(folder);
            }
        }

        for (stream, ready) in (1..).zip(ready) {
            // What was begun is ended; that it lasts is told.
            goes_on();
            let place = kept.iter().position(|camera| stays(camera, &ready));
            let camera = match place.map(|place| kept.swap_remove(place)) {
                Some(mut camera) => {
                    camera.look(ready.plan, stream, ready.looks);
                    camera
                }
                None => self.start(stream, ready),
            };
            self.cameras.push(camera);
        }
        let screens = self.cameras.iter().map(|camera| camera.screen.clone());
        self.outlets.cameras(screens.collect());
        Ok(())
    }

    /// Explains Frigate's events as asked for from now on. Where the system gives no thread, that is told.
    fn accompany(&mut self, wanted: WantedCompanion) {
        let ready = match wanted {
            WantedCompanion::Same => return,
            WantedCompanion::None => None,
            WantedCompanion::Other(ready) => Some(ready),
        };
        // A broker knows both by one name.
        let before = self.frigate.take().map(FrigateCompanion::leave);
        let plan = ready.as_ref().map(|ready| ready.plan());
        let waiting = before.map_or_else(Arc::default, |before| before.of(plan));
        self.frigate = ready.and_then(|ready| {
            let count = waiting.len();
            FrigateCompanion::start(*ready, waiting, self.outlets.clone())
                .inspect_err(|error| {
                    say(format_args!(
                        "frigate: {error:#}; {count} of its events that wait are left out"
                    ));
                })
                .ok()
        });
    }

    /// What is to be explained of Frigate's events.
    ///
    /// # Errors
    /// The model is not there or not understood, or the folder of pictures cannot be used.
    fn companion(&mut self, configuration: &Configuration) -> Result<WantedCompanion> {
        let Some(plan) = configuration.frigate.clone() else {
            return Ok(WantedCompanion::None);
        };
        let (model, composite) = (plan.model.as_ref(), plan.composite.as_ref());
        let session = (self.networks).session(model, composite, configuration.networks);
        let session = session.context("[frigate]")?;
        let running = self.frigate.as_ref();
        if running.is_some_and(|running| running.is_of(&plan, &session)) {
            return Ok(WantedCompanion::Same);
        }
        let ready = ReadyCompanion::new(plan, session).context("[frigate]")?;
        Ok(WantedCompanion::Other(Box::new(ready)))
    }

    /// Opens the folder of a camera's evidence, unless a camera that runs has it.
    ///
    /// # Errors
    /// It cannot be used, and what runs had better go on.
    fn evidence(&self, plan: &CameraPlan) -> Result<Evidence> {
        let folder = |plan: &CameraPlan| {
            let evidence = plan.connection.evidence.as_ref();
            evidence.map(|evidence| evidence.folder.clone())
        };
        let is_held = |camera: &Camera| folder(&camera.plan) == folder(plan) && !camera.has_ended();
        if folder(plan).is_some() && self.cameras.iter().any(is_held) {
            return Ok(Evidence::Held);
        }
        match self.open_evidence(plan) {
            Err(error) if !self.cameras.is_empty() => Err(error),
            opened => Ok(Evidence::Opened(opened)),
        }
    }

    /// Opens the folder of a camera's evidence. Where a thread that was left behind has it, the camera goes without.
    fn open_evidence(&self, plan: &CameraPlan) -> Result<Option<Store>> {
        let opened = plan.open_evidence();
        let evidence = plan.connection.evidence.as_ref();
        let is_left = evidence.is_some_and(|kept| self.left_behind.contains(&kept.folder));
        match opened {
            Err(error) if is_left => {
                let words = "a thread that was left behind still has its folder; no evidence is kept until the monitor is started anew";
                say(format_args!("{}: {words}: {error:#}", plan.words()));
                Ok(None)
            }
            opened => opened,
        }
    }

    fn start(&self, stream: usize, ready: Ready) -> Camera {
        let store = match ready.evidence {
            Evidence::Opened(store) => store,
            Evidence::Held => self.open_evidence(&ready.plan),
        };
        let outlets = self.outlets.clone();
        Camera::start(
            ready.plan,
            stream,
            ready.session,
            ready.looks,
            outlets,
            store,
        )
    }

    /// Serves the page as it is asked for. Where nothing runs yet, a page that cannot be served keeps no camera waiting; nor does one that is missing already.
    fn serve_or_wait(&mut self, wanted: Option<&PagePlan>, something_runs: bool) -> Result<()> {
        let outcome = self.serve(wanted);
        let missing = self.missing_page.as_ref();
        let is_missing =
            |plan: &PagePlan| missing.is_some_and(|it| it.plan.address == plan.address);
        match (&outcome, wanted) {
            (Err(error), Some(plan)) if plan.may_wait && (!something_runs || is_missing(plan)) => {
                self.page_is_missing(plan.clone(), error);
                Ok(())
            }
            (Err(_), _) => outcome,
            (Ok(()), _) => {
                self.missing_page = None;
                outcome
            }
        }
    }

    fn page_is_missing(&mut self, plan: PagePlan, error: &anyhow::Error) {
        let seconds = PAGE_AGAIN.as_secs();
        let reason = format!("{error:#}");
        say(format_args!("{reason}; tried again every {seconds} s"));
        self.missing_page = Some(MissingPage {
            plan,
            tried: Instant::now(),
            reason,
        });
    }

    /// Tries again to serve a page that could not be served.
    pub fn try_page(&mut self) {
        let is_due = |missing: &mut MissingPage| missing.tried.elapsed() >= PAGE_AGAIN;
        let Some(missing) = self.missing_page.take_if(is_due) else {
            return;
        };
        match self.listen(&missing.plan) {
            Ok(()) => {}
            Err(error) if format!("{error:#}") == missing.reason => {
                self.missing_page = Some(MissingPage {
                    tried: Instant::now(),
                    ..missing
                });
            }
            Err(error) => self.page_is_missing(missing.plan, &error),
        }
    }

    /// Serves the page as it is asked for, anew where its address has changed.
    fn serve(&mut self, wanted: Option<&PagePlan>) -> Result<()> {
        let Some(plan) = wanted else {
            self.page = None;
            return Ok(());
        };
        if self.page.as_mut().is_some_and(|page| page.change(plan)) {
            return Ok(());
        }
        // While somebody listens at one address of a port, nobody can at all of them.
        let has_port = |page: &mut PageServer| page.address.port() == plan.address.port();
        let before = self.page.take_if(has_port);
        let before = before.map(|page| self.server.block_on(page.close()));
        let outcome = self.listen(plan);
        if let (Err(_), Some(before)) = (&outcome, before) {
            self.listen(&before)?;
        }
        outcome
    }

    /// Serves the page at an address that is free. The old one stays where that cannot be.
    fn listen(&mut self, plan: &PagePlan) -> Result<()> {
        let page = PageServer::serve(plan.clone(), self.outlets.clone());
        let page = self.server.block_on(page)?;
        say(format_args!("http://{}/", page.address));
        self.page = Some(page);
        Ok(())
    }

    /// How many cameras there are, for systemd.
    pub fn status(&self) -> String {
        let frigate = self.frigate.as_ref().map_or("", |_| ", Frigate's events");
        match self.cameras.len() {
            1 => format!("1 camera{frigate}"),
            count => format!("{count} cameras{frigate}"),
        }
    }

    /// Whether nothing will come any more.
    pub fn has_ended(&self) -> bool {
        self.frigate.is_none() && self.cameras.iter().all(Camera::has_ended)
    }

    /// Why nothing will come any more, where that is a fault.
    pub fn failure(&self) -> Option<&'static str> {
        if self.frigate.is_some() || !self.cameras.iter().all(Camera::has_failed) {
            return None;
        }
        let has_played = |camera: &Camera| camera.screen.frame_age().is_some();
        match self.cameras.iter().any(has_played) {
            true => Some("no source can be played any more"),
            false => Some("no source could be played"),
        }
    }

    /// Keeps on the disk what waits to be sent.
    pub fn sync(&self) {
        self.outlets.sync();
    }

    /// Looks for cameras whose threads hang, and says so. Out: false where they hang and nothing else is at work.
    pub fn look_after(&self) -> bool {
        let at_work = self.cameras.iter().filter(|camera| !camera.has_ended());
        let hang: Vec<bool> = at_work
            .map(|camera| {
                let screen = &camera.screen;
                let hangs = screen.silence() > STUCK;
                if screen.set_hangs(hangs) {
                    self.outlets.hangs(screen, hangs);
                }
                hangs
            })
            .collect();
        is_well(&hang, self.frigate.is_some())
    }
}

/// Whether the process is of use as it is. Where all cameras hang, to begin anew may help; else it would cost the others.
fn is_well(hang: &[bool], explains_frigate: bool) -> bool {
    explains_frigate || hang.is_empty() || hang.contains(&false)
}

impl Drop for Application {
    fn drop(&mut self) {
        // What is in hand is finished: nothing may run a network while the process goes down.
        for camera in &mut self.cameras {
            camera.stop();
        }
        self.cameras.clear();
        self.frigate = None;
        self.outlets.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_camera_that_hangs_is_no_reason_to_begin_anew() {
        assert!(is_well(&[], false) && is_well(&[true, false], false));
        assert!(is_well(&[true], true) && !is_well(&[true, true], false));
    }
}
