//! What networks run on: a number of threads, and an execution provider of ONNX Runtime by the name that GStreamer's `onnxinference` uses for it.
//!
//! In: a name. Out: an [`ExecutionProvider`], and what ONNX Runtime needs to use it with the accuracy of float32, or which ones it has.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::num::NonZeroUsize;
use std::str::FromStr;

use ort::ep::{self, ExecutionProvider as _, ExecutionProviderDispatch};
use ort::session::builder::GraphOptimizationLevel;

use crate::error::argument::bail;
use crate::error::{Error, Result};
use crate::onnx::unshare_transposed_weights;

/// What a network runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads of the CPU; 0 takes as many as there are cores.
    pub threads: usize,
    /// What computes.
    pub provider: ExecutionProvider,
    /// Whether the CPU's memory between two runs goes back to the allocator, which is for networks that run now and then; else ONNX Runtime keeps it for the next run.
    pub gives_back: bool,
}

impl SessionOptions {
    /// So many threads of the CPU (0 = as many as there are cores), by ONNX Runtime's own kernels.
    pub fn on_threads(threads: usize) -> Self {
        Self {
            threads,
            ..Self::default()
        }
    }

    /// What a session asks for, best first; nothing where ONNX Runtime's own ways will do.
    pub(super) fn providers(self) -> Vec<ExecutionProviderDispatch> {
        let mut asked = self.provider.dispatch(self.threads);
        if self.gives_back {
            let cpu = ep::CPU::default().with_arena_allocator(false);
            asked.push(cpu.build());
        }
        asked
    }
}

/// What computes a network: ONNX Runtime's own kernels for the CPU, or another library or a device that it hands networks to. Which of them there are is
/// up to the library that is loaded. Each is used with the accuracy of float32 where it can be told to; what it does not take of a network, the CPU computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecutionProvider {
    /// ONNX Runtime's own kernels: always there.
    #[default]
    Cpu,
    /// NVIDIA's GPUs.
    Cuda,
    /// NVIDIA's GPUs, by TensorRT; what it does not take goes to CUDA.
    TensorRt,
    /// Intel's CPUs, GPUs and NPUs.
    OpenVino,
    /// AMD's GPUs, by MIGraphX.
    MiGraphX,
    /// AMD's GPUs; no longer part of ONNX Runtime from 1.23 on.
    Rocm,
    /// CPUs, by oneDNN.
    OneDnn,
    /// CPUs of phones and small computers.
    Xnnpack,
    /// Huawei's NPUs.
    Cann,
    /// Qualcomm's NPUs.
    Qnn,
    /// AMD's NPUs and FPGAs.
    VitisAi,
    /// VeriSilicon's NPUs.
    VsiNpu,
}

impl ExecutionProvider {
    /// Those that can be asked for.
    pub const ALL: [Self; 12] = [
        Self::Cpu,
        Self::Cuda,
        Self::TensorRt,
        Self::OpenVino,
        Self::MiGraphX,
        Self::Rocm,
        Self::OneDnn,
        Self::Xnnpack,
        Self::Cann,
        Self::Qnn,
        Self::VitisAi,
        Self::VsiNpu,
    ];

