//! Sparse constants: values and their places in the file, dense tensors out.

use prost::bytes::Bytes;

use super::proto::tensor_proto::DataType;
use super::proto::{GraphProto, SparseTensorProto, TensorProto};
use super::{Tensor, tensor};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::limits::MOST_MADE;

/// Brings all sparse constants of a graph among the dense ones.
///
/// # Errors
/// Places outside of the tensor, another number of values than of places, a type that is not read, more numbers than there may be.
pub(super) fn fill(graph: &mut GraphProto) -> Result<()> {
    let mut room = MOST_MADE;
    for sparse in std::mem::take(&mut graph.sparse_initializer) {
        let name = sparse
            .values
            .as_ref()
            .map_or("", |values| values.name())
            .to_owned();
        let filled = dense(sparse, &mut room);
        graph
            .initializer
            .push(filled.with_context(|| format!("the sparse initialiser '{name}'"))?);
    }
    Ok(())
}

fn dense(sparse: SparseTensorProto, room: &mut usize) -> Result<TensorProto> {
    let mut values = sparse.values.context("it has no values")?;
    let indices = sparse.indices.context("it has no places")?;
    tensor::check(&values)?;
    tensor::check(&indices)?;
    let dims: Option<Vec<usize>> = sparse
        .dims
        .iter()
        .map(|&d| usize::try_from(d).ok())
        .collect();
    let count = dims.as_ref().and_then(|dims| {
        let mut dims = dims.iter();
        dims.try_fold(1_usize, |count, &d| count.checked_mul(d))
    });
    let (dims, count) = dims.zip(count).context("its dimensions are impossible")?;
    *room = room.checked_sub(count).with_context(|| {
        format!(
            "all sparse constants together have more than {MOST_MADE} numbers, which is the limit"
        )
    })?;
    let places = places(&tensor::int64s(&indices)?, &indices.dims, &dims)?;
    let raw = raw(&mut values)?;
    let each = match places.len() {
        0 => 1,
        places => raw.len() / places,
    };
    ensure!(
        raw.len() == places.len() * each,
        "it has another number of values than of places"
    );
    // Of an empty one too.
    let size = match DataType::try_from(values.data_type()) {
        Ok(DataType::Float) => 4,
        Ok(DataType::Int64) => 8,
        _ => each,
    };
    ensure!(
        each == size || places.is_empty(),
        "it has another number of values than of places"
    );
    let mut data = vec![0; count * size];
    for (&place, value) in places.iter().zip(raw.chunks_exact(size.max(1))) {
        data[place * size..][..size].copy_from_slice(value);
    }
    values.dims = sparse.dims;
    values.raw_data = Some(Bytes::from(data));
    tensor::check(&values)?;
    Ok(values)
}

/// The values' bytes; a tensor that has them otherwise is left without.
fn raw(values: &mut TensorProto) -> Result<Vec<u8>> {
    if let Some(raw) = values.raw_data.take() {
        return Ok(raw.to_vec());
    }
    let bytes = match DataType::try_from(values.data_type()) {
        Ok(DataType::Float) => {
            let Tensor { data, .. } = Tensor::from_proto(values)?;
            data.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        _ => tensor::int64s(values)?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect(),
    };
    values.float_data.clear();
    values.int64_data.clear();
    Ok(bytes)
}

/// Where values lie in row-major order: they are given so, or by a coordinate an axis.
fn places(indices: &[i64], shape: &[i64], dims: &[usize]) -> Result<Vec<usize>> {
    let count: usize = dims.iter().product();
    let place = |axes: &[i64]| {
        let mut place = 0;
        for (&index, &size) in axes.iter().zip(dims) {
            let index = usize::try_from(index).ok().filter(|&index| index < size)?;
            place = place * size + index;
        }
        Some(place)
    };
    let found: Option<Vec<usize>> = match shape {
        [_] => {
            let places = indices.iter();
            places
                .map(|&i| usize::try_from(i).ok().filter(|&i| i < count))
                .collect()
        }
        [_, axes] if *axes as usize == dims.len() && *axes > 0 => {
            indices.chunks_exact(dims.len()).map(place).collect()
        }
        _ => None,
    };
    found.context("its places do not lie in a tensor of its dimensions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::tensor::int64s_to_proto;

    fn filled(dims: &[i64], indices: TensorProto, values: &[f32]) -> Result<Tensor> {
        let values = Tensor {
            dims: vec![values.len()],
            data: values.to_vec(),
        }
        .to_proto("w");
        let sparse = SparseTensorProto {
            values: Some(values),
            indices: Some(indices),
            dims: dims.to_vec(),
        };
        let mut graph = GraphProto {
            sparse_initializer: vec![sparse],
            ..Default::default()
        };
        fill(&mut graph)?;
        assert_eq!(graph.initializer[0].name(), "w");
        Tensor::from_proto(&graph.initializer[0])
    }

    #[test]
    fn places_are_linear_or_by_axis() {
        let expected = Tensor {
            dims: vec![2, 3],
            data: vec![0.0, 0.0, 7.0, 0.0, 8.0, 0.0],
        };
        let linear = int64s_to_proto(&[2, 4], "");
        assert_eq!(filled(&[2, 3], linear, &[7.0, 8.0]).unwrap(), expected);
        let mut axes = int64s_to_proto(&[0, 2, 1, 1], "");
        axes.dims = vec![2, 2];
        assert_eq!(filled(&[2, 3], axes, &[7.0, 8.0]).unwrap(), expected);
        let none = filled(&[2], int64s_to_proto(&[], ""), &[]).unwrap();
        assert_eq!(none.data, [0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_made() {
        let linear = |places: &[i64]| int64s_to_proto(places, "");
        for (dims, indices, values, reason) in [
            (&[2, 3][..], linear(&[6]), &[1.0][..], "do not lie"),
            (&[2, 3], linear(&[-1]), &[1.0], "do not lie"),
            (&[2, 3], linear(&[0, 1]), &[1.0], "another number"),
            (
                &[1 << 20, 1 << 20],
                linear(&[0]),
                &[1.0],
                "which is the limit",
            ),
            (&[i64::MAX, 3], linear(&[0]), &[1.0], "impossible"),
            (&[-1], linear(&[0]), &[1.0], "impossible"),
        ] {
            let error = format!("{:#}", filled(dims, indices, values).unwrap_err());
            assert!(error.contains(reason) && error.contains("'w'"), "{error}");
        }
    }
}
