//! Memory for what a network reads and writes, used again when nobody looks at it any more.
//!
//! In: a session. Out: [`Lease`]s, each with room for the inputs and outputs of one run. Outputs that outlive their run would otherwise lie between the
//! intermediate results in ONNX Runtime's arena, which grows around them and never shrinks.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::ArrayViewD;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

use crate::lock::lock;

/// Places that are kept while nobody uses them: as many as a stream needs whose explanations keep up with it (in the making, waiting, in hand).
const KEPT: usize = 3;

/// Places for the runs of one network.
pub(super) struct OutputPool {
    free: Arc<Mutex<Vec<Place>>>,
    inputs: Vec<Fixed>,
    outputs: Vec<Fixed>,
}

/// Name and shape of a float32 tensor.
type Fixed = (String, Vec<i64>);

/// Room for the inputs and outputs of one run.
struct Place {
    inputs: Vec<(String, Tensor<f32>)>,
    binding: IoBinding,
}

/// A place while somebody uses it. It goes back to the pool when it is dropped.
pub(super) struct Lease {
    /// There until it is dropped.
    place: Mutex<Option<Place>>,
    free: Arc<Mutex<Vec<Place>>>,
}

impl OutputPool {
    /// For `session`; `None` where it reads or writes something that is not float32, or of a size that only a run can tell.
    pub fn of(session: &Session) -> Option<Self> {
        let fixed = |outlets: &[Outlet]| {
            let fixed = outlets.iter().map(of_fixed_size);
            fixed.collect::<Option<Vec<Fixed>>>()
        };
        Some(Self {
            free: Arc::default(),
            inputs: fixed(session.inputs())?,
            outputs: fixed(session.outputs())?,
        })
    }

    /// A place that nobody uses, or a new one.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn lease(&self, session: &Session) -> ort::Result<Lease> {
        let free = lock(&self.free).pop();
        let place = match free {
            Some(place) => place,
            None => self.place(session)?,
        };
        Ok(Lease {
            place: Mutex::new(Some(place)),
            free: self.free.clone(),
        })
    }

    fn place(&self, session: &Session) -> ort::Result<Place> {
        // Not the arena's: what is freed goes back to the system.
        let allocator = Allocator::default();
        let mut binding = session.create_binding()?;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (name, shape) in &self.inputs {
            let memory = Tensor::<f32>::new(&allocator, shape.clone())?;
            binding.bind_input(name.as_str(), &memory)?;
            inputs.push((name.clone(), memory));
        }
        for (name, shape) in &self.outputs {
            let memory = Tensor::<f32>::new(&allocator, shape.clone())?;
            binding.bind_output(name.as_str(), memory)?;
        }
        Ok(Place { inputs, binding })
    }
}

impl Lease {
    /// Writes an input; whether there is one of this name and shape.
    pub fn write(&mut self, name: &str, values: &ArrayViewD<f32>) -> bool {
        let inputs = self.used().map(|place| &mut place.inputs);
        let input = inputs.and_then(|inputs| inputs.iter_mut().find(|(known, _)| known == name));
        let Some((_, tensor)) = input else {
            return false;
        };
        let mut memory = tensor.extract_array_mut();
        let fits = memory.shape() == values.shape();
        if fits {
            memory.assign(values);
        }
        fits
    }

    /// What a session runs with.
    pub fn binding(&mut self) -> Option<&IoBinding> {
        Some(&self.used()?.binding)
    }

    fn used(&mut self) -> Option<&mut Place> {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        place.as_mut()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut free = lock(&self.free);
        if free.len() < KEPT {
            free.extend(place.take());
        }
    }
}

fn of_fixed_size(outlet: &Outlet) -> Option<Fixed> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. }
            if *ty == TensorElementType::Float32 && shape.iter().all(|&length| length >= 0) =>
        {
            Some((outlet.name().to_owned(), shape.to_vec()))
        }
        _ => None,
    }
}
