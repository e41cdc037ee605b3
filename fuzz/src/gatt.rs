//! Operations of a client on the real GATT server, through a controller in memory, beside a model of the table.

mod controller;
mod model;

use controller::{Air, Wire};
use model::{Model, rule};
use std::{
    cell::RefCell,
    future::{Future, pending},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};
use thingfleet_device::{
    commissioning::{
        gatt::{AttError, Characteristic, Peripheral, Uuid, Write},
        qr::Address,
    },
    definition::{Layout, Security},
};
use thingfleet_link::{Body, Failure, Happening, Order};

/// Operations of one run.
const MOST: usize = 64;
/// Times the stack is polled without moving anything before it counts as waiting for us.
const PATIENCE: usize = 3;

/// Any operations of a client: each is answered as the model says, and arrives at the device as the model says.
pub fn gatt(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let peripheral = peripheral(bytes.next().unwrap_or_default());
    let air = Rc::new(RefCell::new(Air::default()));
    let written = Rc::new(RefCell::new(Vec::new()));
    let mut desk = Desk { written: Rc::clone(&written) };
    let serving =
        thingfleet_link::serve(Wire(Rc::clone(&air)), &peripheral, Address([0xC0, 0, 0, 0, 0, 1]), &mut desk);
    let mut bench = Bench { air, serving: pin!(serving), model: Model::new(&peripheral), written };
    bench.connect();
    for _ in 0..MOST {
        let Some(operation) = bytes.next() else { break };
        if operation % 16 == 14 {
            return bench.rubbish(next(&mut bytes), some(&mut bytes));
        }
        bench.operate(operation, &mut bytes);
    }
}

/// The device: notes what it is given, and follows the model's rule.
struct Desk {
    written: Rc<RefCell<Vec<Given>>>,
}

impl Body for Desk {
    async fn happened(&mut self, _: Happening) {}

    async fn read(&mut self, _: Characteristic) {}

    async fn write(&mut self, write: Write) -> Option<Result<(), AttError>> {
        let answer = rule(&write.value);
        self.written.borrow_mut().push((write.characteristic, write.value));
        Some(answer)
    }

    async fn order(&mut self) -> Order {
        pending().await
    }
}

/// A value that the device was given.
type Given = (Characteristic, Vec<u8>);
type Served = Result<(), Failure<controller::Garbled>>;

struct Bench<'s, S> {
    air: Rc<RefCell<Air>>,
    serving: Pin<&'s mut S>,
    model: Model,
    written: Rc<RefCell<Vec<Given>>>,
}

