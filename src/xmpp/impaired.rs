//! A byte stream that fares as badly as its device's faults say: late, narrow, or nowhere for a while.
//!
//! It lies under TLS, so that bytes are never lost for good: a network that loses packets for a while delivers them
//! in the end, or the connection breaks. Unimpaired it passes everything on and holds nothing.

use super::link::Link;
use std::{
    collections::VecDeque,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use thingfleet_device::{
    fault::{Direction, link::Impairments},
    random::Stream,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Most bytes held back in each direction; the other side then waits, as with any full buffer.
const MOST: usize = 65_536;

/// Bytes that travel together; small enough that a narrow network is smooth.
const PARCEL: usize = 512;

/// How the link of one device is, for all its streams. Whoever changes it polls the streams afterwards.
#[derive(Clone, Debug, Default)]
pub struct Shape(Arc<Mutex<Impairments>>);

impl Shape {
    /// How it is.
    pub fn get(&self) -> Impairments {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets it be like this from now on.
    pub fn set(&self, link: Impairments) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

/// A byte stream under a [`Shape`].
pub struct Impaired {
    inner: Link,
    shape: Shape,
    incoming: Road,
    outgoing: Road,
    /// Whether the other side has closed; what was on its way still arrives.
    is_at_end: bool,
}

/// Bytes on their way in one direction.
#[derive(Default)]
struct Road {
    parcels: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the last byte of what was sent so far is through.
    free_at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// How much later than others a parcel is; only on a road that is uneven.
    random: Option<Box<Stream>>,
}

impl Impaired {
    /// Lays a shape over a stream.
    pub fn new(inner: Link, shape: Shape) -> Self {
        Self { inner, shape, incoming: Road::default(), outgoing: Road::default(), is_at_end: false }
    }

    /// Passes on what has arrived on the way out; ready when nothing is left. Nothing is late any more once the link
    /// is as it should be.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = self.shape.get();
        while !self.outgoing.parcels.is_empty() {
            if hole(&link, Direction::goes_out) {
                return Poll::Pending;
            }
            if shapes_bytes(&link) {
                ready!(self.outgoing.poll_arrival(cx));
            }
            let Some((_, parcel)) = self.outgoing.parcels.front_mut() else { break };
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, parcel))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            parcel.drain(..count);
            self.outgoing.taken(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what the other side has sent onto the road.
    fn fetch(&mut self, cx: &mut Context<'_>, link: &Impairments) -> io::Result<()> {
        while self.incoming.bytes < MOST && !self.is_at_end {
            let mut chunk = [0; PARCEL];
            let mut chunk = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.inner).poll_read(cx, &mut chunk) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.is_at_end = true,
                Poll::Ready(Ok(())) => self.incoming.send(chunk.filled(), link),
            }
        }
        Ok(())
    }
}

impl Road {
    /// Sends bytes off.
    fn send(&mut self, bytes: &[u8], link: &Impairments) {
        let now = Instant::now();
        for parcel in bytes.chunks(PARCEL) {
            let free_at = self.free_at.filter(|at| *at > now).unwrap_or(now);
            let takes = link.bandwidth.map_or(Duration::ZERO, |most| {
                Duration::from_secs_f64(parcel.len() as f64 / f64::from(most.max(1)))
            });
            self.free_at = Some(free_at + takes);
            let random = self.random.get_or_insert_with(|| Box::new(Stream::new(0, "", "", "jitter")));
            let late = link.latency + link.jitter.mul_f64(random.uniform());
            // Bytes of a stream do not overtake each other.
            let last = self.parcels.back().map_or(now, |(at, _)| *at);
            self.parcels.push_back(((free_at + takes + late).max(last), parcel.to_vec()));
            self.bytes += parcel.len();
        }
    }

    /// Waits until the first parcel is there; at once if there is none.
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((at, _)) = self.parcels.front() else { return Poll::Ready(()) };
        if *at <= Instant::now() {
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(*at)));
        timer.as_mut().reset(*at);
        timer.as_mut().poll(cx)
    }

    /// Notes that bytes of the first parcel were taken.
    fn taken(&mut self, count: usize) {
        self.bytes -= count;
        if self.parcels.front().is_some_and(|(_, parcel)| parcel.is_empty()) {
            self.parcels.pop_front();
        }
    }
}

fn hole(link: &Impairments, goes: fn(Direction) -> bool) -> bool {
    link.black_hole.is_some_and(goes)
}

fn shapes_bytes(link: &Impairments) -> bool {
    !link.latency.is_zero() || !link.jitter.is_zero() || link.bandwidth.is_some() || link.black_hole.is_some()
}

