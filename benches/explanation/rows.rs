//! What is explained: of which picture, by which composite, so many targets at which head.

use std::cmp::Reverse;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bench_report::Aim;
use image::RgbImage;
use ssdcrp::crp::{PRESETS, Target, TargetOutput};
use ssdcrp::detect::{ClassId, ClassRef, Detector, Model, NetworkInput, Thresholds, preprocess};
use ssdcrp::runtime::{ExecutionProvider, SessionOptions};

#[path = "../../tests/cache/mod.rs"]
mod cache;

/// So many targets, in neighbouring boxes.
const TARGETS: [usize; 4] = [1, 4, 8, 16];
/// The preset of videos.
pub const VIDEO: &str = "crp-features";
const STILLS: &str = "crp";

/// Which rows there are.
#[derive(Clone, Copy, PartialEq)]
pub enum Choice {
    Few,
    Some,
    All,
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "few" => Self::Few,
            "some" => Self::Some,
            "all" => Self::All,
            _ => bail!("rows are few, some or all"),
        })
    }
}

/// What a row measures.
pub struct Row {
    pub name: String,
    pub composite: String,
    pub provider: ExecutionProvider,
    pub picture: NetworkInput,
    pub targets: Vec<Target>,
    /// At which heads its targets are, each once.
    pub heads: Vec<usize>,
}

/// The pictures that are explained.
pub struct Pictures {
    pub person: NetworkInput,
    pub kite: NetworkInput,
    /// The class of each detection, as `select=all` explains them.
    pub of_kite: Vec<Target>,
}

impl Pictures {
    pub fn new(model: &Arc<Model>, threads: usize) -> Result<Self> {
        let sample = |picture: RgbImage| {
            preprocess::sample(&picture, model.input_size, &model.manifest.input)
        };
        let person = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/ssdlite/person.png"
        );
        let kite = sample(image::open(cache::cached("photos/kite.jpg"))?.into_rgb8())?;
        let options = SessionOptions::on_threads(threads);
        let mut detector = Detector::new(model.clone(), options)?;
        let forward = detector.forward(kite.clone())?;
        let thresholds = Thresholds::from(&model.manifest.detection);
        let detections = detector.detections(&forward, thresholds)?;
        Ok(Self {
            person: sample(image::open(person)?.into_rgb8())?,
            kite,
            of_kite: detections.iter().map(Target::predicted_class).collect(),
        })
    }
}

impl Choice {
    /// The rows, in groups that take turns.
    pub fn groups(
        self,
        pictures: &Pictures,
        model: &Model,
        provider: ExecutionProvider,
    ) -> Result<Vec<Vec<Row>>> {
        let maker = Maker {
            pictures,
            model,
            heads: heads(model),
        };
        let mut providers = vec![ExecutionProvider::Cpu, provider];
        providers.dedup();
        let mut groups = Vec::new();
        match self {
            Self::Few => {
                let mut rows = Vec::new();
                for provider in providers {
                    for (composite, head, count) in
                        [(VIDEO, 0, 1), (VIDEO, 0, 8), (VIDEO, 1, 1), (STILLS, 0, 1)]
                    {
                        rows.extend(maker.row(composite, head, count, provider)?);
                    }
                }
                groups.push(rows);
            }
            Self::Some => {
                let mut rows = maker.all_of(VIDEO, &TARGETS, provider)?;
                for composite in PRESETS.into_iter().filter(|&name| name != VIDEO) {
                    for count in [1, 8] {
                        rows.extend(maker.row(composite, 0, count, provider)?);
                    }
                }
                rows.extend(maker.row(STILLS, 1, 1, provider)?);
                rows.extend(maker.kite(VIDEO, provider)?);
                groups.push(rows);
            }
            Self::All => {
                for composite in PRESETS {
                    let mut rows = maker.all_of(composite, &TARGETS, provider)?;
                    rows.extend(maker.kite(composite, provider)?);
                    groups.push(rows);
                }
            }
        }
        Ok(groups)
    }
}

