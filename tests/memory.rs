//! What a fleet keeps of the faults it has had: nothing. On the private server, with everything between a device and it.
//!
//! One test alone in its program, as it counts what the whole program has on the heap. Nobody watches the events, which
//! would be kept for whoever comes late.

use peak_alloc::PeakAlloc;
use std::{fmt::Write as _, time::Duration};
use thingfleet::fleet::Fleet;
use thingfleet_device::fault::{
    Family,
    catalogue::{CATALOGUE, Entry},
};
use thingfleet_schema::profile;
use tokio::time::{Instant, sleep_until};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const DEVICES: usize = 8;
/// How often everything goes wrong: to warm up, and twice to be compared.
const WAVES: u32 = 3;
/// From one wave to the next. In the first half of it faults begin, one kind after the other, and each lasts `LASTS`.
const WAVE: Duration = Duration::from_secs(14);
const LASTS: Duration = Duration::from_millis(300);
/// What sessions have on the heap differs by what is on its way; the least of so many looks has the least of it.
const LOOKS: usize = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
/// How much more there may be after the last wave than after the one before: two in a hundred.
const MORE: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_faults_later_a_fleet_has_as_much_on_the_heap_as_before() {
    let kinds: Vec<_> = CATALOGUE.iter().filter(|entry| entry.family != Family::Bluetooth).collect();
    let text = profile_of(&kinds);
    let profile = profile::read("memory.yaml", &text, &profile::Surroundings::default()).unwrap();
    drop(text);
    let (fleet, _) = Fleet::start(&profile, &|_| {}).await.unwrap();
    let begun = Instant::now();

    let mut after = Vec::with_capacity(WAVES as usize);
    for wave in 1..=WAVES {
        // The plan goes by the clock.
        sleep_until(begun + WAVE * wave).await;
        after.push(least(&fleet, begun + WAVE * wave + WAVE / 4).await);
    }

    let cycles = kinds.len() * DEVICES * WAVES as usize;
    assert!(cycles > 1000);
    let counts = fleet.health().snapshot().counts;
    assert!(counts.events > 2 * cycles as u64, "each fault begins and ends: {counts:?}");
    assert_eq!(counts.restarts, 0);
    let [_, before, last] = after[..] else { panic!("{after:?}") };
    assert!(last <= before + before / MORE, "{after:?} bytes after each wave");
    fleet.stop().await;
}

/// Each kind in each wave, for every device.
fn profile_of(kinds: &[&Entry]) -> String {
    let mut text = format!(
        "fleet: memory\nserver: private\ngroups:\n  - {{ definition: kettle, names: 'kettle-{{n}}', count: {DEVICES} }}\nfaults:\n"
    );
    for (number, entry) in (1_u32..).zip(kinds) {
        let first = WAVE / 2 * number / u32::try_from(kinds.len()).expect("there are not so many");
        let lasts = if entry.is_instant { String::new() } else { format!(", for: {}ms", LASTS.as_millis()) };
        let (id, every, first) = (entry.id, WAVE.as_millis(), first.as_millis());
        writeln!(text, "  - {{ fault: {id}, every: {every}ms, first: {first}ms, times: {WAVES}{lasts} }}")
            .expect("a text takes everything");
    }
    text
}

/// The least that is on the heap while all devices are online, which they have to be by the deadline.
async fn least(fleet: &Fleet, deadline: Instant) -> usize {
    let mut looks = Vec::with_capacity(LOOKS);
    while looks.len() < LOOKS {
        assert!(Instant::now() < deadline, "not all of them are back: {:?}", fleet.health().snapshot());
        if fleet.health().snapshot().online == DEVICES {
            looks.push(HEAP.current_usage());
        }
        sleep_until(Instant::now() + BETWEEN_LOOKS).await;
    }
    looks.into_iter().min().expect("there are looks")
}
