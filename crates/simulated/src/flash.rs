//! A flash in memory that takes nothing for granted, and loses its power at any byte.

use alloc::{vec, vec::Vec};
use core::ops::Range;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// Bytes of a word, which is what is read and written.
const WORD: usize = 4;
/// Bytes of a page, which is what is erased.
const PAGE: usize = 4096;

/// Flash of the ESP32's kind: whole words, bits that go from 1 to 0 only, and from 0 to 1 a page at a time.
#[derive(Clone, Debug)]
pub struct Flash {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Bytes that are still written or erased before the power goes.
    pub power: usize,
}

/// The power is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPower;

impl Flash {
    /// So many erased pages, with power for ever.
    pub fn of_pages(pages: usize) -> Self {
        Self { bytes: vec![0xFF; pages * PAGE], power: usize::MAX }
    }

    /// All of it.
    ///
    /// # Panics
    /// If it has more than 4 GiB.
    pub fn range(&self) -> Range<u32> {
        0..u32::try_from(self.bytes.len()).expect("a flash has 32-bit addresses")
    }

    /// The same flash with power for so many bytes.
    #[must_use]
    pub fn with_power(self, power: usize) -> Self {
        Self { power, ..self }
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut u8)) -> Result<(), NoPower> {
        self.power = self.power.checked_sub(1).ok_or(NoPower)?;
        change(&mut self.bytes[at]);
        Ok(())
    }
}

impl NorFlashError for NoPower {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Flash {
    type Error = NoPower;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = WORD;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NoPower> {
        let start = offset as usize;
        assert!(start.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD), "whole words");
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NoPower> {
        let (from, to) = (from as usize, to as usize);
        assert!(from.is_multiple_of(PAGE) && to.is_multiple_of(PAGE), "whole pages");
        (from..to).try_for_each(|at| self.change(at, |byte| *byte = 0xFF))
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NoPower> {
        let start = offset as usize;
        assert!(start.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD), "whole words");
        (start..).zip(bytes).try_for_each(|(at, byte)| self.change(at, |kept| *kept &= byte))
    }
}