impl AsyncRead for Impaired {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let link = self.shape.get();
        if !shapes_bytes(&link) && self.incoming.parcels.is_empty() && !self.is_at_end {
            return Pin::new(&mut self.inner).poll_read(cx, into);
        }
        if hole(&link, Direction::comes_in) {
            return Poll::Pending;
        }
        self.fetch(cx, &link)?;
        let incoming = &mut self.incoming;
        if shapes_bytes(&link) {
            ready!(incoming.poll_arrival(cx));
        }
        let Some((_, parcel)) = incoming.parcels.front_mut() else {
            return if self.is_at_end { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        let count = parcel.len().min(into.remaining());
        into.put_slice(&parcel[..count]);
        parcel.drain(..count);
        incoming.taken(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Impaired {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let link = self.shape.get();
        if !shapes_bytes(&link) && self.outgoing.parcels.is_empty() {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        }
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        let room = MOST.saturating_sub(self.outgoing.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        self.outgoing.send(&bytes[..room], &link);
        Poll::Ready(Ok(room))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // TLS writes a record a slice; on a good link all of them are one packet.
        if !shapes_bytes(&self.shape.get()) && self.outgoing.parcels.is_empty() {
            return Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| &**slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn impaired(link: Impairments) -> (Impaired, DuplexStream, Shape) {
        let (near, far) = duplex(1 << 20);
        let shape = Shape::default();
        shape.set(link);
        (Impaired::new(Box::new(near), shape.clone()), far, shape)
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_late_both_ways_and_stay_in_order() {
        let link = Impairments {
            latency: Duration::from_millis(500),
            jitter: Duration::from_millis(300),
            ..Impairments::default()
        };
        let (mut device, mut server, _) = impaired(link);
        let text: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let begun = Instant::now();
        device.write_all(&text).await.unwrap();
        device.flush().await.unwrap();
        let late = begun.elapsed();
        assert!((500..=800).contains(&late.as_millis()), "{late:?}");
        let mut got = vec![0; 5000];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(got, text);

        server.write_all(&text).await.unwrap();
        drop(server);
        got.clear();
        device.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, text);
        assert!(begun.elapsed() >= late + Duration::from_millis(500));
    }

    #[tokio::test]
    async fn what_is_written_in_pieces_goes_as_one_unless_it_is_held_up() {
        let pieces = [&b"finished "[..], b"", b"header"].map(IoSlice::new);
        let (mut device, mut server, shape) = impaired(Impairments::default());
        assert!(device.is_write_vectored());
        assert_eq!(device.write_vectored(&pieces).await.unwrap(), 15);
        shape.set(Impairments { latency: Duration::from_millis(1), ..Impairments::default() });
        assert_eq!(device.write_vectored(&pieces).await.unwrap(), 9);
        device.flush().await.unwrap();
        let mut got = [0; 24];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"finished headerfinished ");
    }

    #[tokio::test(start_paused = true)]
    async fn a_narrow_link_takes_its_time() {
        let (mut device, mut server, _) =
            impaired(Impairments { bandwidth: Some(1000), ..Impairments::default() });
        let begun = Instant::now();
        device.write_all(&[7; 3000]).await.unwrap();
        device.flush().await.unwrap();
        let took = begun.elapsed();
        assert!((2900..=3100).contains(&took.as_millis()), "{took:?}");
        server.read_exact(&mut [0; 3000]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_arrives_at_once_when_the_link_is_well_again() {
        let (mut device, mut server, shape) =
            impaired(Impairments { bandwidth: Some(16), ..Impairments::default() });
        device.write_all(&[7; 3000]).await.unwrap();
        shape.set(Impairments::default());
        let begun = Instant::now();
        device.flush().await.unwrap();
        server.read_exact(&mut [0; 3000]).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_black_hole_gives_back_what_it_took_when_it_closes() {
        let link = Impairments { black_hole: Some(Direction::Both), ..Impairments::default() };
        let (mut device, mut server, shape) = impaired(link);
        device.write_all(b"from the device").await.unwrap();
        server.write_all(b"from the server").await.unwrap();
        let mut got = [0; 15];
        let soon = Duration::from_secs(10);
        assert!(tokio::time::timeout(soon, device.flush()).await.is_err());
        assert!(tokio::time::timeout(soon, device.read_exact(&mut got)).await.is_err());

        shape.set(Impairments::default());
        device.flush().await.unwrap();
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"from the device");
        device.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"from the server");
    }
}
