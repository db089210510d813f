//! Sliding windows: where they reach. In: sizes of a map. Out: its size behind a window, and what a window's tap reads.

/// A sliding window; pairs are (vertical, horizontal), pads ONNX's top, left, bottom, right.
#[derive(Clone, Debug)]
pub struct Window {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    pub pads: [usize; 4],
}

impl Window {
    pub fn square(kernel: usize, pad: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [pad; 4],
        }
    }

    /// From the first to the last row or column that a kernel reads.
    fn extent(&self, axis: usize) -> usize {
        self.dilations[axis] * (self.kernel[axis] - 1) + 1
    }

    /// The same with a kernel of 1 along an axis that is too short for it.
    pub fn fitted(&self, [_, height, width]: [usize; 3]) -> Self {
        let mut fitted = self.clone();
        for (axis, size) in [height, width].into_iter().enumerate() {
            if self.extent(axis) > size + self.pads[axis] + self.pads[axis + 2] {
                fitted.kernel[axis] = 1;
                fitted.pads[axis] = 0;
                fitted.pads[axis + 2] = 0;
            }
        }
        fitted
    }

    /// The same for a transposed convolution, whose pads cut off: something is left of the smallest map.
    pub fn cutting(&self) -> Self {
        let mut cutting = self.clone();
        for axis in [0, 1] {
            let most = self.extent(axis) - 1;
            let begin = self.pads[axis].min(most);
            cutting.pads[axis] = begin;
            cutting.pads[axis + 2] = self.pads[axis + 2].min(most - begin);
        }
        cutting
    }

    /// The same, so that every window has an input that is no padding.
    pub fn without_gaps(&self) -> Self {
        let mut whole = self.clone();
        whole.dilations = [1, 1];
        for (side, pad) in whole.pads.iter_mut().enumerate() {
            *pad = (*pad).min(self.kernel[side % 2] - 1);
        }
        whole
    }

    /// Height and width of the output.
    pub fn output(&self, [_, height, width]: [usize; 3]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let padded = [height, width][axis] + self.pads[axis] + self.pads[axis + 2];
            (padded - self.extent(axis)) / self.strides[axis] + 1
        })
    }

    /// Height and width of a transposed convolution's output, `more` of them added at the lower and right edge.
    pub fn transposed_output(
        &self,
        [_, height, width]: [usize; 3],
        more: [usize; 2],
    ) -> [usize; 2] {
        [0, 1].map(|axis| {
            let whole = ([height, width][axis] - 1) * self.strides[axis] + self.extent(axis);
            whole + more[axis] - self.pads[axis] - self.pads[axis + 2]
        })
    }

    /// The row and column that a tap reads for an output cell; none in the padding.
    pub fn source(
        &self,
        [_, height, width]: [usize; 3],
        cell: [usize; 2],
        tap: [usize; 2],
    ) -> Option<[usize; 2]> {
        let place = |axis: usize, size: usize| {
            let at = cell[axis] * self.strides[axis] + tap[axis] * self.dilations[axis];
            at.checked_sub(self.pads[axis]).filter(|&at| at < size)
        };
        Some([place(0, height)?, place(1, width)?])
    }

    /// The same of a transposed convolution, which writes where a convolution reads: none where the stride leaves a cell out.
    pub fn transposed_source(
        &self,
        [_, height, width]: [usize; 3],
        cell: [usize; 2],
        tap: [usize; 2],
    ) -> Option<[usize; 2]> {
        let place = |axis: usize, size: usize| {
            let written = cell[axis] + self.pads[axis];
            let steps = written.checked_sub(tap[axis] * self.dilations[axis])?;
            let at = steps / self.strides[axis];
            (steps.is_multiple_of(self.strides[axis]) && at < size).then_some(at)
        };
        Some([place(0, height)?, place(1, width)?])
    }
}
