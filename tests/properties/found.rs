//! What random networks, and a look at what they may hold, once found wrong: as small as it can be, so that it is tried whatever is drawn.

use ssdcrp::crp::{LayerType, LayerTypes, layers};

use crate::case::{Case, difference, target};
use crate::net::{Activation, Attention, Convolution, Net, Node, Norm, Resize};
use crate::random::Random;
use crate::window::Window;

const RESCALE: &str =
    "classification=rescale:0.75,localization=rescale:0.75,high=rescale:0.75,pixels=rescale:0.75";

/// A 1x1 convolution of one channel.
fn convolution(input: usize, weight: f32) -> Node {
    Node::Conv(Convolution {
        input,
        outputs: 1,
        groups: 1,
        window: Window::square(1, 0),
        weight: vec![weight],
        bias: Some(vec![0.7]),
    })
}

/// A picture through a convolution of this weight and `nodes`, each made from the tensor before, to two heads; none of its relevance may be no number.
fn gives_numbers(weight: f32, nodes: &[fn(usize) -> Node]) {
    let mut net = Net::new([1, 3, 3], &mut Random::new(1));
    let mut x = net.push(convolution(Net::IMAGE, weight));
    for node in nodes {
        x = net.push(node(x));
    }
    net.heads = [0.5, -0.5]
        .map(|weight| net.push(convolution(x, weight)))
        .to_vec();
    let mut case = Case::of(net, RESCALE).unwrap();
    let seeds = case.draw(1, 1);
    let relevance = case.explain(&seeds).unwrap();
    assert!(relevance.iter().all(|r| r.is_finite()), "{relevance}");
}

#[test]
fn rescale_passes_a_map_that_is_the_same_everywhere() {
    gives_numbers(0.0, &[|x| Node::Activation(x, Activation::Relu)]);
}

#[test]
fn what_is_divided_by_its_norm_may_come_from_a_sigmoid() {
    gives_numbers(
        1.0,
        &[
            |x| Node::Activation(x, Activation::Sigmoid),
            |x| Node::Norm(x, Norm::Inverse(0.01)),
        ],
    );
}

#[test]
fn areas_are_read_in_whatever_way_they_are_cut_and_turned() {
    for (from_left, apart) in [(true, false), (false, true), (true, true)] {
        let mut net = Net::new([1, 2, 2], &mut Random::new(1));
        let Node::Conv(one) = convolution(Net::IMAGE, 1.0) else {
            unreachable!("a convolution is one")
        };
        let qkv = net.push(Node::Conv(Convolution {
            outputs: 3,
            weight: vec![0.9, -0.6, 1.2],
            bias: Some(vec![0.2, 0.5, 0.7]),
            ..one
        }));
        let attention = Attention {
            heads: 1,
            depth: 1,
            width: 1,
            areas: 2,
            from_left,
            apart,
        };
        let attended = net.push(Node::Attention(qkv, attention));
        net.heads = [0.5, -0.5]
            .map(|weight| net.push(convolution(attended, weight)))
            .to_vec();
        let mut case = Case::of(net, "crp").unwrap();
        let seeds = case.draw(1, 1);
        let expected = case.truth(&seeds).unwrap().remove(0);
        let found = target(&case.explain(&seeds).unwrap(), 0);
        assert!(difference(&found, &expected) < 1e-5, "{from_left} {apart}");
    }
}

#[test]
fn interpolation_is_listed_among_the_layers() {
    let mut net = Net::new([2, 2, 3], &mut Random::new(1));
    let resize = Resize {
        size: [4, 6],
        is_linear: true,
        coordinates: "half_pixel",
        rounding: "floor",
    };
    let wide = net.push(Node::Resize(Net::IMAGE, resize));
    net.heads = vec![wide];
    let (graph, name) = (net.graph().unwrap(), Net::name(wide));
    let types = LayerTypes::from([(name.clone(), LayerType::Pixels)]);
    let found = layers(&graph, &types).unwrap();
    assert_eq!(
        (found[0].tensor.as_str(), found[0].macs),
        (name.as_str(), 2 * 4 * 6 * 4)
    );
}
