//! Constant tensors: from and to ONNX's `TensorProto`.

use prost::bytes::Bytes;

use super::proto::TensorProto;
use super::proto::tensor_proto::DataType;
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};

/// A dense float32 constant in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of the axes, outermost first.
    pub dims: Vec<usize>,
    /// `dims.product()` values.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Reads a float32 initialiser.
    ///
    /// # Errors
    /// Another element type than float32, or a data length that does not fit the dimensions.
    pub fn from_proto(proto: &TensorProto) -> Result<Self> {
        let name = proto.name();
        ensure!(
            proto.data_type() == DataType::Float as i32,
            "initialiser '{name}' has element type {}, float32 is needed: export the model in float32",
            element_type(proto)
        );
        let dims = dimensions(proto)?;
        let data = match &proto.raw_data {
            Some(raw) => raw
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            None => proto.float_data.clone(),
        };
        ensure!(
            data.len() == dims.iter().product::<usize>(),
            "initialiser '{name}' has {} values for dimensions {dims:?}: the file is damaged",
            data.len()
        );
        Ok(Self { dims, data })
    }

    /// Writes the tensor as an initialiser called `name`.
    pub fn to_proto(&self, name: &str) -> TensorProto {
        let raw: Vec<u8> = self.data.iter().flat_map(|v| v.to_le_bytes()).collect();
        TensorProto {
            name: Some(name.to_owned()),
            dims: self.dims.iter().map(|&d| d as i64).collect(),
            data_type: Some(DataType::Float as i32),
            raw_data: Some(Bytes::from(raw)),
            ..Default::default()
        }
    }
}

/// Reads an int64 initialiser such as the shape operand of Reshape.
pub(super) fn int64s(proto: &TensorProto) -> Result<Vec<i64>> {
    ensure!(
        proto.data_type() == DataType::Int64 as i32,
        "initialiser '{}' has element type {}, int64 was expected",
        proto.name(),
        element_type(proto)
    );
    Ok(match &proto.raw_data {
        Some(raw) => raw
            .as_chunks::<8>()
            .0
            .iter()
            .map(|bytes| i64::from_le_bytes(*bytes))
            .collect(),
        None => proto.int64_data.clone(),
    })
}

/// Reads an initialiser of whole numbers of 8, 16 or 32 bits; `None` of any other, and of one that is not as long as its dimensions say.
pub(super) fn small_integers(proto: &TensorProto) -> Option<Vec<i32>> {
    let kind = DataType::try_from(proto.data_type()).ok()?;
    let raw = proto.raw_data.as_ref();
    let numbers: Vec<i32> = match (kind, raw) {
        (DataType::Int8, Some(raw)) => raw.iter().map(|&byte| i32::from(byte as i8)).collect(),
        (DataType::Uint8, Some(raw)) => raw.iter().map(|&byte| i32::from(byte)).collect(),
        (DataType::Int16, Some(raw)) => {
            let pairs = raw.as_chunks::<2>().0.iter();
            pairs
                .map(|&bytes| i16::from_le_bytes(bytes).into())
                .collect()
        }
        (DataType::Uint16, Some(raw)) => {
            let pairs = raw.as_chunks::<2>().0.iter();
            pairs
                .map(|&bytes| u16::from_le_bytes(bytes).into())
                .collect()
        }
        (DataType::Int32, Some(raw)) => {
            let words = raw.as_chunks::<4>().0.iter();
            words.map(|&bytes| i32::from_le_bytes(bytes)).collect()
        }
        (
            DataType::Int8 | DataType::Uint8 | DataType::Int16 | DataType::Uint16 | DataType::Int32,
            None,
        ) => proto.int32_data.clone(),
        _ => return None,
    };
    let count: usize = dimensions(proto).ok()?.iter().product();
    (numbers.len() == count).then_some(numbers)
}

/// Writes a list of int64 as an initialiser called `name`.
pub(super) fn int64s_to_proto(values: &[i64], name: &str) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

/// Checks that an initialiser's data lies in the file and has the length that its dimensions ask for.
pub(super) fn check(proto: &TensorProto) -> Result<()> {
    let name = proto.name();
    if !proto.external_data.is_empty() || proto.data_location() as i32 == 1 {
        bail!(
            "initialiser '{name}' keeps its data in another file: save the model as one file \
             (onnx.save_model(..., save_as_external_data=False))"
        );
    }
    let size = byte_length(proto)?;
    if let (Some(raw), Some(size)) = (&proto.raw_data, size) {
        ensure!(
            raw.len() as u64 == size,
            "initialiser '{name}' has {} bytes for dimensions {:?}: the file is damaged",
            raw.len(),
            proto.dims
        );
    }
    Ok(())
}

/// How many bytes the numbers of an initialiser take as raw data; `None` of types whose size is not known here.
///
/// # Errors
/// Dimensions below 0, or more numbers than there can be.
pub(super) fn byte_length(proto: &TensorProto) -> Result<Option<u64>> {
    let name = proto.name();
    let size = match DataType::try_from(proto.data_type()) {
        Ok(DataType::Float | DataType::Int32 | DataType::Uint32) => 4,
        Ok(DataType::Int64 | DataType::Double | DataType::Uint64) => 8,
        Ok(DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16) => 2,
        Ok(DataType::Int8 | DataType::Uint8 | DataType::Bool) => 1,
        _ => 0,
    };
    let length = dimensions(proto)?
        .iter()
        .try_fold(size.max(1), |product: u64, &d| {
            product.checked_mul(d as u64)
        })
        .with_context(|| {
            format!(
                "initialiser '{name}' has an impossible size {:?}",
                proto.dims
            )
        })?;
    Ok((size > 0).then_some(length))
}

fn dimensions(proto: &TensorProto) -> Result<Vec<usize>> {
    proto
        .dims
        .iter()
        .map(|&d| {
            usize::try_from(d)
                .with_context(|| format!("initialiser '{}' has the dimension {d}", proto.name()))
        })
        .collect()
}

fn element_type(proto: &TensorProto) -> &'static str {
    DataType::try_from(proto.data_type()).map_or("unknown", |t| t.as_str_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_through_the_file_format() {
        let tensor = Tensor {
            dims: vec![2, 3],
            data: vec![0.0, -1.5, 3.25, f32::MIN, f32::MAX, 1e-9],
        };
        assert_eq!(Tensor::from_proto(&tensor.to_proto("t")).unwrap(), tensor);
    }

    #[test]
    fn refuses_a_length_that_does_not_fit() {
        let mut proto = Tensor {
            dims: vec![2],
            data: vec![1.0, 2.0],
        }
        .to_proto("weights");
        proto.dims = vec![3];
        let error = check(&proto).unwrap_err().to_string();
        assert!(
            error.contains("'weights'") && error.contains("damaged"),
            "{error}"
        );
        assert!(Tensor::from_proto(&proto).is_err());
        proto.dims = vec![i64::MAX, i64::MAX];
        assert!(check(&proto).is_err());
        proto.dims = vec![-1];
        assert!(check(&proto).is_err());
    }
}
