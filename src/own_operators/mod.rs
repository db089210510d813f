//! Operators that this program brings along for graphs that the CPU runs: their names, and what they compute. What they stand for can be written in ONNX's own operators, and is where others run it.
//!
//! [`ELEMENTWISE`] is a chain of elementwise functions, a [`Program`]. In: tensors that broadcast to one `[N, C, H, W]`. Out: those of the steps' values that are wanted. What does not depend on N is
//! computed once for all targets; all that lies between stays in the processor's cache. [`MOMENTS`] are the means of a map's channels and its standard deviation.
//! [`WINDOW`] and [`PLACE`] keep to the parts of maps that a target can depend on.

mod broadcast;
mod depthwise;
mod functions;
mod moments;
mod run;
mod text;
mod window;

pub use broadcast::BroadcastShape;
pub use depthwise::{Depthwise, DepthwiseScratch};
pub use moments::moments;
pub use run::DepthwiseInput;
pub use window::{MapWindow, WindowAxis};

/// The domain of the operators.
pub const OWN_DOMAIN: &str = "ssdcrp";
/// The operator that carries out a [`Program`].
pub const ELEMENTWISE: &str = "Elementwise";
/// The attribute that holds it.
pub const PROGRAM: &str = "program";
/// The attribute that holds the [`Depthwise`] layer that one input of the program goes through first: its place, then the layer's numbers. Its kernels are one more input, behind the program's.
pub const THROUGH: &str = "through";
/// The operator that cuts each target's window out of a map: see [`MapWindow::take`]. Inputs: the map, the cells `[N, 2]`.
pub const WINDOW: &str = "Window";
/// The operator that puts windows back into whole maps: see [`MapWindow::put`]. Inputs: the windows, the cells `[N, 2]`.
pub const PLACE: &str = "Place";
/// The attribute that holds a [`MapWindow`] of either.
pub const WINDOW_OF: &str = "window";
/// The operator that gives the mean of each channel, `[1, C, 1, 1]`, and the standard deviation (population) of all elements, a scalar: see [`moments`].
pub const MOMENTS: &str = "Moments";

/// A function of numbers in the same place. Names and meaning are ONNX's, but for the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Abs,
    Sqrt,
    /// The third operand where the first is less than the second, else the fourth.
    IfLess,
    /// The third operand where the first two are equal, else the fourth.
    IfEqual,
}

impl Function {
    const ALL: [Self; 10] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Max,
        Self::Min,
        Self::Abs,
        Self::Sqrt,
        Self::IfLess,
        Self::IfEqual,
    ];

    /// How many numbers it takes.
    const fn arity(self) -> usize {
        match self {
            Self::Abs | Self::Sqrt => 1,
            Self::IfLess | Self::IfEqual => 4,
            _ => 2,
        }
    }
}

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepInput {
    /// An input by its place, or, counted on from the inputs, the value of an earlier step.
    Value(usize),
    /// A constant.
    Number(f32),
}

/// One function of what is there already.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramStep {
    pub function: Function,
    pub operands: Vec<StepInput>,
}

/// Steps in the order in which they are carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// How many tensors it reads.
    pub inputs: usize,
    pub steps: Vec<ProgramStep>,
    /// The steps whose values are wanted.
    pub outputs: Vec<usize>,
}
