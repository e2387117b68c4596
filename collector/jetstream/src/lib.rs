//! NATS JetStream as the store of many collectors: they publish findings into one stream and keep nothing themselves; whoever
//! wants them consumes the stream, `collector index` among others.

mod address;
mod connection;
mod index;
mod message;
mod publish;
mod sensors;

pub use address::Address;
pub use connection::JetStreamError;
pub use index::{Index, index};
pub use publish::start;
