//! The evaluation's protocol and methods on the default model and a photo.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array2;
use ssdcrp::check::{Checker, DRAWS, Outcome};
use ssdcrp::crp::{Composite, Direction, Edge, Quantity, Target, TargetOutput};
use ssdcrp::detect::{Detector, Model, NetworkInput, Thresholds, preprocess};
use ssdcrp::evaluate::deletion::curves;
use ssdcrp::evaluate::{
    ActivationMap, ActivationMapKind, Column, DRise, DetectionScores, EvaluatedPhoto, Gradient,
    GradientKind, Method, Occlusion, RandomMap, RandomMasks, Relevance, Replacement, judge,
};
use ssdcrp::perturbation::{BLOCK, Blocks, First};
use ssdcrp::runtime::SessionOptions;

struct Stage {
    model: Arc<Model>,
    detector: Detector,
    photo: EvaluatedPhoto,
}

impl Stage {
    fn set(detections: usize) -> Result<Self> {
        Self::of(Model::built_in()?, detections)
    }

    /// A small detector, for what does not depend on what it detects.
    fn small(detections: usize) -> Result<Self> {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor_free");
        let mut model = Model::open(golden.join("distances.onnx"))?;
        model.manifest.detection.score_threshold = 0.0;
        Self::of(model, detections)
    }

    fn of(model: Model, detections: usize) -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ssdlite/person.png");
        let model = Arc::new(model);
        let mut detector = Detector::new(model.clone(), SessionOptions::on_threads(1))?;
        let photo = image::open(path)?.into_rgb8();
        let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let thresholds = Thresholds::from(&model.manifest.detection);
        let found = detector.detections(&forward, thresholds)?;
        assert!(found.len() >= detections);
        let name = "person.png".to_owned();
        Ok(Self {
            photo: EvaluatedPhoto::new(name, forward, &found, detections, &model)?,
            model,
            detector,
        })
    }

    fn judge(&mut self, method: &mut dyn Method) -> Result<Vec<DetectionScores>> {
        self.judge_seeded(method, 0)
    }

    fn judge_seeded(&mut self, method: &mut dyn Method, seed: u64) -> Result<Vec<DetectionScores>> {
        let Self {
            photo,
            model,
            detector,
        } = self;
        Ok(judge(method, photo, model, detector, seed)?)
    }

    /// The quantity for the picture, and for the blurred one.
    fn values(&mut self, quantity: &Quantity) -> Result<[f64; 2]> {
        let blurred = self.detector.forward(NetworkInput {
            tensor: self.photo.reference.clone(),
            fit: self.photo.forward.input.fit,
        })?;
        Ok([
            quantity.value(&self.photo.forward),
            quantity.value(&blurred),
        ])
    }
}

#[test]
fn deeplift_and_integrated_gradients_explain_the_difference_to_the_blurred_picture() -> Result<()> {
    let mut stage = Stage::set(1)?;
    for (kind, tolerance) in [
        (GradientKind::DeepLift, 1e-4),
        // 20 steps see a network of kinks only roughly.
        (GradientKind::Integrated, 0.4),
    ] {
        // Both questions about the class are answered by one network.
        let mut method = Gradient::new(stage.model.clone(), kind, SessionOptions::on_threads(1));
        for column in Column::ALL {
            let target = column.target(&stage.photo.subjects[0]);
            let quantity = Quantity::new(&target, &stage.model, &stage.photo.forward)?;
            let [whole, blurred] = stage.values(&quantity)?;
            let map = method
                .explain(&stage.photo, std::slice::from_ref(&target))?
                .remove(0)
                .map;
            let sum: f64 = map.iter().map(|&r| f64::from(r)).sum();
            println!("{column:?} {kind:?}: {sum} of {}", whole - blurred);
            assert!(
                (sum - (whole - blurred)).abs() < tolerance * (whole - blurred).abs().max(1.0),
                "{column:?} {kind:?}: {sum}, {whole}, {blurred}"
            );
        }
    }
    Ok(())
}

#[test]
fn deleted_blocks_become_what_was_asked_for() -> Result<()> {
    let mut stage = Stage::set(1)?;
    let target = Column::Mean.target(&stage.photo.subjects[0]);
    let quantity = Quantity::new(&target, &stage.model, &stage.photo.forward)?;
    let blocks = Blocks::new(300, 300, BLOCK);
    // A step deletes nine blocks: these, the first row's, then the next ones.
    let orders = [
        (0..blocks.count()).collect::<Vec<_>>(),
        (0..blocks.count()).rev().collect(),
    ];
    let mut after_a_step = Vec::new();
    for replacement in [Replacement::Blurred, Replacement::MeanColour] {
        let photo = stage.photo.clone().with_replacement(replacement);
        let quantities = std::slice::from_ref(&quantity);
        let curve = curves(&mut stage.detector, &photo, blocks, &orders, quantities)?.remove(0);
        let mut input = photo.forward.input.clone();
        for &block in &orders[0][..9] {
            blocks.replace(&mut input.tensor, &photo.replacement, block);
        }
        let expected = quantity.value(&stage.detector.forward(input)?);
        assert!((curve.most[0] - expected).abs() < 1e-6, "{replacement}");
        after_a_step.push(expected);
    }
    assert_ne!(after_a_step[0], after_a_step[1]);
    Ok(())
}

