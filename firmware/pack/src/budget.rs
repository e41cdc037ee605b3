//! What an image may take, and what it took when somebody last wrote that down (`firmware/esp/budget.txt`).

use crate::{chip::Chip, memory::Memory};
use std::fmt::Write as _;

/// How much more than the last figure an image may take without anybody writing it down, in hundredths.
const TOLERANCE: u64 = 2;

/// The file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Most bytes of a program, by chip.
    programs: Vec<(String, u64)>,
    /// Fewest bytes of heap that are free at the modelled peak.
    free_heap: u64,
    /// Bytes of heap that the application takes at its peak, measured in the emulator.
    application: u64,
    /// Bytes of heap that Espressif's radio takes at its peak.
    radio: u64,
    figures: Vec<Figure>,
}

/// What an image took.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    chip: String,
    definition: String,
    program: u64,
    memory: u64,
}

/// Why it is no budget, or not kept to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BudgetError {
    #[error("line {0} of the budget is neither a setting nor a figure")]
    Line(usize),
    #[error("{what} has {is} bytes, and {may} are allowed")]
    Over { what: &'static str, is: u64, may: u64 },
    #[error("{is} bytes of heap would be free at the peak, and {may} are to be")]
    Heap { is: u64, may: u64 },
    #[error("{what} has grown from {was} to {is} bytes; if that is wanted, write it into the budget")]
    Grown { what: &'static str, was: u64, is: u64 },
    #[error("the budget has no line for {0}")]
    Unknown(String),
}

impl Budget {
    /// Reads it: a setting or a figure a line, and `#` begins a comment.
    pub(crate) fn read(text: &str) -> Result<Self, BudgetError> {
        let mut budget = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let value = |word: &str| word.parse().map_err(|_| BudgetError::Line(number));
            match words[..] {
                [] => {}
                ["program", chip, most] => budget.programs.push((chip.to_owned(), value(most)?)),
                ["free-heap", fewest] => budget.free_heap = value(fewest)?,
                ["application", peak] => budget.application = value(peak)?,
                ["radio", peak] => budget.radio = value(peak)?,
                [chip, definition, program, memory] => budget.figures.push(Figure {
                    chip: chip.to_owned(),
                    definition: definition.to_owned(),
                    program: value(program)?,
                    memory: value(memory)?,
                }),
                _ => return Err(BudgetError::Line(number)),
            }
        }
        Ok(budget)
    }

    /// Says what an image takes and how that has changed, or why it is too much.
    pub(crate) fn hold(
        &self,
        chip: Chip,
        definition: &str,
        program: usize,
        memory: &Memory,
    ) -> Result<String, BudgetError> {
        let program = program as u64;
        let free = memory.heap.saturating_sub(self.application + self.radio);
        let chip = chip.to_string();
        let mut figures = self.figures.iter();
        let figure = figures.find(|figure| figure.chip == chip && figure.definition == definition);
        let figure = figure
            .ok_or_else(|| BudgetError::Unknown(format!("{chip} {definition} {program} {}", memory.fixed)))?;
        let may = self.programs.iter().find(|(other, _)| *other == chip).map_or(0, |(_, most)| *most);
        if program > may {
            return Err(BudgetError::Over { what: "the program", is: program, may });
        }
        if free < self.free_heap {
            return Err(BudgetError::Heap { is: free, may: self.free_heap });
        }
        let mut said = String::new();
        for (what, was, is) in
            [("the program", figure.program, program), ("the memory", figure.memory, memory.fixed)]
        {
            if is > was + was * TOLERANCE / 100 {
                return Err(BudgetError::Grown { what, was, is });
            }
            let change = i128::from(is) - i128::from(was);
            // Writing to a text cannot fail.
            _ = writeln!(said, "  {what:<12}{is:>9} bytes, {change:+} since the last figure");
        }
        _ = writeln!(
            said,
            "  free heap   {free:>9} bytes at the peak: {} less {} for the application and {} for the radio",
            memory.heap, self.application, self.radio
        );
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# bytes\nprogram esp32c3 1000\nfree-heap 10\napplication 20 # measured\nradio 30\nesp32c3 kettle 900 400\n";
    const MEMORY: Memory = Memory { fixed: 401, heap: 60, stack: 9 };

    fn hold(program: usize, memory: &Memory) -> Result<String, String> {
        let budget = Budget::read(TEXT).unwrap();
        budget.hold(Chip::Esp32c3, "kettle", program, memory).map_err(|error| error.to_string())
    }

    #[test]
    fn an_image_within_its_budget_says_how_it_has_changed() {
        let said = hold(890, &MEMORY).unwrap();
        assert!(said.contains("890 bytes, -10 since") && said.contains("401 bytes, +1 since"), "{said}");
        assert!(said.contains("10 bytes at the peak"), "{said}");
    }

    #[test]
    fn too_much_is_refused() {
        assert!(hold(1001, &MEMORY).unwrap_err().contains("1000 are allowed"));
        assert!(hold(930, &MEMORY).unwrap_err().contains("grown from 900 to 930"));
        let full = Memory { heap: 59, ..MEMORY };
        assert!(hold(890, &full).unwrap_err().contains("9 bytes of heap"));
        let fat = Memory { fixed: 500, ..MEMORY };
        assert!(hold(890, &fat).unwrap_err().contains("the memory has grown"));
    }

    #[test]
    fn an_image_without_a_figure_and_a_line_that_is_none_are_said() {
        let budget = Budget::read(TEXT).unwrap();
        let unknown = budget.hold(Chip::Esp32c6, "kettle", 1, &MEMORY).unwrap_err();
        assert!(unknown.to_string().contains("esp32c6 kettle 1 401"));
        assert!(matches!(Budget::read("program\n"), Err(BudgetError::Line(1))));
        assert!(matches!(Budget::read("\nesp32c3 kettle many 1\n"), Err(BudgetError::Line(2))));
    }
}
