//! Randomness from the machine's virtio-rng, for nonces and for TLS.

use crate::virtio::{self, Memory};
use core::{cell::RefCell, convert::Infallible};
use critical_section::Mutex;
use rand_core::{TryCryptoRng, TryRng};
use thingfleet_firmware::platform::Entropy;
use virtio_drivers::{
    device::rng::VirtIORng,
    transport::{DeviceType, mmio::MmioTransport},
};

struct Source(VirtIORng<Memory, MmioTransport<'static>>);

// SAFETY: it is only reached inside a critical section, on the only core there is.
unsafe impl Send for Source {}

static SOURCE: Mutex<RefCell<Option<Source>>> = Mutex::new(RefCell::new(None));

/// The machine's randomness; all values share it.
#[derive(Debug, Clone, Copy)]
pub struct Random(());

impl Random {
    /// The first source there is.
    pub(crate) fn find() -> Option<Self> {
        let found = virtio::find(DeviceType::EntropySource)?;
        let source = VirtIORng::new(found.transport).ok()?;
        critical_section::with(|section| SOURCE.borrow_ref_mut(section).replace(Source(source)));
        Some(Self(()))
    }
}

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        critical_section::with(|section| {
            let mut bytes = bytes;
            let mut source = SOURCE.borrow_ref_mut(section);
            let Source(source) = source.as_mut().expect("a value exists only after the source was found");
            while !bytes.is_empty() {
                let count = source.request_entropy(bytes).expect("without randomness nothing may go on");
                bytes = &mut bytes[count..];
            }
        });
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random {}
