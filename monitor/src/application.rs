//! What runs: a configuration in, cameras and a page out, and again when the configuration has changed. What is the same in both keeps running.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Handle;

use ssdcrp::stream::Session;

use crate::camera::Camera;
use crate::configuration::{CameraPlan, Configuration, PagePlan, StreamLooks};
use crate::feed::Feed;
use crate::networks::Networks;
use crate::outlets::Outlets;
use crate::redact::say;
use crate::web::PageServer;

/// A camera's thread that was not seen at work for so long hangs.
const STUCK: Duration = Duration::from_secs(120);

/// Everything that runs.
pub struct Application {
    networks: Networks,
    cameras: Vec<Camera>,
    page: Option<PageServer>,
    outlets: Arc<Outlets>,
    server: Handle,
}

/// A camera with all that it needs.
struct Ready {
    plan: CameraPlan,
    session: Arc<Session<Feed>>,
    looks: StreamLooks,
}

impl Application {
    /// Nothing runs yet; the page will be served on `server`.
    pub fn new(server: Handle) -> Self {
        Self {
            networks: Networks::default(),
            cameras: Vec::new(),
            page: None,
            outlets: Arc::default(),
            server,
        }
    }

    /// Runs what the configuration says, and nothing else. What can be found wrong before anything is stopped leaves all as it was.
    ///
    /// # Errors
    /// A model, a class, the page's address or a folder of evidence is not as the configuration says.
    pub fn apply(&mut self, configuration: &Configuration) -> Result<()> {
        let ready = configuration.cameras.iter().map(|plan| {
            let connection = &plan.connection;
            let (model, composite) = (connection.model.as_ref(), connection.composite.as_ref());
            let session = self
                .networks
                .session(model, composite, configuration.networks)?;
            let looks = plan.looks.of_model(session.model())?;
            Ok(Ready {
                plan: plan.clone(),
                session,
                looks,
            })
        });
        let ready: Vec<Ready> = ready.collect::<Result<_>>()?;
        self.serve(configuration.page.as_ref())?;

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
        gone.iter_mut().for_each(Camera::stop);
        drop(gone);

        let mut outcome = Ok(());
        for (stream, ready) in (1..).zip(ready) {
            let place = kept.iter().position(|camera| stays(camera, &ready));
            match place.map(|place| kept.swap_remove(place)) {
                Some(mut camera) => {
                    camera.look(ready.plan, ready.looks);
                    self.cameras.push(camera);
                }
                None => match self.start(stream, ready) {
                    Ok(camera) => self.cameras.push(camera),
                    // The others go on.
                    Err(error) => outcome = Err(error),
                },
            }
        }
        let screens = self.cameras.iter().map(|camera| camera.screen.clone());
        self.outlets.board.set_screens(screens.collect());
        outcome
    }

    fn start(&self, stream: usize, ready: Ready) -> Result<Camera> {
        let outlets = self.outlets.clone();
        Camera::start(ready.plan, stream, ready.session, ready.looks, outlets)
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
        format!("{} cameras", self.cameras.len())
    }

    /// Whether nothing will come any more.
    pub fn has_ended(&self) -> bool {
        self.cameras.iter().all(Camera::has_ended)
    }

    /// Whether no camera has played.
    pub fn has_failed(&self) -> bool {
        self.cameras.iter().all(Camera::has_failed)
    }

    /// Whether no camera's thread hangs.
    pub fn is_well(&self) -> bool {
        let hangs = |camera: &Camera| !camera.has_ended() && camera.screen.silence() > STUCK;
        !self.cameras.iter().any(hangs)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // What is in hand is finished: nothing may run a network while the process goes down.
        self.cameras.iter_mut().for_each(Camera::stop);
        self.cameras.clear();
    }
}