impl<S: Future<Output = Served>> Bench<'_, S> {
    /// Lets the stack do all it can.
    fn settle(&mut self) {
        let ended = self.ended();
        assert!(ended.is_none(), "the server ended: {ended:?}");
    }

    /// The same; gives what the server ended with, if it did.
    fn ended(&mut self) -> Option<Served> {
        let mut idle = 0;
        while idle < PATIENCE {
            if let Poll::Ready(ended) = self.serving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(ended);
            }
            idle = if self.air.borrow().is_quiet() { idle + 1 } else { 0 };
        }
        None
    }

    /// An event that the controller makes up. There is nothing to hope for then but an end without a panic.
    fn rubbish(mut self, code: u8, mut parameters: Vec<u8>) {
        parameters.truncate(255);
        let length = u8::try_from(parameters.len()).expect("it was cut");
        self.air.borrow_mut().event(&[&[code, length], parameters.as_slice()].concat());
        for pdu in [&[0x0A, 3, 0][..], &[0x12, 20, 0, 1], &[0x18, 1]] {
            if self.ended().is_some() {
                return;
            }
            self.air.borrow_mut().pdu(pdu);
        }
        self.air.borrow_mut().disconnect();
        _ = self.ended();
    }

    /// A client, with nothing of an earlier one left.
    fn connect(&mut self) {
        self.air.borrow_mut().disconnect();
        self.settle();
        assert!(self.air.borrow().is_advertising, "it cannot be found");
        self.air.borrow_mut().connect();
        self.settle();
        self.model.reconnect();
    }

    fn operate(&mut self, operation: u8, bytes: &mut impl Iterator<Item = u8>) {
        match operation % 16 {
            13 => {
                let channel = [4, 5, 6, 0x3A, 0x40][usize::from(next(bytes) % 5)];
                let content = some(bytes);
                self.air.borrow_mut().frame(channel, &content);
                self.recover();
            }
            14 | 15 => {
                let (flags, piece) = (next(bytes), some(bytes));
                self.air.borrow_mut().acl(flags & 1 == 0, &piece);
                self.recover();
            }
            12 => {
                let other = next(bytes) % 12;
                let pdu = self.request(other, bytes);
                let length = 1 + usize::from(next(bytes)) % pdu.len();
                self.compare(&pdu[..length]);
            }
            kind => {
                let pdu = self.request(kind, bytes);
                self.compare(&pdu);
            }
        }
    }

    /// After something hostile the next client finds everything as it should be.
    fn recover(&mut self) {
        self.settle();
        self.connect();
        self.written.borrow_mut().clear();
        self.model.written.clear();
        self.compare(&[0x0A, 3, 0]);
    }

    fn compare(&mut self, pdu: &[u8]) {
        let expected = self.model.answer(pdu);
        self.air.borrow_mut().pdu(pdu);
        self.settle();
        let answer = self.air.borrow_mut().answer();
        assert_eq!(answer, expected, "answer to {pdu:02x?}");
        assert_eq!(self.air.borrow_mut().answer(), None, "a second answer to {pdu:02x?}");
        assert_eq!(*self.written.borrow(), self.model.written, "what {pdu:02x?} brought the device");
    }

    /// A request with all its fields.
    fn request(&self, kind: u8, bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
        let handle = |byte: u8| match byte {
            0xFF => [0xFF, 0xFF],
            _ => (u16::from(byte) % (self.model.len() + 2)).to_le_bytes(),
        };
        let mut pdu = Vec::new();
        match kind {
            0 => {
                pdu.push(0x0A);
                pdu.extend(handle(next(bytes)));
            }
            1 => {
                pdu.push(0x0C);
                pdu.extend(handle(next(bytes)));
                pdu.extend([next(bytes) % 32, 0]);
            }
            2 => {
                pdu.push(0x12);
                pdu.extend(handle(next(bytes)));
                pdu.extend(some(bytes));
            }
            3 => {
                pdu.push(0x16);
                pdu.extend(handle(next(bytes)));
                let offset = u16::from_le_bytes([next(bytes), next(bytes) % 3]);
                pdu.extend(offset.to_le_bytes());
                pdu.extend(some(bytes));
            }
            4 => pdu.extend([0x18, next(bytes) % 4]),
            5 | 6 => {
                pdu.push(if kind == 5 { 0x08 } else { 0x10 });
                pdu.extend(handle(next(bytes)));
                pdu.extend(handle(next(bytes)));
                pdu.extend(uuid(next(bytes)));
            }
            7 => {
                pdu.push(0x04);
                pdu.extend(handle(next(bytes)));
                pdu.extend(handle(next(bytes)));
            }
            8 => {
                pdu.push(0x06);
                pdu.extend(handle(next(bytes)));
                pdu.extend(handle(next(bytes)));
                pdu.extend([0x00, 0x28]);
                pdu.extend(uuid(next(bytes)));
            }
            9 => pdu.extend([0x02, next(bytes), next(bytes) % 4]),
            10 => {
                pdu.push(0x20);
                pdu.extend(handle(next(bytes)));
                pdu.extend(handle(next(bytes)));
            }
            _ => {
                pdu.push(0x52);
                pdu.extend(handle(next(bytes)));
                pdu.extend(some(bytes));
            }
        }
        pdu
    }
}

/// A peripheral with any of the choices that a definition has.
fn peripheral(choices: u8) -> Peripheral {
    let mut definition = thingfleet_simulated::kettle();
    let bluetooth = &mut definition.bluetooth;
    bluetooth.layout = if choices & 1 == 0 { Layout::OneService } else { Layout::TwoServices };
    bluetooth.notify = choices & 2 != 0;
    bluetooth.security = if choices & 4 == 0 { Security::Open } else { Security::Encrypted };
    Peripheral::new(&definition, &thingfleet_simulated::unboxed())
}

fn next(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    bytes.next().unwrap_or_default()
}

/// Some bytes: up to 7 as they come, or more of the same.
fn some(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    match next(bytes) {
        length @ 0..0xF0 => bytes.take(usize::from(length % 8)).collect(),
        length => vec![next(bytes); usize::from(length & 0x0F) * 37],
    }
}

/// A type that may mean something, in its short form or its long one.
fn uuid(choice: u8) -> Vec<u8> {
    let uuid = match choice & 0x0F {
        0..=7 => Uuid::assigned(
            [0x2800, 0x2801, 0x2803, 0x2902, 0x2A00, 0x2A25, 0x180A, 0x0000][usize::from(choice & 7)],
        ),
        8 => thingfleet_device::commissioning::gatt::PROVISIONING,
        _ => Characteristic::JidPassword.uuid(),
    };
    match uuid.short() {
        Some(short) if choice & 0x10 == 0 => short.to_le_bytes().to_vec(),
        _ => uuid.to_le_bytes().to_vec(),
    }
}
