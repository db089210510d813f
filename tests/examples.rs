//! The examples, run on real photos: they finish, and write the pictures that they promise.

#![allow(dead_code, reason = "each example has a main of its own")]

mod cache;
#[path = "../examples/compare_methods.rs"]
mod compare_methods;
#[path = "../examples/contrast_classes.rs"]
mod contrast_classes;
#[path = "../examples/explain_folder.rs"]
mod explain_folder;
#[path = "../examples/explain_photo.rs"]
mod explain_photo;
#[path = "../examples/follow_video.rs"]
mod follow_video;
#[path = "../examples/own_model.rs"]
mod own_model;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cache::cached;

/// Where pictures stay, to be looked at.
fn folder(name: &str) -> std::io::Result<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("examples")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The names of a folder's pictures, each of which can be read and differs from the photo.
fn pictures(folder: &Path, photo: &image::RgbImage) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let picture = image::open(entry.path())?.to_rgb8();
        assert_eq!(picture.dimensions(), photo.dimensions());
        assert_ne!(&picture, photo, "nothing was drawn");
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn the_examples_explain_real_photos() -> Result<(), Box<dyn Error>> {
    let (dog, person) = (cached("photos/dog.jpg"), cached("photos/person.jpg"));
    let written = folder("written")?;
    explain_photo::run(&dog, &written.join("photo.png"))?;
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ssdlite_mobilenet_v2_coco.onnx");
    own_model::run(&model, &dog, &written.join("own-model.png"))?;
    let photo = image::open(&dog)?.to_rgb8();
    assert_eq!(pictures(&written, &photo)?, ["own-model.png", "photo.png"]);

    let written = folder("contrast")?;
    let why = written.join("sheep-rather-than-horse.png");
    contrast_classes::run(&person, "sheep", "horse", &why)?;
    let photo = image::open(&person)?.to_rgb8();
    assert_eq!(pictures(&written, &photo)?.len(), 1);

    let maps = folder("methods")?.join("maps.png");
    compare_methods::run(&person, &maps, &["sheep", "horse"], &["crp", "grad-cam"])?;
    let maps = image::open(&maps)?.to_rgb8();
    let height = 360 * photo.height() / photo.width();
    assert_eq!(maps.dimensions(), (2 * 360, 2 * height));
    let map = |x, y| image::imageops::crop_imm(&maps, x, y, 360, height).to_image();
    assert_ne!(map(0, 0), map(360, 0), "two methods give one picture");

    let (photos, written) = (folder("photos")?, folder("folder")?);
    fs::copy(&dog, photos.join("dog.jpg"))?;
    explain_folder::run(&photos, &written)?;
    let photo = image::open(&dog)?.to_rgb8();
    let names = pictures(&written, &photo)?;
    assert_eq!(names[..2], ["dog-1-bicycle.png", "dog-2-dog.png"]);
    Ok(())
}

/// A camera that moves along the horses sees the same ones again.
#[test]
fn the_frames_of_a_video_are_followed() -> Result<(), Box<dyn Error>> {
    let horses = image::open(cached("photos/horses.jpg"))?.to_rgb8();
    let (frames, written) = (folder("frames")?, folder("followed")?);
    let (width, height) = (horses.width() - 40, horses.height());
    for (index, left) in [0, 20, 40].into_iter().enumerate() {
        let frame = image::imageops::crop_imm(&horses, left, 0, width, height).to_image();
        frame.save(frames.join(format!("{index}.png")))?;
    }
    follow_video::run(&frames, Duration::from_millis(40), &written)?;
    let first = image::open(frames.join("0.png"))?.to_rgb8();
    let names = pictures(&written, &first)?;
    for time in [0, 40, 80] {
        let name = format!("object0-{time:06}ms.png");
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    Ok(())
}
