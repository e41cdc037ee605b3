//! The byte stream under a session.
//!
//! Connecting, TLS and the stanza stream only know this type. Whatever is to happen to a device's bytes on their way
//! (delay, loss, a reset) can wrap a link where [`super::connect::Connector`] makes it.

use tokio::io::{AsyncRead, AsyncWrite};

/// Anything that carries bytes both ways.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Bytes for T {}

/// A byte stream to a server, with or without TLS.
pub type Link = Box<dyn Bytes>;
