//! What a device keeps in flash over a restart.
//!
//! A power cut at any byte of any write leaves either what was kept before or what was to be kept, never anything else;
//! sequential-storage levels the wear and checks what it reads. Belongs to [`crate::body`].

use alloc::{vec, vec::Vec};
use core::{fmt, ops::Range};
use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::{
    cache::{Cache, Uncached},
    map::{MapConfig, MapStorage},
};
use thingfleet_device::{commissioning::credentials::Stored, time::UnixMillis};

/// Key of the credentials.
const CREDENTIALS: u8 = 1;
/// Key of what is written over and over when the device forgets.
const FILLING: u8 = 2;
/// Key of the latest moment that it is known to be past.
const TIME: u8 = 3;
/// First byte of a value; another encoding gets another one.
const VERSION: u8 = 1;
/// Longest value in bytes: four texts of 512 at most, an SSID, and their lengths.
const LONGEST: usize = 2304;
/// Bytes of filling written at a time.
const PIECE: usize = 512;

/// Why the store does not do what it should.
#[derive(Debug)]
pub enum StoreError<E> {
    /// The flash, or what is in it.
    Flash(sequential_storage::Error<E>),
    /// The part of the flash that the store was given is none it can work with: it takes two pages at least.
    Range,
    /// What is kept cannot be written as bytes.
    Encoding,
}

impl<E: fmt::Debug> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Range => f.write_str("the store needs two whole pages of flash at least"),
            Self::Encoding => f.write_str("the credentials cannot be written as bytes"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StoreError<E> {}

impl<E> From<sequential_storage::Error<E>> for StoreError<E> {
    fn from(error: sequential_storage::Error<E>) -> Self {
        Self::Flash(error)
    }
}

/// A device's non-volatile memory.
pub struct Store<F: NorFlash> {
    map: MapStorage<u8, F, Cache<Uncached, Uncached, Uncached, u8>>,
    range: Range<u32>,
    buffer: Vec<u8>,
}

impl<F: NorFlash> fmt::Debug for Store<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("range", &self.range).finish_non_exhaustive()
    }
}

impl<F: NorFlash> Store<F> {
    /// Keeps everything within `range` of a flash, in whole pages.
    ///
    /// # Errors
    /// [`StoreError::Range`].
    pub fn new(flash: F, range: Range<u32>) -> Result<Self, StoreError<F::Error>> {
        let config = MapConfig::try_new(range.clone()).map_err(|_| StoreError::Range)?;
        Ok(Self {
            map: MapStorage::new(flash, config, Cache::new_uncached()),
            range,
            buffer: vec![0; LONGEST],
        })
    }

    /// What is kept. What cannot be read, because the flash was never written by this program or is worn out, counts as
    /// nothing and is erased.
    ///
    /// # Errors
    /// [`StoreError::Flash`] if the flash itself fails.
    pub async fn load(&mut self) -> Result<Option<Stored>, StoreError<F::Error>> {
        match self.map.fetch_item::<&[u8]>(&mut self.buffer, &CREDENTIALS).await {
            Ok(Some([VERSION, bytes @ ..])) => Ok(postcard::from_bytes(bytes).ok()),
            Ok(Some(_) | None) => Ok(None),
            Err(error @ sequential_storage::Error::Storage { .. }) => Err(error.into()),
            Err(_) => {
                self.map.erase_all().await?;
                Ok(None)
            }
        }
    }

    /// Keeps this, instead of what was kept.
    ///
    /// # Errors
    /// [`StoreError`]; what was kept is then kept still.
    pub async fn store(&mut self, stored: &Stored) -> Result<(), StoreError<F::Error>> {
        let bytes = postcard::to_extend(stored, vec![VERSION]).map_err(|_| StoreError::Encoding)?;
        Ok(self.map.store_item(&mut self.buffer, &CREDENTIALS, &bytes.as_slice()).await?)
    }

    /// The latest moment that is kept, as it may have been before the power went.
    ///
    /// # Errors
    /// [`StoreError::Flash`] if the flash itself fails.
    pub async fn load_time(&mut self) -> Result<Option<UnixMillis>, StoreError<F::Error>> {
        match self.map.fetch_item::<&[u8]>(&mut self.buffer, &TIME).await {
            Ok(Some([VERSION, bytes @ ..])) => {
                Ok(bytes.try_into().ok().map(u64::from_le_bytes).map(UnixMillis))
            }
            Err(error @ sequential_storage::Error::Storage { .. }) => Err(error.into()),
            Ok(Some(_) | None) | Err(_) => Ok(None),
        }
    }

    /// Keeps this moment, instead of the one that was kept.
    ///
    /// # Errors
    /// [`StoreError`]; what was kept is then kept still.
    pub async fn store_time(&mut self, UnixMillis(moment): UnixMillis) -> Result<(), StoreError<F::Error>> {
        let mut bytes = [VERSION; 9];
        bytes[1..].copy_from_slice(&moment.to_le_bytes());
        Ok(self.map.store_item(&mut self.buffer, &TIME, &bytes.as_slice()).await?)
    }

    /// Forgets what was kept: first in one write, then by writing until every page was erased once, so that no password
    /// stays readable in the flash.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    pub async fn erase(&mut self) -> Result<(), StoreError<F::Error>> {
        let nothing: &[u8] = &[];
        self.map.store_item(&mut self.buffer, &CREDENTIALS, &nothing).await?;
        self.map.store_item(&mut self.buffer, &TIME, &nothing).await?;
        let filling = vec![0; PIECE];
        let pieces = self.range.len().div_ceil(PIECE);
        for _ in 0..pieces {
            self.map.store_item(&mut self.buffer, &FILLING, &filling.as_slice()).await?;
        }
        Ok(self.map.store_item(&mut self.buffer, &FILLING, &nothing).await?)
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.map.destroy().0
    }
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
