//! The flash, and where the partition table says the device and what it keeps lie (`partitions.csv`).

use alloc::{boxed::Box, format, string::String, vec};
use core::ops::Range;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, PartitionTable, read_partition_table};
use esp_hal::peripherals::FLASH;
use esp_storage::{FlashStorage, FlashStorageError};

/// All of the flash. It is read and written by the processor, so nothing else happens meanwhile: a page takes some
/// 30 ms to erase, and that is seldom.
pub(crate) struct Flash(FlashStorage<'static>);

/// Where things lie in it, in bytes.
pub(crate) struct Parts {
    /// Which device this is.
    pub(crate) device: Range<u32>,
    /// What it keeps.
    pub(crate) store: Range<u32>,
}

impl Flash {
    pub(crate) fn new(peripheral: FLASH<'static>) -> Self {
        let flash = FlashStorage::new(peripheral);
        // The store is the only writer, and the second core of an ESP32 does not run.
        #[cfg(feature = "esp32")]
        let flash = flash.multicore_auto_park();
        Self(flash)
    }

    /// Reads the partition table.
    pub(crate) fn parts(&mut self) -> Result<Parts, Box<str>> {
        let mut bytes = vec![0; PARTITION_TABLE_MAX_LEN];
        let table = read_partition_table(&mut self.0, &mut bytes);
        let table = table.map_err(|error| format!("the partition table cannot be read: {error:?}"))?;
        Ok(Parts { device: part(&table, "device")?, store: part(&table, "store")? })
    }
}

fn part(table: &PartitionTable<'_>, label: &str) -> Result<Range<u32>, String> {
    let found = table.iter().find(|part| part.label_as_str() == label);
    let found = found.ok_or_else(|| format!("the flash has no partition called {label}"))?;
    Ok(found.offset()..found.offset() + found.len())
}

impl ErrorType for Flash {
    type Error = FlashStorageError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = FlashStorage::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashStorageError> {
        self.0.read_nor(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = FlashStorage::WRITE_SIZE;
    const ERASE_SIZE: usize = FlashStorage::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashStorageError> {
        self.0.erase(from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashStorageError> {
        self.0.write_nor(offset, bytes)
    }
}
