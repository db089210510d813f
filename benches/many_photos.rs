//! A report of thousands of annotated photos: `PHOTOS=2000 cargo bench --bench many_photos`. It prints how long the command takes, how large page and pictures are, and the memory.
//!
//! The photos are crops of those in the cache and of frames of the footage, some mirrored, 480 by 360 pixels. Their annotations, in COCO's format, are what the model detects on them with errors put
//! in: every ninth box is of another class, every eleventh is moved, every thirteenth is left out, and every seventeenth is there twice, once where nothing is. `FOLDER` says where all of it is made
//! and stays; where photos are there already, they are used. Further arguments of the command are in `REPORT`, separated by spaces.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_report::setting;
use image::RgbImage;
use image::imageops::{crop_imm, flip_horizontal};
use serde_json::{Value, json};
use ssdcrp::detect::{Detector, Model, Thresholds};
use ssdcrp::runtime::SessionOptions;

#[path = "../tests/cache/mod.rs"]
mod cache;

use cache::cached;

const NAMES: [&str; 6] = ["dog", "eagle", "giraffe", "horses", "kite", "person"];
const SIZE: [u32; 2] = [480, 360];
/// Frames of the footage that are taken, one of each second.
const FRAMES: usize = 60;

fn main() -> Result<()> {
    let count: usize = setting("PHOTOS", 2000)?;
    let more: String = setting("REPORT", String::new())?;
    let folder: PathBuf = setting("FOLDER", "target/bench/many-photos".to_owned())?.into();
    let photos = folder.join("photos");
    let truth = folder.join("annotations.json");
    if !truth.exists() {
        std::fs::create_dir_all(&photos)?;
        let annotations = make(&folder, &photos, count)?;
        std::fs::write(&truth, annotations.to_string())?;
    }
    let page = folder.join("report.html");
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ssdcrp"))
        .arg("report")
        .arg(&photos)
        .arg("--truth")
        .arg(&truth)
        .arg("-o")
        .arg(&page)
        .arg("--json")
        .arg(folder.join("report.json"))
        .arg("--csv")
        .arg(folder.join("report.csv"))
        .args(more.split_whitespace())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = most_memory(child.id()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(100));
    };
    ensure!(status.success(), "the command has failed");
    println!(
        "{:.0} s, at most {peak} MB resident",
        begun.elapsed().as_secs_f64()
    );
    let pictures = folder.join("report-files");
    println!(
        "page {:.1} MB, pictures beside it {:.1} MB",
        megabytes(&page)?,
        megabytes(&pictures)?
    );
    Ok(())
}

/// The photos, and their annotations.
fn make(folder: &Path, photos: &Path, count: usize) -> Result<Value> {
    let sources = sources(folder)?;
    let model = Arc::new(Model::built_in()?);
    let mut detector = Detector::new(model.clone(), SessionOptions::default())?;
    let thresholds = Thresholds::from(&model.manifest.detection);
    let labels = &model.manifest.labels;
    let (mut images, mut annotations, mut boxes) = (Vec::new(), Vec::new(), 0);
    for index in 0..count {
        let source = &sources[index % sources.len()];
        let photo = part(source, index / sources.len());
        let name = format!("{index:05}.jpg");
        photo.save(photos.join(&name))?;
        let [width, height] = [photo.width(), photo.height()];
        images.push(json!({"id": index, "file_name": name, "width": width, "height": height}));
        let forward = detector.look(&photo)?;
        for detection in detector.detections(&forward, thresholds)? {
            boxes += 1;
            let rect = detection.rect.in_pixels(photo.dimensions().into());
            let [x, y, w, h] = [rect.x0, rect.y0, rect.width(), rect.height()];
            let other = detection.runner_up.filter(|_| boxes % 9 == 0);
            let class = other.map_or(detection.class, |(class, _)| class);
            let shift = if boxes % 11 == 0 { 0.4 * w } else { 0.0 };
            let mut add = |bbox: [f32; 4]| {
                annotations.push(json!({"image_id": index, "category_id": class, "bbox": bbox}));
            };
            if boxes % 13 != 0 {
                add([x + shift, y, w, h]);
            }
            if boxes % 17 == 0 {
                add([0.0, 0.0, 0.3 * w, 0.3 * h]);
            }
        }
    }
    let categories: Vec<Value> = (labels.classes())
        .map(|class| json!({"id": class, "name": labels.name(class)}))
        .collect();
    Ok(json!({"images": images, "annotations": annotations, "categories": categories}))
}

/// What the photos are parts of.
fn sources(folder: &Path) -> Result<Vec<RgbImage>> {
    let frames = folder.join("frames");
    std::fs::create_dir_all(&frames)?;
    let footage = cached("footage/vtest.avi");
    let status = Command::new("gst-launch-1.0")
        .args(["-q", "filesrc"])
        .arg(format!("location={}", footage.display()))
        .args("! decodebin ! videoconvert ! videorate ! video/x-raw,framerate=1/1 ! pngenc compression-level=1".split(' '))
        .args(["!", "multifilesink"])
        .arg(format!("location={}/%02d.png", frames.display()))
        .status()
        .context("gst-launch-1.0")?;
    ensure!(status.success(), "the footage cannot be decoded");
    let photos = NAMES.map(|name| cached(&format!("photos/{name}.jpg")));
    let frames = (0..FRAMES).map(|index| frames.join(format!("{index:02}.png")));
    let files = photos.into_iter().chain(frames);
    files
        .map(|file| Ok(image::open(&file)?.into_rgb8()))
        .collect()
}

/// The part of a number: at another place each time, every second one mirrored.
fn part(source: &RgbImage, number: usize) -> RgbImage {
    let free = [source.width(), source.height()].into_iter().zip(SIZE);
    let free: Vec<u32> = free.map(|(side, part)| side.saturating_sub(part)).collect();
    let share = |step: usize| (number * step % 101) as f32 / 101.0;
    let [x, y] =
        [(free[0], 37), (free[1], 59)].map(|(free, step)| (free as f32 * share(step)) as u32);
    let part = crop_imm(source, x, y, SIZE[0], SIZE[1]).to_image();
    match number % 2 {
        0 => part,
        _ => flip_horizontal(&part),
    }
}

/// Megabytes that a process has had resident at most.
fn most_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes / 1000)
}

/// Of a file, or of all files in a folder; of nothing where there is none.
fn megabytes(path: &Path) -> Result<f64> {
    let mut bytes = 0;
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += entry?.metadata()?.len();
        }
    } else if path.exists() {
        bytes = path.metadata()?.len();
    }
    Ok(bytes as f64 / 1e6)
}
