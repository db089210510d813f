//! Compiles the ONNX file format's schema into Rust types. `raw_data` stays a view of the file's bytes (no copy of weights).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=src/onnx/onnx-ml.proto");
    let descriptors = protox::compile(["src/onnx/onnx-ml.proto"], ["src/onnx"])?;
    prost_build::Config::new()
        .bytes([".onnx.TensorProto.raw_data"])
        .compile_fds(descriptors)?;
    Ok(())
}
