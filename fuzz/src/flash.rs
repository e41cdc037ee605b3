//! Any order of keeping, forgetting and starting again, with the power cut anywhere, on a flash that may hold anything at
//! first.

use embassy_futures::block_on;
use thingfleet_device::{
    commissioning::credentials::{Credentials, Network, Stored},
    jid::BareJid,
    time::UnixMillis,
    value::Secret,
};
use thingfleet_firmware::store::Store;
use thingfleet_simulated::flash::Flash;

/// Operations of one run.
const MOST: usize = 48;

/// Any operations: what is kept is what was kept last, or what was to be kept when the power went, and nothing else.
pub fn flash(data: &[u8]) {
    let Some((first, operations)) = data.split_first() else { return };
    let mut flash = Flash::of_pages(2);
    if first % 4 == 1 {
        // Whatever it is, it counts as nothing once it was forgotten.
        flash.bytes.iter_mut().zip(operations.iter().cycle()).for_each(|(kept, byte)| *kept = *byte);
        let mut store = open(flash);
        _ = block_on(store.load()).expect("the flash works");
        block_on(store.erase()).expect("the flash works");
        flash = store.into_flash();
    }
    let mut kept = Kept { stored: vec![None], time: vec![None] };
    let mut power = usize::MAX;
    for operation in operations.chunks_exact(2).take(MOST) {
        let (what, how) = (operation[0], operation[1]);
        if what % 5 == 4 {
            // Up to twice as many bytes as the flash has, which forgetting changes.
            power = usize::from(how) * 67;
            continue;
        }
        flash.power = power;
        power = usize::MAX;
        let mut store = open(flash);
        match what % 5 {
            0 => {
                let new = stored(how);
                kept.stored.push(Some(new.clone()));
                if block_on(store.store(&new)).is_ok() {
                    kept.stored = vec![Some(new)];
                }
            }
            1 => {
                let moment = UnixMillis(u64::from(how) << 33);
                kept.time.push(Some(moment));
                if block_on(store.store_time(moment)).is_ok() {
                    kept.time = vec![Some(moment)];
                }
            }
            2 => {
                kept.stored.push(None);
                kept.time.push(None);
                if block_on(store.erase()).is_ok() {
                    kept = Kept { stored: vec![None], time: vec![None] };
                }
            }
            _ => {}
        }
        flash = store.into_flash();
        flash.power = usize::MAX;
        flash = kept.check(flash);
    }
}

/// What may be in the flash.
struct Kept {
    stored: Vec<Option<Stored>>,
    time: Vec<Option<UnixMillis>>,
}

impl Kept {
    fn check(&mut self, flash: Flash) -> Flash {
        let mut store = open(flash);
        let stored = block_on(store.load()).expect("the flash works");
        let time = block_on(store.load_time()).expect("the flash works");
        assert!(self.stored.contains(&stored), "{stored:?} is none of {:?}", self.stored);
        assert!(self.time.contains(&time), "{time:?} is none of {:?}", self.time);
        (self.stored, self.time) = (vec![stored], vec![time]);
        store.into_flash()
    }
}

fn open(flash: Flash) -> Store<Flash> {
    let whole = flash.range();
    Store::new(flash, whole).expect("whole pages")
}

fn stored(number: u8) -> Stored {
    let jid = |name: &str| BareJid::parse(&format!("{name}@example.org")).expect("a good address");
    Stored {
        credentials: Credentials {
            network: Network { ssid: format!("network {number}"), password: Secret::new("air") },
            jid: jid("kettle"),
            password: Secret::new("x".repeat(usize::from(number) * 2)),
            owner: jid("me"),
        },
        is_done: number.is_multiple_of(2),
    }
}
