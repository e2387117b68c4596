//! The large tensors of a model, so that several sessions have them in memory once.
//!
//! A session copies what stands in the model's file, unless it is given the same under the same name.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

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
    /// Bytes of an element; `None` for types that are not shared.
    fn element_bytes(&self) -> Option<usize> {
        match self.data_type {
            1 | 6 => Some(4),
            7 => Some(8),
            10 => Some(2),
            _ => None,
        }
    }

    /// Large enough, and what its dimensions say.
    fn is_large(&self) -> bool {
        let elements = self
            .dims
            .iter()
            .try_fold(1_usize, |product, dim| product.checked_mul(usize::try_from(*dim).ok()?));
        let bytes =
            elements.zip(self.element_bytes()).and_then(|(elements, of_one)| elements.checked_mul(of_one));
        self.raw_data.len() >= LARGE && bytes == Some(self.raw_data.len())
    }

    fn tensor(&self) -> Option<Arc<DynValue>> {
        match self.data_type {
            1 => self.of(f32::from_le_bytes),
            6 => self.of(i32::from_le_bytes),
            7 => self.of(i64::from_le_bytes),
            10 => self.of(f16::from_le_bytes),
            _ => None,
        }
    }

    fn of<T, const SIZE: usize>(&self, element: impl Fn([u8; SIZE]) -> T) -> Option<Arc<DynValue>>
    where
        T: PrimitiveTensorElementType + Debug + Clone + 'static,
    {
        let (elements, _) = self.raw_data.as_chunks::<SIZE>();
        let data: Vec<T> = elements.iter().map(|bytes| element(*bytes)).collect();
        let tensor = Tensor::from_array((self.dims.clone(), data)).ok()?;
        Some(Arc::new(tensor.into_dyn()))
    }
}

/// The tensors of a model's file that sessions may share. Of what is no model there are none: who loads it says so.
fn shared(file: &Bytes) -> Vec<TensorProto> {
    let graph = ModelProto::decode(file.clone()).ok().and_then(|model| model.graph);
    let all = graph.map(|graph| graph.initializer).unwrap_or_default();
    let mut names: HashMap<String, usize> = HashMap::new();
    for tensor in &all {
        *names.entry(tensor.name.clone()).or_default() += 1;
    }
    // A name must say which.
    let is_named = |tensor: &TensorProto| names[&tensor.name] == 1 && !tensor.name.contains('\0');
    all.into_iter().filter(|tensor| tensor.is_large() && is_named(tensor)).collect()
}

/// By their names. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Weights(Vec<(String, Arc<DynValue>)>);

impl Weights {
    /// Those of a model's file.
    pub(crate) fn of(file: &Bytes) -> Self {
        Self(shared(file).into_iter().filter_map(|it| Some((it.name.clone(), it.tensor()?))).collect())
    }

    /// Gives them to a session that is to be built.
    pub(crate) fn give(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        self.0
            .iter()
            .try_fold(builder, |builder, (name, tensor)| Ok(builder.with_initializer(name, tensor.clone())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tensors_that_are_what_they_say_are_shared() {
        let tensor = |name: &str, data_type, dims: &[i64], bytes: usize| TensorProto {
            dims: dims.to_vec(),
            data_type,
            name: name.to_owned(),
            raw_data: vec![0; bytes].into(),
        };
        let initializer = vec![
            tensor("floats", 1, &[16, 1024], LARGE),
            tensor("halves", 10, &[LARGE as i64], 2 * LARGE),
            tensor("small", 1, &[1024], 4096),
            tensor("too few", 1, &[16, 1025], LARGE),
            tensor("too many", 1, &[i64::MAX, i64::MAX], LARGE),
            tensor("negative", 1, &[-16, -1024], LARGE),
            tensor("external", 1, &[16, 1024], 0),
            tensor("doubles", 11, &[8, 1024], LARGE),
            tensor("twice", 1, &[16, 1024], LARGE),
            tensor("twice", 1, &[16, 1024], LARGE),
            tensor("n\0ul", 1, &[16, 1024], LARGE),
        ];
        let model = ModelProto { graph: Some(GraphProto { initializer }) }.encode_to_vec();
        let names = |file: Vec<u8>| -> Vec<String> {
            shared(&file.into()).into_iter().map(|tensor| tensor.name).collect()
        };
        assert_eq!(names(model), ["floats", "halves"]);
        assert!(names(b"no model".to_vec()).is_empty() && names(Vec::new()).is_empty());
        // The shipped one: what two sessions would have twice.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/script.onnx");
        let file = Bytes::from(std::fs::read(path).expect("the model"));
        let bytes: usize = shared(&file).iter().map(|tensor| tensor.raw_data.len()).sum();
        assert!(bytes * 10 > file.len() * 9, "{bytes} of {}", file.len());
    }
}
