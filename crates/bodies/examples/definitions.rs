//! Writes device definitions to standard output as `firmware/virt` is given them: their length in four bytes, least
//! significant first, and a list of them as postcard. Those in the files that are named, or else the whole catalogue.

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};
use thingfleet_schema::{catalogue, definition};

fn main() -> ExitCode {
    let files: Vec<_> = env::args_os().skip(1).collect();
    let mut definitions = Vec::new();
    for file in &files {
        match definition::read_file(Path::new(file)) {
            Ok(read) => definitions.push(read),
            Err(mistakes) => {
                eprintln!("{}", mistakes.render(false, 100));
                return ExitCode::FAILURE;
            }
        }
    }
    if files.is_empty() {
        definitions.extend(catalogue::all().iter().map(catalogue::Entry::definition));
    }
    let bytes = postcard::to_allocvec(&definitions).expect("definitions can be written as bytes");
    let length = u32::try_from(bytes.len()).expect("a machine's memory is smaller");
    match io::stdout().write_all(&[&length.to_le_bytes()[..], &bytes].concat()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
