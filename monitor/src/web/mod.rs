//! The page's server: HTTP requests in, the page, events, films and numbers out.
//!
//! Who asks may be anybody, so everything has a limit: what a request may have in bytes and take in time, how many connections wait, are answered and watch films, and how long one that takes
//! nothing is kept. All of it runs on one thread.

mod access;
mod answer;
mod change;
mod connections;
mod event_page;
mod film;
mod login;
mod patient;
mod query;
mod wall;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::configuration::PagePlan;
use crate::outlets::Outlets;
use access::Access;
use answer::Answering;
use connections::Connections;

/// A server that runs until it is dropped.
pub struct PageServer {
    pub address: SocketAddr,
    plan: PagePlan,
    answering: Arc<Answering>,
    connections: Arc<Connections>,
    server: JoinHandle<()>,
}

impl PageServer {
    /// Serves what is on the outlets' board, at the address that the plan names, or at a free port of it where that is 0.
    ///
    /// # Errors
    /// Somebody else has the address, or it is none of this computer's.
    pub async fn serve(plan: PagePlan, outlets: Arc<Outlets>) -> Result<Self> {
        let words = || format!("cannot serve the page at {}", plan.address);
        let listener = TcpListener::bind(plan.address).await.with_context(words)?;
        let address = listener.local_addr().with_context(words)?;
        let answering = Arc::new(Answering::new(Access::new(&plan, address.port()), outlets));
        let connections = Arc::new(Connections::default());
        let server = tokio::spawn(connections.clone().serve(listener, answering.clone()));
        Ok(Self {
            address,
            plan,
            answering,
            connections,
            server,
        })
    }

    /// Serves as another plan says, where that has the same address; whether it has. Who was let in by the old one has to ask again.
    pub fn change(&mut self, plan: &PagePlan) -> bool {
        let is_same = self.plan.address == plan.address;
        if is_same && self.plan != *plan {
            self.answering.allow(Access::new(plan, self.address.port()));
            self.connections.end();
            self.plan = plan.clone();
        }
        is_same
    }

    /// Frees the address. Returns the plan by which it is served again.
    pub async fn close(mut self) -> PagePlan {
        self.server.abort();
        // That it was ended is no news.
        let _ = (&mut self.server).await;
        PagePlan {
            address: self.address,
            ..self.plan.clone()
        }
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.server.abort();
        self.connections.close();
    }
}
