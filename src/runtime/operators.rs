//! The program's own operators as ONNX Runtime calls them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput,
    OperatorOutput,
};
use ort::value::TensorElementType;

use crate::lock::lock;
use crate::own_operators::{
    BroadcastShape, Depthwise, DepthwiseInput, ELEMENTWISE, MOMENTS, MapWindow, OWN_DOMAIN, PLACE,
    PROGRAM, Program, THROUGH, WINDOW, WINDOW_OF, moments,
};

/// All of them, for one session.
pub(super) fn operators() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(OWN_DOMAIN)?
        .add(Elementwise)?
        .add(Moments)?
        .add(WindowOperator)?
        .add(PlaceOperator)
}

/// Whether a session has made the operators known to ONNX Runtime.
static ARE_KNOWN: AtomicBool = AtomicBool::new(false);

/// Lets no other session be made until one has made the operators known: ONNX Runtime 1.32 refuses one of two that do so at the same time.
pub(super) fn first_load() -> Option<MutexGuard<'static, ()>> {
    static LOADING: Mutex<()> = Mutex::new(());
    let is_first = !ARE_KNOWN.load(Ordering::Acquire);
    is_first.then(|| lock(&LOADING))
}

/// Says that a session was made with them.
pub(super) fn are_known() {
    ARE_KNOWN.store(true, Ordering::Release);
}

/// What an operator does, as ONNX Runtime calls it. A panic, which would be a fault of this program, ends as an error there: it must not unwind through foreign code.
fn kernel<'attr>(
    compute: impl Fn(&ComputeContext) -> ort::Result<()> + Send + 'attr,
) -> BoxedKernel<'attr> {
    Box::new(move |context: &ComputeContext| {
        catch_unwind(AssertUnwindSafe(|| compute(context)))
            .unwrap_or_else(|_| Err(ort::Error::new("an operator of ssdcrp's own has panicked")))
    })
}

/// See [`ELEMENTWISE`].
struct Elementwise;

impl Operator for Elementwise {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        ELEMENTWISE
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::variadic(1).homogenous(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::variadic(1).homogenous(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(
        &self,
        context: &KernelContext<'attr>,
    ) -> ort::Result<Self::Kernel<'attr>> {
        let program: String =
            (context.get(PROGRAM)).ok_or_else(|| ort::Error::new("it has no program"))?;
        let program: Program = program.parse().map_err(ort::Error::wrap)?;
        let through: Option<Vec<i64>> = context.get(THROUGH);
        let through = through.as_deref().map(Through::from_ints);
        let through = through.transpose().map_err(ort::Error::wrap)?;
        Ok(kernel(move |context| {
            elementwise(&program, through.as_ref(), context)
        }))
    }
}

/// The layer that an input goes through first, and its place: see [`THROUGH`].
struct Through {
    place: usize,
    layer: Depthwise,
}

impl Through {
    fn from_ints(ints: &[i64]) -> crate::Result<Self> {
        let missing = || crate::error::runtime::error!("a layer has no input");
        let (&place, layer) = ints.split_first().ok_or_else(missing)?;
        Ok(Self {
            place: usize::try_from(place).map_err(|_| missing())?,
            layer: Depthwise::from_ints(layer)?,
        })
    }
}

fn elementwise(
    program: &Program,
    through: Option<&Through>,
    context: &ComputeContext,
) -> ort::Result<()> {
    let missing = || ort::Error::new("an input or output is missing");
    let count = program.inputs + usize::from(through.is_some());
    let values = (0..count).map(|place| context.input(place)?.ok_or_else(missing));
    let values = values.collect::<ort::Result<Vec<_>>>()?;
    let mut inputs = Vec::with_capacity(values.len());
    let mut sizes = Vec::with_capacity(values.len());
    let mut before = None;
    for (place, value) in values[..program.inputs].iter().enumerate() {
        let (dims, mut data) = value.try_extract_tensor::<f32>()?;
        let mut dims: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
        if let Some(through) = through.filter(|through| through.place == place)
            && let [.., height, width] = &mut dims[..]
        {
            [*height, *width] = through.layer.to;
            before = Some(std::mem::take(&mut data));
        }
        inputs.push((BroadcastShape::of(&dims).map_err(ort::Error::wrap)?, data));
        sizes.push(dims);
    }
    let shapes: Vec<BroadcastShape> = inputs.iter().map(|(shape, _)| *shape).collect();
    let targets = program.output_targets(&shapes).map_err(ort::Error::wrap)?;
    // The whole has the most of each axis.
    let whole = |axis: usize| {
        let sizes = sizes
            .iter()
            .filter_map(|dims| dims.len().checked_sub(4 - axis).map(|at| dims[at]));
        sizes.max().unwrap_or(1)
    };
    let rest = [whole(1), whole(2), whole(3)];
    let made = targets.iter().enumerate().map(|(place, &targets)| {
        let dims = [targets, rest[0], rest[1], rest[2]].map(|size| size as i64);
        context.output(place, dims)?.ok_or_else(missing)
    });
    let mut made = made.collect::<ort::Result<Vec<_>>>()?;
    let kernels = match through.and(values.last()) {
        Some(kernels) => kernels.try_extract_tensor::<f32>()?.1,
        None => &[],
    };
    let through = (through.zip(before)).map(|(through, small)| DepthwiseInput {
        place: through.place,
        layer: &through.layer,
        small,
        kernels,
    });
    let mut outputs = Vec::with_capacity(made.len());
    for value in &mut made {
        outputs.push(value.try_extract_tensor_mut::<f32>()?.1);
    }
    program
        .run(&inputs, through, &mut outputs, &|count, task| {
            let done = context.par_for(count, 0, task);
            done.map_err(|error| crate::error::runtime::error!("ONNX Runtime's threads: {error}"))
        })
        .map_err(ort::Error::wrap)
}

/// See [`MOMENTS`].
struct Moments;

impl Operator for Moments {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        MOMENTS
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [TensorElementType::Float32; 2].map(OperatorOutput::required)
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        Ok(kernel(|context| {
            let missing = || ort::Error::new("an input or output is missing");
            let input = context.input(0)?.ok_or_else(missing)?;
            let (dims, numbers) = input.try_extract_tensor::<f32>()?;
            let channels = *dims.get(1).ok_or_else(missing)?;
            let mut means = context
                .output(0, [1, channels, 1, 1])?
                .ok_or_else(missing)?;
            let found = moments(numbers, means.try_extract_tensor_mut::<f32>()?.1);
            let mut deviation = context.output(1, [0i64; 0])?.ok_or_else(missing)?;
            deviation.try_extract_tensor_mut::<f32>()?.1[0] = found;
            Ok(())
        }))
    }
}

