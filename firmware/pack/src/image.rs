//! The image: boot loader, partition table, program and device, each at its place in the flash.

use crate::chip::Chip;
use espflash::{
    flasher::{FlashData, FlashMode, FlashSettings, FlashSize},
    image_format::idf::IdfBootloaderFormat,
    target::Chip as Target,
};
use std::path::Path;

/// Partition of the device (`partitions.csv`).
const DEVICE: &str = "device";
/// Partition of the program.
const PROGRAM: &str = "ota_0";
/// What an empty flash is full of.
const ERASED: u8 = 0xFF;

/// What a board is flashed with, from the start of its flash.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Vec<Part>,
}

/// A part of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) start: u32,
    pub(crate) size: usize,
    /// Bytes of its partition, if it is in one.
    partition: Option<u32>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("QEMU is given the program apart from the flash: leave out --program and --partitions")]
    Virt,
    #[error("the program cannot be made an image")]
    Format(#[source] espflash::Error),
    #[error("the partition table has no `{0}`")]
    Partition(&'static str),
    #[error("{name} has {size} bytes, and its partition {room}")]
    Room { name: &'static str, size: usize, room: u32 },
}

impl Part {
    /// How much room it has, in words.
    pub(crate) fn room(&self) -> String {
        self.partition.map_or_else(String::new, |room| format!(" of {room}"))
    }
}

/// Puts it together.
pub(crate) fn build(chip: Chip, elf: &[u8], partitions: &Path, device: &[u8]) -> Result<Image, ImageError> {
    let target = match chip {
        Chip::Esp32c3 => Target::Esp32c3,
        Chip::Esp32c6 => Target::Esp32c6,
        Chip::Esp32 => Target::Esp32,
        Chip::Virt => return Err(ImageError::Virt),
    };
    let settings = FlashSettings::new(Some(FlashMode::Dio), Some(FlashSize::_4Mb), None);
    let crystal = target.default_xtal_frequency();
    let data = FlashData::new(settings, 0, None, target, crystal);
    let format = IdfBootloaderFormat::new(elf, &data, Some(partitions), None, None, Some(PROGRAM))
        .map_err(ImageError::Format)?;
    let table = format.partition_table();
    let partition = |name| {
        let found = table.find(name).ok_or(ImageError::Partition(name))?;
        Ok((found.offset(), found.size()))
    };
    let (program_at, program_room) = partition(PROGRAM)?;
    let (device_at, device_room) = partition(DEVICE)?;

    let mut image = Image { bytes: Vec::new(), parts: Vec::new() };
    for segment in format.flash_segments() {
        let start = segment.addr;
        let (name, room) = match start {
            _ if start == program_at => ("program", Some(program_room)),
            _ if start < 0x8000 => ("boot loader", None),
            _ => ("partitions", None),
        };
        image.put(name, start, segment.data(), room)?;
    }
    image.put(DEVICE, device_at, device, Some(device_room))?;
    Ok(image)
}

impl Image {
    /// Bytes of the program.
    pub(crate) fn program(&self) -> usize {
        self.parts.iter().filter(|part| part.name == "program").map(|part| part.size).sum()
    }

    fn put(
        &mut self,
        name: &'static str,
        start: u32,
        data: &[u8],
        room: Option<u32>,
    ) -> Result<(), ImageError> {
        if let Some(room) = room.filter(|room| data.len() > *room as usize) {
            return Err(ImageError::Room { name, size: data.len(), room });
        }
        let begin = start as usize;
        let end = begin + data.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, ERASED);
        }
        self.bytes[begin..end].copy_from_slice(data);
        self.parts.push(Part { name, start, size: data.len(), partition: room });
        Ok(())
    }
}
