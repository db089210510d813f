//! Compiles the ONNX file format's schema into Rust types. `raw_data` stays a view of the file's bytes (no copy of weights).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::var_os("CARGO_FEATURE_BUILT_IN_MODEL").is_some() {
        let model = "models/ssdlite_mobilenet_v2_coco.onnx";
        println!("cargo:rerun-if-changed={model}");
        if !std::path::Path::new(model).exists() {
            return Err(format!("the feature built-in-model needs {model}, which is in the source repository and not in the published package: build without it, and open a model file").into());
        }
    }
    println!("cargo:rerun-if-changed=src/onnx/onnx-ml.proto");
    let descriptors = protox::compile(["src/onnx/onnx-ml.proto"], ["src/onnx"])?;
    prost_build::Config::new()
        .bytes([".onnx.TensorProto.raw_data"])
        .compile_fds(descriptors)?;
    Ok(())
}
