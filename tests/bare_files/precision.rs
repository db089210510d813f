//! Networks of float16 numbers and of weights of eight bits, which are computed in float32.

use anyhow::{Context, Result};
use ssdcrp::onnx::Tensor;
use ssdcrp::onnx::proto::type_proto::Value as TypeValue;
use ssdcrp::onnx::proto::{ModelProto, NodeProto, TensorProto};

use super::nets::{integer, map_of, node, proto};

/// A float32 in sixteen bits, its fraction cut off; what is too small becomes 0.
fn cut_to_half(number: f32) -> (u16, f32) {
    let cut = f32::from_bits(number.to_bits() & !0x1fff);
    if cut.abs() < 2f32.powi(-14) {
        return (0, 0.0);
    }
    let bits = cut.to_bits();
    let exponent = (bits >> 23 & 0xff) - 112;
    let half = bits >> 16 & 0x8000 | exponent << 10 | bits >> 13 & 0x3ff;
    (half as u16, cut)
}

/// Says of all inputs and outputs that they are float16.
fn declare_halves(model: &mut ModelProto) -> Result<()> {
    let graph = model.graph.as_mut().context("no graph")?;
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let kind = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let Some(TypeValue::TensorType(tensor)) = kind {
            tensor.elem_type = Some(10);
        }
    }
    Ok(())
}

#[test]
fn a_network_in_half_precision_is_that_of_its_numbers_in_float32() -> Result<()> {
    let (mut plain, mut half) = (proto("lite_heads")?, proto("lite_heads")?);
    let constants = |model: &mut ModelProto| -> Result<Vec<TensorProto>> {
        let graph = model.graph.as_mut().context("no graph")?;
        Ok(std::mem::take(&mut graph.initializer))
    };
    let _ = constants(&mut half)?;
    for constant in constants(&mut plain)? {
        let (mut wide, mut short) = (constant.clone(), constant.clone());
        if constant.data_type() == 1 {
            let numbers = Tensor::from_proto(&constant)?.data;
            let cut = numbers.iter().map(|&number| cut_to_half(number));
            let (bits, numbers): (Vec<u16>, Vec<f32>) = cut.unzip();
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            (wide.raw_data, wide.float_data) = (Some(bytes.into()), vec![]);
            let bytes: Vec<u8> = bits.iter().flat_map(|n| n.to_le_bytes()).collect();
            (short.raw_data, short.float_data) = (Some(bytes.into()), vec![]);
            short.data_type = Some(10);
        }
        plain
            .graph
            .as_mut()
            .context("no graph")?
            .initializer
            .push(wide);
        half.graph
            .as_mut()
            .context("no graph")?
            .initializer
            .push(short);
    }
    declare_halves(&mut half)?;
    let graph = half.graph.as_mut().context("no graph")?;
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if input == "image" {
            "image16".clone_into(input);
        }
    }
    let mut cast = node("Cast", &["image"], "image16");
    cast.attribute.push(integer("to", 10));
    graph.node.insert(0, cast);
    assert_eq!(map_of(&half)?, map_of(&plain)?);
    Ok(())
}

/// A net, and the same with weights of eight bits, each channel's times a scale.
fn weights_of_eight_bits() -> Result<(ModelProto, ModelProto)> {
    let (mut plain, mut small) = (proto("lite_heads")?, proto("lite_heads")?);
    let graph = plain.graph.as_mut().context("no graph")?;
    let quantised = small.graph.as_mut().context("no graph")?;
    let convolutions: Vec<NodeProto> = (graph.node.iter())
        .filter(|node| node.op_type() == "Conv")
        .cloned()
        .collect();
    for (index, convolution) in convolutions.iter().enumerate() {
        let name = &convolution.input[1];
        let stored = |constant: &&mut TensorProto| constant.name() == name;
        let wide = graph
            .initializer
            .iter_mut()
            .find(stored)
            .context("no weight")?;
        let weight = Tensor::from_proto(wide)?;
        let (channels, each) = (weight.dims[0], weight.data.len() / weight.dims[0]);
        let scales: Vec<f32> = (0..channels).map(|c| 0.004 + 0.001 * c as f32).collect();
        let steps = weight.data.iter().enumerate().map(|(i, w)| {
            let steps = (w / scales[i / each]).round();
            steps.clamp(-128.0, 127.0) as i8
        });
        let steps: Vec<i8> = steps.collect();
        let numbers = steps.iter().enumerate();
        let numbers = numbers.map(|(i, &step)| f32::from(step) * scales[i / each]);
        *wide = Tensor {
            dims: weight.dims.clone(),
            data: numbers.collect(),
        }
        .to_proto(name);
        let narrow = quantised
            .initializer
            .iter_mut()
            .find(stored)
            .context("no weight")?;
        *narrow = TensorProto {
            name: Some(format!("{name}.steps")),
            dims: weight.dims.iter().map(|&d| d as i64).collect(),
            data_type: Some(3),
            raw_data: Some(
                steps
                    .iter()
                    .map(|&step| step as u8)
                    .collect::<Vec<u8>>()
                    .into(),
            ),
            ..Default::default()
        };
        let scales = Tensor {
            dims: vec![channels],
            data: scales,
        };
        quantised
            .initializer
            .push(scales.to_proto(&format!("{name}.scales")));
        let inputs = [format!("{name}.steps"), format!("{name}.scales")];
        let inputs = [inputs[0].as_str(), inputs[1].as_str()];
        let mut back = node("DequantizeLinear", &inputs, name);
        back.attribute.push(integer("axis", 0));
        quantised.node.insert(index, back);
    }
    Ok((plain, small))
}

#[test]
fn weights_of_eight_bits_are_multiplied_with_their_scales() -> Result<()> {
    let (plain, small) = weights_of_eight_bits()?;
    assert_eq!(map_of(&small)?, map_of(&plain)?);
    Ok(())
}

#[test]
fn the_rounding_of_the_pictures_own_numbers_is_named() -> Result<()> {
    let (_, mut small) = weights_of_eight_bits()?;
    let quantised = small.graph.as_mut().context("no graph")?;
    let scale = Tensor {
        dims: vec![],
        data: vec![0.01],
    };
    quantised.initializer.push(scale.to_proto("scale"));
    quantised.initializer.push(TensorProto {
        name: Some("zero point".to_owned()),
        data_type: Some(3),
        raw_data: Some(vec![0].into()),
        ..Default::default()
    });
    let reader = (quantised.node.iter()).position(|node| node.input[0] == "pixels.relu6");
    let reader = reader.context("nobody reads 'pixels.relu6'")?;
    quantised.node[reader].input[0] = "rounded".to_owned();
    let rounding = [
        node(
            "QuantizeLinear",
            &["pixels.relu6", "scale", "zero point"],
            "steps",
        ),
        node(
            "DequantizeLinear",
            &["steps", "scale", "zero point"],
            "rounded",
        ),
    ];
    quantised.node.splice(reader..reader, rounding);
    let error = format!("{:#}", map_of(&small).unwrap_err());
    assert!(
        error.contains("DequantizeLinear node 'rounded'") && error.contains("passes no rounding"),
        "{error}"
    );
    Ok(())
}
