//! Labels that are numbers, each one less than its class's: "19" is class 20, and 19 is the number of class "18". Whoever takes a class's number for a
//! name explains another class than the one that was detected.

use std::path::{Path, PathBuf};

/// The built-in model in `folder`, with a digit label wherever it has one.
pub fn model(folder: &Path) -> PathBuf {
    // The tests of the workspace's members lie one folder deeper.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let models = folders.find_map(|folder| {
        let file = folder.join("models/ssdlite_mobilenet_v2_coco.onnx");
        file.exists().then_some(file)
    });
    let models = models.expect("the model comes with the source");
    let file = folder.join("digits.onnx");
    std::fs::copy(&models, &file).unwrap();
    let text = std::fs::read_to_string(models.with_extension("toml")).unwrap();
    let mut manifest: toml::Table = text.parse().unwrap();
    for (class, label) in (0..).zip(manifest["labels"].as_array_mut().unwrap()) {
        if class > 0 && label.as_str() != Some("") {
            *label = (class - 1).to_string().into();
        }
    }
    std::fs::write(file.with_extension("toml"), manifest.to_string()).unwrap();
    file
}