#[test]
fn an_edge_beyond_the_picture_is_checked_where_it_is() -> Result<()> {
    let mut stage = Stage::set(1)?;
    let forward = &stage.photo.forward;
    let count = stage.model.layout.len();
    let left = |detector: &Detector, at: usize| detector.decoded(forward, at);
    let mut outside = None;
    for at in 0..count {
        if left(&stage.detector, at)?.edges()[0] < -0.05 {
            outside = Some(at);
            break;
        }
    }
    let at = outside.context("no box reaches beyond the picture")?;
    let target = Target {
        default_box: at,
        output: TargetOutput::Edge(Edge::Left, Some(Direction::Plus)),
        contrast: None,
    };
    let question = target.ask(&stage.model, &Composite::default(), forward)?;
    let width = forward.input.fit.source().width as f32;
    let place = f64::from(left(&stage.detector, at)?.edges()[0] * width);
    // Everything red, so that the blocks at the top left go.
    let map = Array2::from_elem((300, 300), 1.0);
    let check = Checker::new(&stage.model, &mut stage.detector, forward).check(&question, &map)?;
    assert!(
        (check.before - place).abs() < 1e-3,
        "{} {place}",
        check.before
    );
    assert_ne!(check.before, check.after);
    Ok(())
}

#[test]
fn occlusion_is_the_fall_of_the_quantity() -> Result<()> {
    let mut stage = Stage::small(1)?;
    let target = Column::Mean.target(&stage.photo.subjects[0]);
    let quantity = Quantity::new(&target, &stage.model, &stage.photo.forward)?;
    let mut method = Occlusion::new(stage.model.clone(), SessionOptions::on_threads(1))?;
    let map = method
        .explain(&stage.photo, std::slice::from_ref(&target))?
        .remove(0)
        .map;
    let (height, width) = map.dim();
    let blocks = Blocks::new(height, width, BLOCK);
    let first = blocks.order(&map, First::Most)[0];
    let mut input = stage.photo.forward.input.clone();
    blocks.replace(&mut input.tensor, &stage.photo.reference, first);
    let occluded = stage.detector.forward(input)?;
    let fall = quantity.value(&stage.photo.forward) - quantity.value(&occluded);
    let largest = map.iter().copied().fold(f32::MIN, f32::max);
    assert!(
        fall > 0.0 && (f64::from(largest) - fall).abs() < 1e-4,
        "{largest}, {fall}"
    );
    Ok(())
}

