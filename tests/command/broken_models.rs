//! Models and manifests that are broken, and what a user reads then: which node, which tensor or which line it is, and what to do.

use std::path::{Path, PathBuf};

use prost::Message;
use ssdcrp::onnx::proto::tensor_shape_proto::dimension::Value as Size;
use ssdcrp::onnx::proto::type_proto::Value as Type;
use ssdcrp::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto, TypeProto};

use crate::{fail, photo, succeed};

/// A small net with a manifest, as files that can be broken.
struct Broken {
    folder: tempfile::TempDir,
    model: ModelProto,
    manifest: String,
}

impl Broken {
    fn new() -> Self {
        let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small/lite_heads.onnx");
        let bytes = std::fs::read(net).expect("the net is there");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.onnx");
        std::fs::write(&file, &bytes).expect("the net is written");
        let file = file.to_str().expect("UTF-8").to_owned();
        succeed(&["inspect", &file, "--write-manifest"]);
        Self {
            model: ModelProto::decode(bytes.as_slice()).expect("the net is a model"),
            manifest: std::fs::read_to_string(folder.path().join("net.toml")).expect("a manifest"),
            folder,
        }
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().expect("a graph")
    }

    fn sizes(&mut self) -> &mut Vec<ssdcrp::onnx::proto::tensor_shape_proto::Dimension> {
        let Type::TensorType(tensor) = self.input_type().value.as_mut().expect("a type") else {
            panic!("the input is no tensor");
        };
        &mut tensor.shape.as_mut().expect("a shape").dim
    }

    fn input_type(&mut self) -> &mut TypeProto {
        self.graph().input[0].r#type.as_mut().expect("a type")
    }

    fn write(&self) -> PathBuf {
        let file = self.folder.path().join("net.onnx");
        std::fs::write(&file, self.model.encode_to_vec()).expect("written");
        std::fs::write(file.with_extension("toml"), &self.manifest).expect("written");
        file
    }

    /// The one line that explaining says.
    fn says(&self) -> String {
        let file = self.write();
        let arguments = ["explain", &photo("dog.jpg"), "--box", "1", "--model"];
        fail(&[&arguments[..], &[file.to_str().expect("UTF-8")]].concat())
    }
}

#[track_caller]
fn assert_says(broken: &Broken, parts: &[&str]) {
    let line = broken.says();
    assert_documented(broken, &line);
    for part in parts {
        assert!(line.contains(part), "'{part}' in: {line}");
    }
}

/// Holds what is said against the table in docs/own-models.md, which has it word for word but for the folder.
#[track_caller]
fn assert_documented(broken: &Broken, line: &str) {
    let page = include_str!("../../docs/own-models.md");
    let (_, table) = page
        .split_once("## What is said of broken files")
        .expect("the section");
    let folder = format!("{}/", broken.folder.path().display());
    let row = format!("| `{}` |", line.replace(&folder, ""));
    assert!(table.contains(&row), "not in docs/own-models.md: {row}");
}

#[test]
fn whole_it_works() {
    let whole = Broken::new();
    let file = whole.write();
    let (photo, folder) = (
        photo("dog.jpg"),
        file.parent().expect("a folder").join("a.png"),
    );
    let picture = folder.to_str().expect("UTF-8");
    let model = file.to_str().expect("UTF-8");
    succeed(&[
        "explain", &photo, "--box", "1", "-o", picture, "--model", model,
    ]);
}

#[test]
fn a_wrong_head_name() {
    let mut broken = Broken::new();
    broken.manifest = broken.manifest.replace("\"class_logits\"", "\"scores\"");
    assert_says(
        &broken,
        &[
            "[output] classes: no layer of the graph writes a tensor 'scores'",
            "its outputs are [\"class_logits\", \"box_offsets\"]",
            "ssdcrp inspect",
        ],
    );
}

