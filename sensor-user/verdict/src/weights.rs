//! The large tensors of a model, so that several sessions have them in memory once.
//!
//! A session copies what stands in the model's file, unless it is given the same under the same name.

use std::{fmt::Debug, sync::Arc};

use half::f16;
use ort::{
    session::builder::SessionBuilder,
    value::{DynValue, PrimitiveTensorElementType, Tensor},
};
use prost::{Message, bytes::Bytes};

/// Smaller ones are not worth it, bytes.
const LARGE: usize = 64 * 1024;

/// Of `onnx.ModelProto` (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>) what is needed.
#[derive(Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    /// Little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
}

impl TensorProto {
    fn tensor(&self) -> Option<Arc<DynValue>> {
        if self.raw_data.len() < LARGE {
            return None;
        }
        match self.data_type {
            1 => self.of(f32::from_le_bytes),
            6 => self.of(i32::from_le_bytes),
            7 => self.of(i64::from_le_bytes),
            10 => self.of(f16::from_le_bytes),
            _ => None,
        }
    }

    /// With elements of this type; `None` where they are not as many as the dimensions say.
    fn of<T, const SIZE: usize>(&self, element: impl Fn([u8; SIZE]) -> T) -> Option<Arc<DynValue>>
    where
        T: PrimitiveTensorElementType + Debug + Clone + 'static,
    {
        let (elements, rest) = self.raw_data.as_chunks::<SIZE>();
        let data: Vec<T> = rest.is_empty().then(|| elements.iter().map(|bytes| element(*bytes)).collect())?;
        let tensor = Tensor::from_array((self.dims.clone(), data)).ok()?;
        Some(Arc::new(tensor.into_dyn()))
    }
}

/// By their names. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Weights(Vec<(String, Arc<DynValue>)>);

impl Weights {
    /// Those of a model's file. Of what is no model there are none: who loads it says so.
    pub(crate) fn of(file: &Bytes) -> Self {
        let graph = ModelProto::decode(file.clone()).ok().and_then(|model| model.graph);
        let tensors = graph.map(|graph| graph.initializer).unwrap_or_default();
        // A name must say which.
        let is_unique = |name: &str| tensors.iter().filter(|tensor| tensor.name == name).count() == 1;
        let named = tensors.iter().filter(|tensor| !tensor.name.contains('\0') && is_unique(&tensor.name));
        Self(named.filter_map(|tensor| Some((tensor.name.clone(), tensor.tensor()?))).collect())
    }

    /// Gives them to a session that is to be built.
    pub(crate) fn give(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        self.0
            .iter()
            .try_fold(builder, |builder, (name, tensor)| Ok(builder.with_initializer(name, tensor.clone())?))
    }
}
