//! How messages of gRPC are read: as always, but a batch of more elements than a sensor sends is refused before it is decoded.

use std::{
    any::{Any, TypeId},
    marker::PhantomData,
};

use prost::{Message, bytes::Buf};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::{elements, ingest::Batch};

/// Elements of a batch: 256 envelopes with three fields each, and the sensor's name.
const BATCH_ELEMENTS: usize = 2048;

/// Bytes of a batch that are in no field known here, and more where it is long: a later sensor may send some.
const UNKNOWN_BYTES: usize = 64 * 1024;

/// Bytes of a buffer when its stream begins: a collector has thousands of streams, on which mostly nothing is sent. It grows with
/// what is.
const BUFFER_BYTES: usize = 1024;
/// Bytes that are written at once, as tonic has it.
const WRITTEN_AT_ONCE: usize = 32 * 1024;

fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, WRITTEN_AT_ONCE)
}

/// The codec of all services.
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(PhantomData)
    }
}

/// Decodes messages.
pub struct BoundedDecoder<U>(PhantomData<U>);

impl<U: Message + Default + Send + 'static> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // The buffer is one piece, and holds one message.
        if TypeId::of::<U>() == TypeId::of::<Batch>()
            && elements::of_batch(from.chunk(), BATCH_ELEMENTS).is_none()
        {
            return Err(Status::invalid_argument("the batch has more elements than a sensor sends"));
        }
        let length = from.remaining();
        let message = U::decode(from).map_err(|e| Status::internal(e.to_string()))?;
        // Its findings keep the buffer.
        if let Some(batch) = (&message as &dyn Any).downcast_ref::<Batch>()
            && length > 2 * batch.encoded_len() + UNKNOWN_BYTES
        {
            return Err(Status::invalid_argument("most of the batch is nothing that a sensor sends"));
        }
        Ok(Some(message))
    }
}