#[test]
fn a_picture_that_enters_nowhere() {
    let mut broken = Broken::new();
    broken.manifest = broken
        .manifest
        .replace("[input]", "[input]\ntensor = \"imag\"");
    assert_says(&broken, &["[input] tensor: the graph has no tensor 'imag'"]);
}

#[test]
fn a_wrong_class_count() {
    let mut broken = Broken::new();
    broken.manifest = broken.manifest.replace(", \"class 3\"", "");
    assert_says(
        &broken,
        &[
            "'class_logits' is [1, 55, 4], which is 4 numbers a box, but there are 3 labels of the manifest",
        ],
    );
}

#[test]
fn channels_last_without_a_transpose() {
    let mut broken = Broken::new();
    broken.sizes().swap(1, 3);
    assert_says(
        &broken,
        &[
            "Conv node 'pixels'",
            "has the channels last ([1, 16, 20, 3])",
            "Transpose",
        ],
    );
}

#[test]
fn a_missing_initialiser() {
    let mut broken = Broken::new();
    broken
        .graph()
        .initializer
        .retain(|tensor| tensor.name() != "high2.weight");
    assert_says(&broken, &["Conv node 'high2'", "'high2.weight'"]);
}

#[test]
fn external_data_outside_of_the_folder() {
    let mut broken = Broken::new();
    let tensor = &mut broken.graph().initializer[0];
    let name = tensor.name().to_owned();
    tensor.raw_data = None;
    tensor.data_location = Some(1);
    tensor.external_data = vec![StringStringEntryProto {
        key: Some("location".to_owned()),
        value: Some("../../etc/passwd".to_owned()),
    }];
    assert_says(
        &broken,
        &[
            &format!("'{name}'"),
            "'../../etc/passwd', which is not in the model's folder",
            "save the model as one file",
        ],
    );
    broken.graph().initializer[0].external_data[0].value = Some("weights.bin".to_owned());
    assert_says(
        &broken,
        &["weights.bin, which cannot be read", "beside the model"],
    );
}

#[test]
fn an_operator_that_is_not_supported() {
    let mut broken = Broken::new();
    let node = broken
        .graph()
        .node
        .iter_mut()
        .find(|n| n.op_type() == "Clip");
    let node = node.expect("a Clip");
    node.op_type = Some("Sign".to_owned());
    node.input.truncate(1);
    let name = node.name().to_owned();
    assert_says(
        &broken,
        &[&format!("Sign node '{name}'"), "supported: Conv"],
    );
}

#[test]
fn dynamic_height_and_width() {
    let mut broken = Broken::new();
    for size in &mut broken.sizes()[2..] {
        size.value = Some(Size::DimParam("side".to_owned()));
    }
    assert_says(
        &broken,
        &[
            "'image'",
            "is not known",
            "fixed height and width",
            "size = [width, height]",
        ],
    );
    broken.manifest = broken
        .manifest
        .replace("[input]", "[input]\nsize = [16, 20]");
    let file = broken.write();
    let file = file.to_str().expect("UTF-8");
    succeed(&["inspect", file]);
    // Without a manifest the size can be said too.
    std::fs::remove_file(broken.folder.path().join("net.toml")).expect("removed");
    let line = fail(&["inspect", file]);
    assert!(line.contains("name it with --size"), "{line}");
    let proposed = succeed(&["inspect", file, "--size", "16x20"]);
    assert!(proposed.contains("\nsize = [16, 20]\n"), "{proposed}");
}

#[test]
fn an_operator_set_that_is_too_old() {
    let mut broken = Broken::new();
    broken.model.opset_import[0].version = Some(7);
    assert_says(
        &broken,
        &[
            "its operator set is 7, 9 is the oldest",
            "version_converter",
        ],
    );
}

#[test]
fn a_truncated_file() {
    let broken = Broken::new();
    let file = broken.write();
    let whole = std::fs::read(&file).expect("the net");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let line = fail(&[
        "detect",
        &photo("dog.jpg"),
        "--model",
        file.to_str().expect("UTF-8"),
    ]);
    assert_documented(&broken, &line);
    assert!(
        line.contains("is not an ONNX model, or it is cut off"),
        "{line}"
    );
}

