//! Weights that an ONNX file keeps in files beside it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use prost::bytes::Bytes;

use super::proto::{ModelProto, TensorProto};
use super::tensor;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::limits::{self, FileKind};

/// Number of `data_location` that means another file.
const EXTERNAL: i32 = 1;

/// Brings the data of all initialisers that lie in files of `folder`, the model's own, into the model.
///
/// # Errors
/// A file outside of the folder, also by a link; one that is missing, too short or too large.
pub(super) fn load(model: &mut ModelProto, folder: &Path) -> Result<()> {
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    let mut room = FileKind::Weights.most_bytes();
    for tensor in &mut graph.initializer {
        if tensor.data_location() as i32 != EXTERNAL {
            continue;
        }
        let data = part(tensor, folder, room)?;
        room -= data.len() as u64;
        tensor.raw_data = Some(Bytes::from(data));
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(())
}

/// The files beside the model that its initialisers name.
pub(super) fn files(model: &ModelProto, folder: &Path) -> BTreeSet<PathBuf> {
    let initialisers = model.graph.iter().flat_map(|graph| &graph.initializer);
    let external = initialisers.filter(|tensor| tensor.data_location() as i32 == EXTERNAL);
    let locations = external.filter_map(|tensor| entry(tensor, "location"));
    locations.map(|location| folder.join(location)).collect()
}

/// The bytes of one initialiser, of which there may be `room` at the most; of its file nothing else is read.
fn part(tensor: &TensorProto, folder: &Path, room: u64) -> Result<Vec<u8>> {
    let name = tensor.name();
    let location = entry(tensor, "location").unwrap_or_default();
    let inside = Path::new(location)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    ensure!(
        inside && !location.is_empty(),
        "initialiser '{name}' keeps its data in '{location}', which is not in the model's folder: \
         save the model as one file (onnx.save_model(..., save_as_external_data=False))"
    );
    let number = |key: &str| entry(tensor, key).map(str::parse::<u64>).transpose();
    let offset = number("offset")
        .with_context(|| format!("the offset of initialiser '{name}'"))?
        .unwrap_or(0);
    let length = number("length").with_context(|| format!("the length of initialiser '{name}'"))?;
    // What it says of itself, before anything is read: a file of holes may claim any length.
    let needed = tensor::byte_length(tensor)?;
    if let (Some(needed), Some(length)) = (needed, length) {
        ensure!(
            needed == length,
            "initialiser '{name}' has {length} bytes for dimensions {:?}, which take {needed}: the file is damaged",
            tensor.dims
        );
    }
    let length = length.or(needed);
    ensure!(
        length.is_none_or(|length| length <= room),
        "initialiser '{name}' asks for {} bytes; all weights together may have {}",
        length.unwrap_or_default(),
        FileKind::Weights.most_bytes()
    );
    let read = |path: &Path| limits::read_part(path, FileKind::Weights, offset, length);
    let real = limits::inside(folder, Path::new(location), FileKind::Weights);
    real.and_then(|path| read(&path)).with_context(|| {
        format!(
            "initialiser '{name}' keeps its data in {}, which cannot be read: it has to lie beside the model",
            folder.join(location).display()
        )
    })
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let found = tensor.external_data.iter().find(|entry| entry.key() == key);
    found.map(|entry| entry.value())
}
