//! A virtio disk that behaves as the flash of an ESP32: bits go from 1 to 0 until a page of 4 KiB is erased.
//!
//! Its file outlives the machine, as flash outlives a restart.

use crate::virtio::{self, Memory};
use core::fmt;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use virtio_drivers::{
    device::blk::{SECTOR_SIZE, VirtIOBlk},
    transport::{DeviceType, mmio::MmioTransport},
};

/// The flash.
pub struct Flash(VirtIOBlk<Memory, MmioTransport<'static>>);

impl fmt::Debug for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flash").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// The flash failed.
#[derive(Debug)]
pub enum Failed {
    /// The disk under it.
    Disk(virtio_drivers::Error),
    /// It was asked for what it does not have.
    Asked(NorFlashErrorKind),
}

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Disk(_) => NorFlashErrorKind::Other,
            Self::Asked(kind) => *kind,
        }
    }
}

impl Flash {
    /// The first disk there is.
    pub(crate) fn find() -> Option<Self> {
        let found = virtio::find(DeviceType::Block)?;
        VirtIOBlk::new(found.transport).ok().map(Self)
    }

    /// Looks whether there are so many bytes from there on, in whole units.
    fn check(&self, offset: u32, length: usize, unit: usize) -> Result<(), Failed> {
        let offset = offset as usize;
        if !offset.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(Failed::Asked(NorFlashErrorKind::NotAligned));
        }
        match offset.checked_add(length) {
            Some(end) if end <= self.capacity() => Ok(()),
            Some(_) | None => Err(Failed::Asked(NorFlashErrorKind::OutOfBounds)),
        }
    }

    /// Changes so many bytes from there on, sector by sector.
    fn change(
        &mut self,
        offset: usize,
        length: usize,
        mut change: impl FnMut(usize, &mut u8),
    ) -> Result<(), Failed> {
        let mut sector = [0; SECTOR_SIZE];
        let (mut at, end) = (offset, offset + length);
        while at < end {
            let number = at / SECTOR_SIZE;
            self.0.read_blocks(number, &mut sector).map_err(Failed::Disk)?;
            let until = end.min((number + 1) * SECTOR_SIZE);
            for place in at..until {
                change(place - offset, &mut sector[place % SECTOR_SIZE]);
            }
            self.0.write_blocks(number, &sector).map_err(Failed::Disk)?;
            at = until;
        }
        self.0.flush().map_err(Failed::Disk)
    }
}

impl ErrorType for Flash {
    type Error = Failed;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        self.check(offset, bytes.len(), Self::READ_SIZE)?;
        let mut sector = [0; SECTOR_SIZE];
        let mut at = offset as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = at % SECTOR_SIZE;
            let count = rest.len().min(SECTOR_SIZE - start);
            self.0.read_blocks(at / SECTOR_SIZE, &mut sector).map_err(Failed::Disk)?;
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&sector[start..start + count]);
            (at, rest) = (at + count, later);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.0.capacity()).unwrap_or(usize::MAX / SECTOR_SIZE) * SECTOR_SIZE
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        let length = to.saturating_sub(from) as usize;
        self.check(from, length, Self::ERASE_SIZE)?;
        self.change(from as usize, length, |_, byte| *byte = 0xFF)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        self.check(offset, bytes.len(), Self::WRITE_SIZE)?;
        self.change(offset as usize, bytes.len(), |at, byte| *byte &= bytes[at])
    }
}