#[test]
fn a_missing_manifest() {
    let broken = Broken::new();
    let file = broken.write();
    std::fs::remove_file(file.with_extension("toml")).expect("removed");
    let file = file.to_str().expect("UTF-8");
    let line = fail(&["detect", &photo("dog.jpg"), "--model", file]);
    assert_documented(&broken, &line);
    assert!(
        line.contains("net.toml beside the model")
            && line.contains(&format!("'ssdcrp inspect {file} --write-manifest'")),
        "{line}"
    );
}

#[test]
fn a_manifest_in_another_encoding() {
    let broken = Broken::new();
    let file = broken.write();
    let latin = [broken.manifest.as_bytes(), b"# caf\xe9\n"].concat();
    std::fs::write(file.with_extension("toml"), latin).expect("written");
    let file = file.to_str().expect("UTF-8");
    let line = fail(&["detect", &photo("dog.jpg"), "--model", file]);
    let last = broken.manifest.lines().count() + 1;
    assert_documented(&broken, &line);
    assert!(
        line.contains(&format!("net.toml: line {last} is not UTF-8"))
            && line.contains("save the file as UTF-8"),
        "{line}"
    );
}

#[test]
fn a_size_that_the_graph_contradicts() {
    let mut broken = Broken::new();
    broken.manifest = broken.manifest.replace("[input]", "[input]\nsize = [1, 1]");
    assert_says(
        &broken,
        &[
            "[input] size: expected [16, 20] (width, height), which 'image' has, found [1, 1]: leave the line out",
        ],
    );
}

#[test]
fn a_layer_type_for_a_layer_that_does_not_exist() {
    let mut broken = Broken::new();
    let whole = broken.manifest.clone();
    broken.manifest += "\n[layer_types]\nhigh22 = \"low\"\n";
    assert_says(
        &broken,
        &["[layer_types] high22: no layer writes it: did you mean \"high2\""],
    );
    broken.manifest = whole + "\n[layer_types]\nsomething_else = \"low\"\n";
    assert_says(
        &broken,
        &[
            "[layer_types] something_else: no layer writes it: layers write ",
            "which 'ssdcrp inspect' lists without this line",
        ],
    );
}

#[test]
fn an_operator_set_that_the_library_does_not_take() {
    let mut broken = Broken::new();
    broken.model.opset_import[0].version = Some(99);
    let line = broken.says();
    // Not in the table of the document: which one is the newest is up to the library.
    let words = "the network is of ONNX's operator set 99, and the ONNX Runtime that is loaded takes none newer than ";
    assert!(line.contains(words), "{line}");
}

#[test]
fn a_network_is_not_written_over_what_it_is_made_from() {
    let broken = Broken::new();
    let file = broken.write();
    let before =
        [file.clone(), file.with_extension("toml")].map(|path| std::fs::read(path).expect("there"));
    let (model, photo) = (file.to_str().expect("UTF-8"), photo("dog.jpg"));
    for (name, what) in [("net.onnx", "model"), ("net.toml", "manifest")] {
        let output = broken.folder.path().join(name);
        let output = output.to_str().expect("UTF-8");
        let commands: [&[&str]; 7] = [
            &["compile", model, "-o", output],
            &["explain", &photo, "--model", model, "--npy", output],
            &["diagnose", &photo, "--model", model, "--plot", output],
            &["report", &photo, "--model", model, "-o", output],
            &["evaluate", &photo, "--model", model, "--csv", output],
            &["compare", model, "built-in", &photo, "-o", output],
            &["compare", "built-in", model, &photo, "--json", output],
        ];
        for command in commands {
            let line = fail(command);
            assert!(
                line.contains(&format!("that is the {what} itself")),
                "{line}"
            );
        }
    }
    let after =
        [file.clone(), file.with_extension("toml")].map(|path| std::fs::read(path).expect("there"));
    assert!(before == after);
}
