//! Pictures: a file, a file's bytes or a numpy array in, an RGB picture of the engine out, and back into numpy.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use ndarray::Array3;
use numpy::{PyArray3, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use ssdcrp::limits::MOST_PIXEL_BYTES;

use super::failure::{free, of_picture};

/// An RGB picture, 8 bits a colour. It does not change, and may be used by several threads.
#[pyclass(frozen, name = "Picture", module = "ssdcrp._engine")]
pub struct PythonPicture {
    pub pixels: Arc<RgbImage>,
}

impl From<RgbImage> for PythonPicture {
    fn from(pixels: RgbImage) -> Self {
        let pixels = Arc::new(pixels);
        Self { pixels }
    }
}

#[pymethods]
impl PythonPicture {
    /// Copies an array [H, W, 3], for Python's other threads may write into it while the engine reads. An array with more pixels than the picture of a file may have is refused before that: a
    /// view of one pixel can have any shape.
    #[new]
    fn new(py: Python<'_>, array: PyReadonlyArray3<'_, u8>) -> PyResult<Self> {
        let &[height, width, channels] = array.shape() else {
            return Err(of_picture(py, "[H, W, 3] is expected"));
        };
        let refused = |words: String| Err(of_picture(py, &words));
        if channels != 3 {
            return refused(format!(
                "[H, W, 3] is expected, not [{height}, {width}, {channels}]"
            ));
        }
        if width == 0 || height == 0 {
            return refused(format!("the picture has no pixels: it is {width}x{height}"));
        }
        let bytes = (width as u64).checked_mul(height as u64);
        let bytes = bytes.and_then(|pixels| pixels.checked_mul(3));
        if bytes.is_none_or(|bytes| bytes > MOST_PIXEL_BYTES) {
            let limit = MOST_PIXEL_BYTES >> 20;
            return refused(format!(
                "its {width}x{height} pixels take more than {limit} MiB, which is the limit: scale it down"
            ));
        }
        let array = array.as_array();
        let values = match array.as_slice() {
            Some(values) => values.to_vec(),
            None => array.iter().copied().collect(),
        };
        let Some(picture) = RgbImage::from_raw(width as u32, height as u32, values) else {
            return refused(format!("{width}x{height} pixels do not fit into a picture"));
        };
        Ok(picture.into())
    }

    /// Reads a JPEG or PNG file and turns it upright.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        free(py, || Ok(ssdcrp::photo::read(path)?.into()))
    }

    /// Decodes the bytes of such a file.
    #[staticmethod]
    fn decode(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        free(py, || Ok(ssdcrp::photo::decode(bytes)?.into()))
    }

    /// Width and height.
    #[getter]
    fn size(&self) -> (u32, u32) {
        self.pixels.dimensions()
    }

    /// The pixels as a new array [H, W, 3].
    fn array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        array(py, free(py, || Ok(RgbImage::clone(&self.pixels)))?)
    }
}

/// A picture in memory, or the path of one that is read where it is needed.
#[derive(FromPyObject)]
pub enum PictureOrFile {
    Picture(Py<PythonPicture>),
    File(PathBuf),
}

/// A picture as an array [H, W, 3], without a copy.
pub fn array(py: Python<'_>, picture: RgbImage) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let (width, height) = picture.dimensions();
    let shape = (height as usize, width as usize, 3);
    let array = Array3::from_shape_vec(shape, picture.into_raw());
    let array = array.map_err(|error| of_picture(py, &error.to_string()))?;
    Ok(PyArray3::from_owned_array(py, array))
}
