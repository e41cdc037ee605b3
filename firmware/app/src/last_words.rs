//! Why a board began anew: words that a panic leaves in memory that a reset leaves alone, and that are told once.

use alloc::string::String;
use core::{
    fmt::{self, Write},
    panic::PanicInfo,
};

/// Bytes of words that are kept.
const ROOM: usize = 160;
/// Stands before words that are whole.
const MARK: u8 = 0xA5;

/// The mark, the length of the words, and the words. Where power was away it holds anything at all.
pub type Memory = [u8; ROOM + 2];

/// Memory without words.
pub const EMPTY: Memory = [0; ROOM + 2];

/// Keeps what a panic says, and where it was.
pub fn keep_panic(memory: &mut Memory, info: &PanicInfo<'_>) {
    match info.location() {
        Some(place) => keep(memory, format_args!("{} ({}:{})", info.message(), place.file(), place.line())),
        None => keep(memory, format_args!("{}", info.message())),
    }
}

/// Keeps words; what there is no room for is left out.
pub fn keep(memory: &mut Memory, what: fmt::Arguments<'_>) {
    let [mark, length, room @ ..] = memory;
    let mut words = Words { room, length: 0 };
    _ = words.write_fmt(what);
    (*mark, *length) = (MARK, words.length);
}

/// Takes the words, if there are any.
pub fn take(memory: &mut Memory) -> Option<String> {
    let [mark, length, words @ ..] = memory;
    let kept = words.get(..usize::from(*length)).and_then(|words| core::str::from_utf8(words).ok());
    let kept = kept.filter(|_| *mark == MARK).map(String::from);
    *mark = 0;
    kept
}

/// Text in a little room.
struct Words<'m> {
    room: &'m mut [u8; ROOM],
    length: u8,
}

impl Write for Words<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let start = usize::from(self.length);
            let place = self.room.get_mut(start..start + letter.len_utf8()).ok_or(fmt::Error)?;
            letter.encode_utf8(place);
            self.length += u8::try_from(letter.len_utf8()).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_once() {
        let mut memory = EMPTY;
        keep(&mut memory, format_args!("the kettle is {}", "empty"));
        assert_eq!(take(&mut memory).as_deref(), Some("the kettle is empty"));
        assert_eq!(take(&mut memory), None);
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out_between_letters() {
        let mut memory = EMPTY;
        keep(&mut memory, format_args!("a{}", "ä".repeat(ROOM)));
        let kept = take(&mut memory).unwrap();
        assert_eq!((kept.len(), kept.chars().count()), (ROOM - 1, ROOM / 2));
    }

    #[test]
    fn whatever_the_memory_holds_when_power_comes_is_survived() {
        for mark in [0, MARK, 255] {
            for length in [0, 1, 160, 161, 255] {
                for filling in [0, 0x41, 0xC3, 0xFF] {
                    let mut memory = [filling; ROOM + 2];
                    (memory[0], memory[1]) = (mark, length);
                    _ = take(&mut memory);
                    assert_eq!(take(&mut memory), None);
                }
            }
        }
    }
}