/// See [`WINDOW`].
struct WindowOperator;

/// See [`PLACE`].
struct PlaceOperator;

/// The two are alike but for what they make of what.
macro_rules! windows {
    ($operator:ident, $name:ident, $size:expr, $carry_out:ident) => {
        impl Operator for $operator {
            type Kernel<'attr> = BoxedKernel<'attr>;

            fn name(&self) -> &str {
                $name
            }

            fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
                [TensorElementType::Float32; 2].map(OperatorInput::required)
            }

            fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
                [OperatorOutput::required(TensorElementType::Float32)]
            }

            fn create_kernel<'attr>(
                &self,
                context: &KernelContext<'attr>,
            ) -> ort::Result<Self::Kernel<'attr>> {
                let window: Option<Vec<i64>> = context.get(WINDOW_OF);
                let window = window.ok_or_else(|| ort::Error::new("it has no window"))?;
                let window = MapWindow::from_ints(&window).map_err(ort::Error::wrap)?;
                let size: fn(&MapWindow) -> [i64; 2] = $size;
                Ok(kernel(move |context| {
                    let missing = || ort::Error::new("an input or output is missing");
                    let (input, cells) = (context.input(0)?, context.input(1)?);
                    let (input, cells) = input.zip(cells).ok_or_else(missing)?;
                    let (dims, numbers) = input.try_extract_tensor::<f32>()?;
                    let cells = cells.try_extract_tensor::<f32>()?.1;
                    let channels = *dims.get(1).ok_or_else(missing)?;
                    let [rows, columns] = size(&window);
                    let targets = cells.len() as i64 / 2;
                    let output = context.output(0, [targets, channels, rows, columns])?;
                    let mut output = output.ok_or_else(missing)?;
                    let output = output.try_extract_tensor_mut::<f32>()?.1;
                    window
                        .$carry_out(numbers, channels as usize, cells, output)
                        .map_err(ort::Error::wrap)
                }))
            }
        }
    };
}

windows!(
    WindowOperator,
    WINDOW,
    |window| [window.rows.size, window.columns.size],
    take
);
windows!(PlaceOperator, PLACE, |window| window.map, put);
