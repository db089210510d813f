//! A network that goes back from one tensor of a head: the one that was asked about last is kept.

use crate::crp::ExplanationGraph;
use crate::error::Result;
use crate::runtime::{Network, SessionOptions};

/// The network of the head tensor that was asked about last.
pub(super) struct HeadNetwork {
    options: SessionOptions,
    /// The tensor, and its network.
    loaded: Option<(String, Network)>,
}

impl HeadNetwork {
    /// Networks run as `options` say.
    pub(super) fn new(options: SessionOptions) -> Self {
        Self {
            options,
            loaded: None,
        }
    }

    /// That of `tensor`, compiled if another one was asked about last.
    ///
    /// # Errors
    /// Those of `compile`; what is compiled cannot be loaded.
    pub(super) fn of(
        &mut self,
        tensor: &str,
        compile: impl FnOnce() -> Result<ExplanationGraph>,
    ) -> Result<&mut Network> {
        let known = self.loaded.take().filter(|(known, _)| known == tensor);
        let known = match known {
            Some(known) => known,
            None => {
                let network = Network::load(&compile()?.model, self.options)?;
                (tensor.to_owned(), network)
            }
        };
        Ok(&mut self.loaded.insert(known).1)
    }
}
