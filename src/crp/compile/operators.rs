//! Which operators relevance passes, and what of each.

use crate::onnx::ops::{
    Arithmetic, Matrix, Moving, Normalisation, Op, Passing, Pooling, Reduction, Reshaping, Resizing,
};

/// What relevance passes of an operator, empty where that is all of it; `None` where it passes nothing. Operators that canonicalising replaces count as what they become.
fn passes(operator: Op) -> Option<&'static str> {
    let what = match operator {
        Op::Convolution(_) | Op::Activation(_) => "",
        Op::Matrix(Matrix::Gemm) => "with constants",
        Op::Matrix(Matrix::MatMul) => "with a constant or a softmax",
        Op::Normalisation(
            Normalisation::BatchNormalization | Normalisation::LpNormalization | Normalisation::LRN,
        ) => "",
        Op::Pooling(Pooling::MaxPool | Pooling::AveragePool | Pooling::GlobalAveragePool) => "",
        Op::Reduction(Reduction::ReduceMean) => "over rows and columns",
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum) => "",
        Op::Arithmetic(Arithmetic::Sub) => "of a constant",
        Op::Arithmetic(Arithmetic::Mul) => "by a constant or gate",
        Op::Arithmetic(Arithmetic::Div) => "by a constant or norm",
        Op::Moving(Moving::Concat | Moving::Split | Moving::Slice | Moving::Transpose) => "",
        Op::Moving(Moving::Pad) => "with a constant",
        Op::Moving(Moving::Gather) => "with constant places",
        Op::Resizing(Resizing::Resize) => "nearest or linear",
        Op::Reshaping(
            Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
        ) => "",
        Op::Passing(Passing::Identity | Passing::Dropout) => "",
        Op::Passing(Passing::Cast) => "to float32",
        _ => return None,
    };
    Some(what)
}

/// All operators that relevance passes, each with what of it.
pub fn operators() -> impl Iterator<Item = (&'static str, &'static str)> {
    Op::all().filter_map(|operator| Some((operator.name(), passes(operator)?)))
}

/// The same in a sentence.
pub(super) fn supported() -> String {
    let operators = operators().map(|(operator, what)| format!("{operator} {what}"));
    let operators: Vec<String> = operators.map(|text| text.trim_end().to_owned()).collect();
    operators.join(", ")
}