#[test]
fn propagation_beats_noise_and_plain_propagation_is_blind_for_the_class() -> Result<()> {
    let mut stage = Stage::set(2)?;
    let composite = |name: &str| name.parse::<Composite>();
    let model = stage.model.clone();
    let crp = stage.judge(&mut Relevance::new(
        model.clone(),
        composite("crp")?,
        None,
        SessionOptions::on_threads(1),
    )?)?;
    let plain = stage.judge(&mut Relevance::new(
        model,
        composite("lrp-alpha1beta0")?,
        None,
        SessionOptions::on_threads(1),
    )?)?;
    let noise = stage.judge(&mut RandomMap::new(2))?;
    for ((crp, plain), noise) in crp.iter().zip(&plain).zip(&noise) {
        for row in [crp, plain] {
            assert!(row.deletion[0].relative() > 0.4, "{row:?}");
            assert!(
                row.deletion[0].score() > 2.0 * noise.deletion[0].score(),
                "{row:?}"
            );
            assert!((0.0..=1.0).contains(&row.energy) && row.millis > 0.0);
        }
        assert!(plain.separation.plain.context("it is plain")?.cosine > 0.95);
        assert!(crp.separation.plain.is_none());
        assert!(noise.separation.mean.cosine.abs() < 0.3);
        // Of mean of others, runner-up, offset.
        assert!(crp.checked.len() == 3 && crp.checked[2], "{crp:?}");
        assert!(!noise.checked[1], "{noise:?}");
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_numbers() -> Result<()> {
    let mut stage = Stage::small(1)?;
    let mut numbers = |seed: u64| -> Result<String> {
        let masks = RandomMasks::new(stage.model.clone(), 8, seed, SessionOptions::on_threads(1))?;
        let mut methods: [Box<dyn Method>; 2] = [Box::new(RandomMap::new(seed)), Box::new(masks)];
        let mut rows = Vec::new();
        for method in &mut methods {
            rows.extend(stage.judge_seeded(method.as_mut(), seed)?);
        }
        for row in &mut rows {
            row.millis = 0.0;
        }
        Ok(serde_json::to_string(&rows)?)
    };
    let first = numbers(5)?;
    assert_eq!(numbers(5)?, first);
    assert_ne!(numbers(6)?, first);
    Ok(())
}

#[test]
fn a_check_is_the_fall_of_the_asked_quantity() -> Result<()> {
    let mut stage = Stage::set(1)?;
    let subject = stage.photo.subjects[0].clone();
    let target = Column::RunnerUp.target(&subject);
    let question = target.ask(&stage.model, &Composite::default(), &stage.photo.forward)?;
    let quantity = Quantity::new(&target, &stage.model, &stage.photo.forward)?;
    let blocks = Blocks::new(300, 300, BLOCK);
    // A map that speaks for the first nine blocks of the box and for nothing else.
    let in_box = |block: &usize| {
        let centre = |index: usize| (index as f32 + 0.5) * BLOCK as f32 / 300.0;
        (subject.detection.rect).contains([centre(block % 15), centre(block / 15)])
    };
    let red: Vec<usize> = (0..blocks.count()).filter(in_box).take(9).collect();
    let mut values = vec![-1.0; blocks.count()];
    red.iter().for_each(|&block| values[block] = 1.0);
    let map = blocks.spread(&values);

    let input = &stage.photo.forward.input;
    let mut picture = input.picture_values();
    for &block in &red {
        blocks.replace(&mut picture, &stage.photo.reference, block);
    }
    let without = stage
        .detector
        .forward(input.with_picture_values(&picture)?)?;
    let after = stage
        .detector
        .describe(&without, subject.detection.default_box)?;

    let mut checker = Checker::new(&stage.model, &mut stage.detector, &stage.photo.forward);
    let check = checker.check(&question, &map)?;
    assert_eq!(check.gone.len(), 9, "of 225");
    assert!((check.before - quantity.value(&stage.photo.forward)).abs() < 1e-6);
    assert!(
        (check.after - quantity.value(&without)).abs() < 1e-4,
        "{check:?}"
    );
    assert_eq!(check.elsewhere.len(), DRAWS);
    let Outcome::Score { before, first, .. } = &check.outcome else {
        panic!("{check:?}")
    };
    assert_eq!(*before, subject.detection.score);
    assert_eq!(
        first.is_some(),
        after.class != subject.detection.class && after.score > 0.5
    );

    // Nothing is asked of the network where nothing speaks for it.
    let nothing = checker.check(&question, &map.mapv(|r| r.min(0.0)))?;
    assert!(nothing.elsewhere.is_empty() && !nothing.passed() && nothing.effect() == 0.0);
    Ok(())
}

#[test]
fn the_peers_find_the_object_and_are_measured_by_the_fields_measures() -> Result<()> {
    let mut stage = Stage::set(1)?;
    let (model, options) = (stage.model.clone(), SessionOptions::on_threads(1));
    let kinds = [
        ActivationMapKind::GradCam,
        ActivationMapKind::LayerCam,
        ActivationMapKind::Odam,
    ];
    let mut methods: Vec<Box<dyn Method>> =
        vec![Box::new(DRise::new(model.clone(), 60, 0, options)?)];
    for kind in kinds {
        methods.push(Box::new(ActivationMap::new(model.clone(), kind, options)));
    }
    let subject = stage.photo.subjects[0].clone();
    let noise = stage.judge(&mut RandomMap::new(1))?.remove(0);
    for method in &mut methods {
        let target = Column::Mean.target(&subject);
        let map = method.explain(&stage.photo, &[target])?.remove(0).map;
        assert_eq!(map.dim(), (300, 300));
        assert!(map.iter().all(|&r| r >= 0.0), "{}", method.name());
        if method.name() == "grad-cam" && map.iter().all(|&r| r == 0.0) {
            // Its weights are means over all cells, of which the gradient of one output reaches a few: what they sum up to may be negative everywhere.
            continue;
        }
        assert!(map.iter().any(|&r| r > 0.0), "{}", method.name());
        let row = stage.judge(method.as_mut())?.remove(0);
        let field = &row.field;
        println!(
            "{}: deletion {:.3}, insertion {:.3}, ODAM {:.3}, sparsity {:?}, repeated {:.2}, energy {:.2}",
            row.method,
            field.deletion_auc(),
            field.insertion_auc(),
            field.odam_deletion_auc(),
            field.sparsity,
            field.repeatability,
            row.positive_energy
        );
        // The whole picture shows the detection with its own score, whatever the method is.
        let score = f64::from(subject.detection.score);
        assert!((field.deletion[0] - score).abs() < 1e-6, "{field:?}");
        let ends = [field.deletion.last(), field.insertion.first()];
        assert_eq!(ends[0], ends[1]);
        assert!((field.insertion.last().context("a curve")? - score).abs() < 1e-6);
        assert_eq!((field.deletion.len(), field.odam_deletion.len()), (21, 11));
        assert!(field.overall() > noise.field.overall(), "{}", row.method);
        assert!(field.repeatability > 0.5 && field.sparsity.context("a map")? > 1.0);
        if row.method == "odam" {
            assert!(field.pointing && row.positive_energy > 0.5, "{row:?}");
        }
    }
    assert!(noise.field.repeatability.abs() < 0.3);
    Ok(())
}
