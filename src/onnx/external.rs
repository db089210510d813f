//! Weights that an ONNX file keeps in files beside it.

use std::collections::HashMap;
use std::path::{Component, Path};

use prost::bytes::Bytes;

use super::proto::{ModelProto, TensorProto};
use crate::error::Result;
use crate::error::model::{Context, ensure};

/// Number of `data_location` that means another file.
const EXTERNAL: i32 = 1;

/// Brings the data of all initialisers that lie in files of `folder`, the model's own, into the model.
///
/// # Errors
/// A file outside of the folder, one that is missing or too short.
pub(super) fn load(model: &mut ModelProto, folder: &Path) -> Result<()> {
    let mut files: HashMap<String, Bytes> = HashMap::new();
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    for tensor in &mut graph.initializer {
        if tensor.data_location() as i32 != EXTERNAL {
            continue;
        }
        let location = entry(tensor, "location").unwrap_or_default().to_owned();
        let name = tensor.name().to_owned();
        let inside = Path::new(&location)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        ensure!(
            inside && !location.is_empty(),
            "initialiser '{name}' keeps its data in '{location}', which is not in the model's folder: \
             save the model as one file (onnx.save_model(..., save_as_external_data=False))"
        );
        if !files.contains_key(&location) {
            let path = folder.join(&location);
            ensure!(
                std::fs::metadata(&path).is_ok_and(|data| data.is_file()) || !path.exists(),
                "initialiser '{name}' keeps its data in {}, which is not a file",
                path.display()
            );
            let bytes = std::fs::read(&path).with_context(|| {
                format!(
                    "initialiser '{name}' keeps its data in {}, which cannot be read: it has to lie beside the model",
                    path.display()
                )
            })?;
            files.insert(location.clone(), Bytes::from(bytes));
        }
        let file = &files[&location];
        let number = |key: &str| entry(tensor, key).map(str::parse::<usize>).transpose();
        let offset = number("offset")
            .with_context(|| format!("the offset of initialiser '{name}'"))?
            .unwrap_or(0);
        let length = number("length")
            .with_context(|| format!("the length of initialiser '{name}'"))?
            .or_else(|| file.len().checked_sub(offset));
        let end = length.and_then(|length| offset.checked_add(length));
        let end = end.filter(|&end| end <= file.len()).with_context(|| {
            format!(
                "initialiser '{name}' lies beyond the {} bytes of '{location}': the file is cut off",
                file.len()
            )
        })?;
        tensor.raw_data = Some(file.slice(offset..end));
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(())
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let found = tensor.external_data.iter().find(|entry| entry.key() == key);
    found.map(|entry| entry.value())
}
