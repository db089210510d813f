//! The tensors of a graph that hold what a detector says, whatever its heads are called in the file.

/// Names of the tensors that hold what a network says of all default boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTensors {
    /// Class logits, `[1, D, K]`.
    pub classes: String,
    /// Offsets in the order of the manifest, `[1, D, 4]`, or distances, `[1, D, 4·bins]`; a classifier has none.
    pub offsets: Option<String>,
    /// Logits of there being an object, `[1, D, 1]`, where the network says that apart from the classes, as YOLOv3 and YOLOX do.
    pub objectness: Option<String>,
}
