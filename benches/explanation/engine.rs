//! A detector that hands over, and the explainer that goes on from it, as the product has them: one pair for all rows of a composite.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ssdcrp::crp::Propagator;
use ssdcrp::detect::{Detector, Model, NetworkInput};
use ssdcrp::runtime::{ExecutionProvider, SessionOptions};

use super::milliseconds;
use super::rows::{Row, on};

/// How many rows' heads one explainer keeps networks for, so that none is compiled twice.
const MOST_HEADS: usize = 4;

/// Explains under one composite.
pub struct Engine {
    composite: String,
    provider: ExecutionProvider,
    heads: Vec<usize>,
    detector: Detector,
    explainer: Propagator,
}

impl Engine {
    /// What a row needs.
    pub fn new(model: &Arc<Model>, row: &Row, threads: usize) -> Result<Self> {
        let options = SessionOptions {
            threads,
            provider: row.provider,
            ..SessionOptions::default()
        };
        let mut explainer = Propagator::new(model.clone(), row.composite.parse()?, options)?;
        let handed = explainer.reads().to_vec();
        Ok(Self {
            composite: row.composite.clone(),
            provider: row.provider,
            heads: row.heads.clone(),
            detector: Detector::handing_over(model.clone(), handed, options)?,
            explainer,
        })
    }

    /// As a row is named.
    pub fn name(&self) -> String {
        on(self.provider) + &self.composite
    }

    /// Takes a further row on, if that is of its composite and its head is not one too many.
    pub fn takes(&mut self, row: &Row) -> bool {
        let mut heads = self.heads.clone();
        heads.extend(&row.heads);
        heads.sort_unstable();
        heads.dedup();
        let is_one = (&self.composite, self.provider) == (&row.composite, row.provider)
            && heads.len() <= MOST_HEADS;
        if is_one {
            self.heads = heads;
        }
        is_one
    }

    /// Milliseconds of a forward pass.
    pub fn forward(&mut self, picture: &NetworkInput) -> Result<f64> {
        let picture = picture.clone();
        let started = Instant::now();
        self.detector.forward(picture)?;
        Ok(milliseconds(started))
    }

    /// Milliseconds of a forward pass and the explanation of all of a row's targets.
    pub fn explain(&mut self, row: &Row) -> Result<f64> {
        let picture = row.picture.clone();
        let started = Instant::now();
        let forward = self.detector.forward(picture)?;
        self.explainer.explain(&forward, &row.targets)?;
        Ok(milliseconds(started))
    }
}
