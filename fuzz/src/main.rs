//! `cargo run --release -p thingfleet-fuzz --bin search -- SECONDS [TARGET]...`: looks for inputs that break something, for so long each.
//! One that does is left in `fuzz/corpus` and from then on part of every test run.

use std::{
    env, fs, panic,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use thingfleet_fuzz::search::{Dice, TARGETS, Target, corpus, mutate};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(seconds) = arguments.next().and_then(|seconds| seconds.parse().ok()) else {
        eprintln!("how many seconds, and which of {:?}?", TARGETS.map(|(name, _)| name));
        return ExitCode::from(2);
    };
    let wanted: Vec<String> = arguments.collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let found = TARGETS
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .filter(|(name, target)| search(name, *target, seconds));
    ExitCode::from(u8::from(found.count() > 0))
}

/// Tells whether something was found.
fn search(name: &str, target: Target, seconds: u64) -> bool {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seeds, mut dice) = (corpus(name), Dice(u64::from(since.subsec_nanos()) ^ since.as_secs()));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut tried = 0u64;
    while Instant::now() < end {
        let data = mutate(&seeds, &mut dice);
        if panic::catch_unwind(|| target(&data)).is_err() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(name)
                .join(format!("found-{tried}"));
            match fs::write(&file, &data) {
                Ok(()) => println!("{name}: broken, see {}", file.display()),
                Err(error) => println!("{name}: broken by {data:?}, which cannot be kept: {error}"),
            }
            return true;
        }
        tried += 1;
    }
    println!("{name}: {tried} inputs, nothing broken");
    false
}
