//! The chip's random number generator.
//!
//! It is fed by the noise of the radio while that is on, Wi-Fi or Bluetooth, and everything that has to be unpredictable
//! is drawn while a stream is opened, with Wi-Fi on (ESP32-C3 Technical Reference Manual, 25.3).

use core::convert::Infallible;
use esp_hal::rng::Rng;
use rand_core::{TryCryptoRng, TryRng};
use thingfleet_firmware::platform::Entropy;

/// The generator; all values are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Random;

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        Rng::new().read(bytes);
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(Rng::new().random())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(Rng::new().random()) << 32 | u64::from(Rng::new().random()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random {}