/// What a row's median is to be, where something is aimed at.
pub fn aim(row: &Row, model: &str, threads: usize) -> Option<Aim> {
    if threads != 1 || row.provider != ExecutionProvider::Cpu {
        return None;
    }
    // Or of one picture, wherever they are.
    let is_finest = row.heads == [0] || row.heads.len() > 1;
    let most = match (model, row.composite.as_str(), row.targets.len()) {
        ("ssdlite_mobilenet_v2_coco", VIDEO, 1) if is_finest => 1.5,
        ("ssdlite_mobilenet_v2_coco", VIDEO, 8) if is_finest => 3.5,
        ("ssdlite_mobilenet_v2_coco", STILLS, 1) if is_finest => 3.5,
        ("ssdlite_mobilenet_v2_coco", STILLS, 8) if is_finest => 11.0,
        ("ssd300_vgg16_voc", VIDEO, 1) if is_finest => 1.6,
        _ => return None,
    };
    Some(Aim::AtMost(most))
}

/// How names of what another provider than the CPU computes begin.
pub fn on(provider: ExecutionProvider) -> String {
    match provider {
        ExecutionProvider::Cpu => String::new(),
        _ => format!("{provider}: "),
    }
}

struct Maker<'a> {
    pictures: &'a Pictures,
    model: &'a Model,
    /// Number and default boxes of each head, the finest first.
    heads: Vec<(usize, Vec<usize>)>,
}

impl Maker<'_> {
    /// The finest, second and coarsest head.
    fn all_of(
        &self,
        composite: &str,
        counts: &[usize],
        provider: ExecutionProvider,
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for place in [0, 1, self.heads.len() - 1] {
            for &count in counts {
                rows.extend(self.row(composite, place, count, provider)?);
            }
        }
        Ok(rows)
    }

    /// One class at neighbouring boxes of the head at this place among those from the finest to the coarsest; `None` where it has
    /// not so many.
    fn row(
        &self,
        composite: &str,
        place: usize,
        count: usize,
        provider: ExecutionProvider,
    ) -> Result<Option<Row>> {
        let (head, boxes) = self.heads.get(place).context("the model has one head")?;
        let name = match place {
            0 => "finest",
            1 => "second",
            _ => "coarsest",
        };
        let on = on(provider);
        let class = |&default_box: &usize| Target {
            default_box,
            output: TargetOutput::Class(ClassRef::Id(ClassId(1))),
            contrast: None,
        };
        let targets: Vec<Target> = boxes.iter().take(count).map(class).collect();
        Ok((targets.len() == count).then(|| Row {
            name: format!("{on}{composite}, N = {count}, {name} head"),
            composite: composite.to_owned(),
            provider,
            picture: self.pictures.person.clone(),
            targets,
            heads: vec![*head],
        }))
    }

    /// All detections of a picture; `None` where the model sees nothing in it.
    fn kite(&self, composite: &str, provider: ExecutionProvider) -> Result<Option<Row>> {
        let targets = &self.pictures.of_kite;
        let mut heads = Vec::new();
        for target in targets {
            let location = self.model.layout.locate(target.default_box);
            heads.push(location.context("a detection has no default box")?.head);
        }
        heads.sort_unstable();
        heads.dedup();
        Ok((!targets.is_empty()).then(|| Row {
            name: format!("{composite}, all {} detections of kite.jpg", targets.len()),
            composite: composite.to_owned(),
            provider,
            picture: self.pictures.kite.clone(),
            targets: targets.clone(),
            heads,
        }))
    }
}

/// Number and default boxes of each head, the finest first, which is the last of a YOLO's. The boxes are those from the middle of its
/// map on, where receptive fields are whole.
fn heads(model: &Model) -> Vec<(usize, Vec<usize>)> {
    let grids = &model.layout.heads;
    let mut end = 0;
    let mut heads: Vec<(usize, Vec<usize>)> = (grids.iter().enumerate())
        .map(|(head, grid)| {
            let boxes = end..end + grid.boxes();
            end = boxes.end;
            let middle = boxes.len().saturating_sub(TARGETS[3]) / 2;
            (head, boxes.skip(middle).collect())
        })
        .collect();
    heads.sort_by_key(|&(head, _)| Reverse(grids[head].rows * grids[head].cols));
    heads
}
