//! What a program takes of the chip's memory before it runs.

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};
use std::fmt;

/// Where Espressif's chips see their flash; everything else of a program lies in memory.
const FLASH: [std::ops::Range<u64>; 4] = [
    0x3C00_0000..0x3D00_0000, // ESP32-C3: data
    0x4200_0000..0x4400_0000, // ESP32-C3, ESP32-C6: code, on the latter data too
    0x3F40_0000..0x3FC0_0000, // ESP32: data
    0x400D_0000..0x4040_0000, // ESP32: code
];
/// The memory that outlives a reset, of which a few bytes are used.
const KEPT: std::ops::Range<u64> = 0x5000_0000..0x5001_0000;

/// Bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Code that has to be fast or runs while the flash is written, and variables.
    pub(crate) fixed: u64,
    /// What is set apart for the heap.
    pub(crate) heap: u64,
    /// What is left for the stack of the first thread.
    pub(crate) stack: u64,
}

/// Why that is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    #[error("the program is no ELF file")]
    Format(#[from] object::Error),
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  memory      {:>9} bytes, heap {}, first stack {}", self.fixed, self.heap, self.stack)
    }
}

/// Looks at an ELF file.
pub(crate) fn look(elf: &[u8]) -> Result<Memory, MemoryError> {
    let file = object::File::parse(elf)?;
    let mut memory = Memory { fixed: 0, heap: 0, stack: 0 };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        let is_loaded = sh_flags.contains(object::elf::SHF_ALLOC);
        let address = section.address();
        let elsewhere = FLASH.iter().any(|range| range.contains(&address)) || KEPT.contains(&address);
        let name = section.name()?;
        // Placeholders stand for what another section already is.
        if !is_loaded || elsewhere || name.contains("dummy") || section.kind() == SectionKind::Metadata {
            continue;
        }
        if name == ".stack" {
            memory.stack += section.size();
        } else {
            memory.fixed += section.size();
        }
    }
    let heaps = file.symbols().filter(|symbol| symbol.name().is_ok_and(|name| name.contains("4HEAP")));
    memory.heap = heaps.map(|symbol| symbol.size()).filter(|size| *size >= 16 * 1024).sum();
    memory.fixed = memory.fixed.saturating_sub(memory.heap);
    Ok(memory)
}
