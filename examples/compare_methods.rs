//! One question, answered by several methods: `cargo run --example compare_methods -- photo.jpg maps.png sheep,horse crp grad-cam d-rise:200`
//!
//! A row for each class, about the box where the first one is strongest; a column for each method, named as in `ssdcrp evaluate`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use image::imageops::{self, FilterType};
use ssdcrp::crp::Contrast;
use ssdcrp::detect::{BoxChoice, Detector, Thresholds};
use ssdcrp::evaluate::{EvaluatedPhoto, MethodSpec, Subject};
use ssdcrp::geometry::Rect;
use ssdcrp::heatmap::{Heatmap, Scale};
use ssdcrp::overlay::{self, LabelledBox, Scene};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{ClassRef, Model};

/// A picture's width, in pixels.
const WIDTH: u32 = 360;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [photo, maps, classes, _, ..] = &words[..] else {
        return Err("a photo, the picture to write, classes and methods are expected".into());
    };
    let classes: Vec<&str> = classes.split(',').collect();
    let methods: Vec<&str> = words[3..].iter().map(String::as_str).collect();
    run(photo.as_ref(), maps.as_ref(), &classes, &methods)
}

/// Explains the classes by each of the methods, and writes all maps as one picture.
pub fn run(
    photo: &Path,
    maps: &Path,
    classes: &[&str],
    methods: &[&str],
) -> Result<(), Box<dyn Error>> {
    let photo = image::open(photo)?.to_rgb8();
    let model = Arc::new(Model::built_in()?);
    let options = SessionOptions::default();
    let mut detector = Detector::new(model.clone(), options)?;
    let thresholds = Thresholds::from(&model.manifest.detection);
    let name = "the photo".to_owned();
    let mut seen =
        EvaluatedPhoto::look(name, &photo, &model, &mut detector, thresholds, usize::MAX)?;

    let first: ClassRef = classes.first().ok_or("no class")?.parse()?;
    let chosen = detector.choose(&seen.forward, &[], &BoxChoice::Strongest(first))?;
    let subject = Subject::new(chosen.ok_or("no box")?, model.manifest.background())?;
    let mut ids = Vec::new();
    for class in classes {
        ids.push(model.manifest.class(&class.parse()?)?);
    }
    let rect = subject.detection.rect;
    seen.subjects = vec![subject.clone()];

    let height = photo.height() * WIDTH / photo.width();
    let small = imageops::resize(&photo, WIDTH, height, FilterType::Triangle);
    let mut sheet = RgbImage::new(WIDTH * methods.len() as u32, height * classes.len() as u32);
    for (column, name) in methods.iter().enumerate() {
        let method = MethodSpec::baseline(name).or_else(|_| MethodSpec::composite(name))?;
        let mut method = method.method(&model, &seen, 0, options)?;
        let contrast = match method.is_plain() {
            true => Contrast::None,
            false => Contrast::Mean,
        };
        let targets = ids.iter().map(|&id| subject.class(id, contrast.clone()));
        let answers = method.explain(&seen, &targets.collect::<Vec<_>>())?;
        for (row, (answer, class)) in answers.iter().zip(classes).enumerate() {
            let heatmap = Heatmap::normalise(answer.map.view(), Scale::default());
            let drawn = drawn(&small, &heatmap, &rect, &format!("{class}: {name}"))?;
            let place = (column as u32 * WIDTH, row as u32 * height);
            imageops::replace(&mut sheet, &drawn, place.0.into(), place.1.into());
        }
    }
    sheet.save(maps)?;
    Ok(())
}

/// The photo with a map over it, the box that was asked about, and in words what is shown.
fn drawn(
    photo: &RgbImage,
    heatmap: &Heatmap,
    rect: &Rect,
    words: &str,
) -> Result<RgbImage, Box<dyn Error>> {
    let size = photo.dimensions().into();
    let asked = LabelledBox {
        rect: rect.in_pixels(size),
        label: String::new(),
        colour: [255, 255, 255],
        explained: true,
        dashed: false,
    };
    let canvas = overlay::render(&Scene {
        heatmap: Some(heatmap),
        boxes: &[asked],
        draw_labels: false,
        caption: Some(words),
        ..Scene::empty(size, 1.0)
    });
    let mut drawn = photo.clone();
    canvas.compose_onto(&mut drawn)?;
    Ok(drawn)
}
