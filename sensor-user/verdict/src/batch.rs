//! Tensors of the model, made once: a run fills and reads them, and allocates nothing.

use ort::{
    AsPointer,
    memory::Allocator,
    session::{IoBinding, Session},
    value::Tensor,
};

use crate::signature::{ENDS, FEATURES, OUTPUTS, PROBABILITIES};

/// Features that a batch has room for. What is not used costs nearly as much as what is.
const FEATURES_MAX: [usize; 11] = [128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192];
/// For so many features there is room for a set: windows have some hundreds, passages some tens.
const FEATURES_OF_SET: [usize; 2] = [192, 32];

/// Inputs and output of one size.
pub(super) struct Batch {
    size: (usize, usize),
    features: Tensor<i64>,
    ends: Tensor<i64>,
    probabilities: Tensor<f32>,
    binding: IoBinding,
}

impl Batch {
    /// One of each size, from the smallest to the largest, for this session.
    pub(super) fn all(session: &Session) -> ort::Result<Vec<Self>> {
        let sizes =
            FEATURES_MAX.into_iter().flat_map(|n| FEATURES_OF_SET.map(|of_set| (n, n.div_ceil(of_set))));
        sizes.map(|size| Self::new(session, size)).collect()
    }

    fn new(session: &Session, size: (usize, usize)) -> ort::Result<Self> {
        let allocator = Allocator::default();
        let features = Tensor::new(&allocator, [size.0])?;
        let ends = Tensor::new(&allocator, [size.1])?;
        let mut probabilities = Tensor::new(&allocator, [size.1, OUTPUTS])?;
        let mut binding = session.create_binding()?;
        binding.bind_input(FEATURES, &features)?;
        binding.bind_input(ENDS, &ends)?;
        binding.bind_output(PROBABILITIES, &mut probabilities)?;
        Ok(Self { size, features, ends, probabilities, binding })
    }

    /// How many features and sets there is room for.
    pub(super) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Runs the session, to which this batch is bound, on some sets; both slices must fit. A row of [`OUTPUTS`] values for
    /// each set comes back.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        features: &[i64],
        ends: &[i64],
    ) -> ort::Result<impl Iterator<Item = &[f32]>> {
        let (_, slots) = self.features.extract_tensor_mut();
        slots[..features.len()].copy_from_slice(features);
        slots[features.len()..].fill(0);
        let (_, slots) = self.ends.extract_tensor_mut();
        slots[..ends.len()].copy_from_slice(ends);
        // Sets that are not there are empty.
        slots[ends.len()..].fill(ends.last().copied().unwrap_or(0));
        run_bound(session, &self.binding)?;
        let (_, values) = self.probabilities.extract_tensor();
        Ok(values.chunks_exact(OUTPUTS).take(ends.len()))
    }
}

/// `Session::run_binding` without the list of outputs that it makes anew each time: they are in the tensor that is bound.
fn run_bound(session: &mut Session, binding: &IoBinding) -> ort::Result<()> {
    // SAFETY: session and binding live, and belong together; the session is borrowed mutably, so nobody else runs it; no
    // options is a value that the call allows.
    unsafe {
        let status = (ort::api().RunWithBinding)(session.ptr().cast_mut(), std::ptr::null(), binding.ptr());
        ort::Error::result_from_status(status)
    }
}