    /// Its name in a command or property.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
            Self::MiGraphX => "migraphx",
            Self::Rocm => "rocm",
            Self::OneDnn => "onednn",
            Self::Xnnpack => "xnnpack",
            Self::Cann => "cann",
            Self::Qnn => "qnn",
            Self::VitisAi => "vitisai",
            Self::VsiNpu => "vsi",
        }
    }

    /// Whether the library that is loaded was built with it; its device may still be missing. Only to be called when one is loaded.
    pub(super) fn is_built_in(self) -> ort::Result<bool> {
        match self {
            Self::Cpu => Ok(true),
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::MiGraphX => ep::MIGraphX::is_available(),
            Self::Rocm => ep::ROCm::is_available(),
            Self::OneDnn => ep::OneDNN::is_available(),
            Self::Xnnpack => ep::XNNPACK::is_available(),
            Self::Cann => ep::CANN::is_available(),
            Self::Qnn => ep::QNN::is_available(),
            Self::VitisAi => ep::Vitis::is_available(),
            Self::VsiNpu => ep::VSINPU::is_available(),
        }
    }

    /// How much ONNX Runtime rewrites a network before the provider gets it.
    pub(super) fn optimization_level(self) -> GraphOptimizationLevel {
        match self {
            // It rewrites by itself, and after ONNX Runtime has done so (1.24.1 on a CPU) some networks give something else.
            Self::OpenVino => GraphOptimizationLevel::Disable,
            _ => GraphOptimizationLevel::All,
        }
    }

    /// What a session asks for, best first. The CPU needs none.
    fn dispatch(self, threads: usize) -> Vec<ExecutionProviderDispatch> {
        // Tensor cores would round the factors of each product to ten bits.
        let cuda = || ep::CUDA::default().with_tf32(false).build();
        let asked = match self {
            Self::Cpu => vec![],
            Self::Cuda => vec![cuda()],
            Self::TensorRt => vec![ep::TensorRT::default().build(), cuda()],
            Self::OpenVino => {
                // Else it computes in bfloat16 where the CPU can.
                let openvino = ep::OpenVINO::default().with_precision("FP32");
                let openvino = match threads {
                    0 => openvino,
                    _ => openvino.with_num_threads(threads),
                };
                vec![openvino.build()]
            }
            Self::MiGraphX => vec![ep::MIGraphX::default().build()],
            Self::Rocm => vec![ep::ROCm::default().build()],
            Self::OneDnn => vec![ep::OneDNN::default().build()],
            Self::Xnnpack => {
                let xnnpack = ep::XNNPACK::default();
                let xnnpack = match NonZeroUsize::new(threads) {
                    Some(threads) => xnnpack.with_intra_op_num_threads(threads),
                    None => xnnpack,
                };
                vec![xnnpack.build()]
            }
            Self::Cann => vec![ep::CANN::default().build()],
            Self::Qnn => vec![ep::QNN::default().build()],
            Self::VitisAi => vec![ep::Vitis::default().build()],
            Self::VsiNpu => vec![ep::VSINPU.build()],
        };
        // The CPU would silently take the place of one that does not start.
        let asked = asked.into_iter();
        asked.map(|provider| provider.error_on_failure()).collect()
    }
}

/// A network as `provider` takes it.
///
/// OpenVINO 2025.4 lays the weights of a convolution out once for each constant on a CPU, and takes them for a transposed convolution with the same
/// constant too: where input and output have as many channels, it computes something else.
///
/// # Errors
/// For OpenVINO, bytes that are no network.
pub(super) fn adapted(model: &[u8], provider: ExecutionProvider) -> Result<Cow<'_, [u8]>> {
    match provider {
        ExecutionProvider::OpenVino => Ok(Cow::Owned(unshare_transposed_weights(model)?)),
        _ => Ok(Cow::Borrowed(model)),
    }
}

impl Display for ExecutionProvider {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExecutionProvider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL
            .into_iter()
            .find(|provider| provider.name() == text);
        match known {
            Some(provider) => Ok(provider),
            None => bail!(
                "there is no execution provider '{text}': {} exist",
                Self::ALL.map(Self::name).join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_mistakes_named() {
        for provider in ExecutionProvider::ALL {
            let name = provider.to_string();
            assert_eq!(name.parse::<ExecutionProvider>().unwrap(), provider);
        }
        assert_eq!(ExecutionProvider::default().name(), "cpu");
        let error = "gpu".parse::<ExecutionProvider>().unwrap_err().to_string();
        assert!(
            error.contains("'gpu'") && error.contains("cpu, cuda, tensorrt, openvino"),
            "{error}"
        );
    }
}
