//! On a flash that loses its power at any byte.

use super::*;
use alloc::{borrow::ToOwned, format, string::String};
use embassy_futures::block_on;
use thingfleet_device::{
    commissioning::credentials::{Credentials, Network},
    jid::BareJid,
    value::Secret,
};
use thingfleet_simulated::flash::{Flash, NoPower};

fn store(flash: Flash) -> Store<Flash> {
    let whole = flash.range();
    Store::new(flash, whole).expect("two whole pages")
}

fn stored(number: usize) -> Stored {
    let jid = |name: &str| BareJid::parse(&format!("{name}@example.org")).expect("a good address");
    Stored {
        credentials: Credentials {
            network: Network { ssid: format!("network {number}"), password: Secret::new("air") },
            jid: jid("kettle"),
            password: Secret::new(format!("secret-{number}-{}", "x".repeat(number % 300))),
            owner: jid("me"),
        },
        is_done: number.is_multiple_of(2),
    }
}

fn load(flash: &Flash) -> Option<Stored> {
    block_on(store(flash.clone().with_power(usize::MAX)).load()).expect("a flash that works")
}

#[test]
fn what_is_stored_is_there_after_a_restart() {
    let mut flash = Flash::of_pages(2);
    assert_eq!(load(&flash), None);
    for number in 0..200 {
        let mut open = store(flash);
        block_on(open.store(&stored(number))).unwrap();
        flash = open.into_flash();
        assert_eq!(load(&flash), Some(stored(number)));
    }
}

/// Does `act` on a flash that loses its power after each number of bytes, and checks what is left.
fn cut_everywhere(flash: &Flash, act: impl Fn(&mut Store<Flash>) -> bool, check: impl Fn(usize, &Flash)) {
    for power in 0.. {
        let mut open = store(flash.clone().with_power(power));
        let is_done = act(&mut open);
        let left = open.into_flash();
        check(power, &left);
        if is_done {
            return;
        }
    }
}

#[test]
fn a_power_cut_at_any_byte_leaves_the_old_or_the_new() {
    let mut flash = Flash::of_pages(2);
    // Enough to fill both pages: some of these writes erase one and carry over.
    for number in 0..12 {
        let old = load(&flash);
        let new = stored(number * 37);
        cut_everywhere(
            &flash,
            |open| block_on(open.store(&new)).is_ok(),
            |power, left| {
                let kept = load(left);
                assert!(kept == old || kept.as_ref() == Some(&new), "{number}, {power} bytes: {kept:?}");
                // And it goes on from there.
                let mut open = store(left.clone().with_power(usize::MAX));
                block_on(open.load()).unwrap();
                block_on(open.store(&new)).unwrap();
                assert_eq!(load(&open.into_flash()), Some(new.clone()), "{number}, {power} bytes");
            },
        );
        let mut open = store(flash);
        block_on(open.store(&new)).unwrap();
        flash = open.into_flash();
    }
}

#[test]
fn a_power_cut_at_any_byte_of_forgetting_leaves_all_or_nothing_and_nothing_comes_back() {
    let mut open = store(Flash::of_pages(2));
    for number in 0..3 {
        block_on(open.store(&stored(number))).unwrap();
    }
    let flash = open.into_flash();
    let forgotten = core::cell::Cell::new(false);
    cut_everywhere(
        &flash,
        |open| block_on(open.erase()).is_ok(),
        |power, left| match load(left) {
            None => forgotten.set(true),
            Some(kept) => {
                assert!(!forgotten.get(), "came back after {power} bytes");
                assert_eq!(kept, stored(2));
            }
        },
    );
    assert!(forgotten.get());
}

#[test]
fn nothing_of_what_is_forgotten_stays_readable() {
    let mut open = store(Flash::of_pages(2));
    for number in 0..30 {
        block_on(open.store(&stored(number))).unwrap();
    }
    block_on(open.erase()).unwrap();
    let flash = open.into_flash();
    let readable = String::from_utf8_lossy(&flash.bytes).into_owned();
    assert!(!readable.contains("secret-") && !readable.contains("example.org"));
    assert_eq!(load(&flash), None);
}

#[test]
fn the_longest_credentials_fit_again_and_again() {
    let long = |name: &str| BareJid::parse(&format!("{}@{}", name.repeat(255), "d".repeat(256))).unwrap();
    let longest = Stored {
        credentials: Credentials {
            network: Network { ssid: "s".repeat(32), password: Secret::new("p".repeat(64)) },
            jid: long("k"),
            password: Secret::new("w".repeat(512)),
            owner: long("o"),
        },
        is_done: true,
    };
    let mut open = store(Flash::of_pages(2));
    for _ in 0..20 {
        block_on(open.store(&longest)).unwrap();
        assert_eq!(block_on(open.load()).unwrap(), Some(longest.clone()));
        block_on(open.erase()).unwrap();
        block_on(open.store(&longest)).unwrap();
    }
}

#[test]
fn flash_that_holds_something_else_counts_as_empty() {
    for fill in [0x00, 0x55, 0xA5] {
        let mut flash = Flash::of_pages(2);
        flash.bytes.fill(fill);
        assert_eq!(load(&flash), None, "{fill:#x}");
        let mut open = store(flash);
        block_on(open.load()).unwrap();
        block_on(open.store(&stored(1))).unwrap();
        assert_eq!(load(&open.into_flash()), Some(stored(1)), "{fill:#x}");
    }
}

#[test]
fn flipped_bits_are_found() {
    let mut open = store(Flash::of_pages(2));
    block_on(open.store(&stored(1))).unwrap();
    let flash = open.into_flash();
    for at in 0..200 {
        let mut broken = flash.clone();
        broken.bytes[at] ^= 0x10;
        let kept = load(&broken);
        assert!(kept.is_none() || kept == Some(stored(1)), "byte {at}: {kept:?}");
    }
}

#[test]
fn a_range_that_is_no_two_pages_is_refused() {
    for range in [0..4096, 0..6000, 100..8292] {
        assert!(matches!(Store::new(Flash::of_pages(2), range), Err(StoreError::Range)));
    }
    let error: StoreError<NoPower> = StoreError::Range;
    assert_eq!(format!("{error}"), "the store needs two whole pages of flash at least".to_owned());
}
