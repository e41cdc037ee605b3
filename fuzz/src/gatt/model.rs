//! What a client is answered, by the book and from the thesis's table: a model simple enough to be believed.
//!
//! It takes requests as bytes (Core 5.4, Vol 3, Part F, 3.4) and knows nothing of the stack, except where that differs
//! from the book in a way that is allowed or harms nobody; those places say so.

use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, MAX_VALUE, Peripheral, Uuid},
    definition::Security,
};

const PRIMARY: u16 = 0x2800;
const SECONDARY: u16 = 0x2801;
const DECLARATION: u16 = 0x2803;
const SUBSCRIPTION: u16 = 0x2902;
/// The largest MTU: a whole value in one piece of a long write.
const LARGEST: usize = MAX_VALUE + 5;
/// The last handle of the last service, as far as clients are told.
const END: u16 = 0xFFFF;

/// Codes of errors (3.4.1.1).
mod code {
    pub(super) const INVALID_HANDLE: u8 = 0x01;
    pub(super) const READ_NOT_PERMITTED: u8 = 0x02;
    pub(super) const WRITE_NOT_PERMITTED: u8 = 0x03;
    pub(super) const INVALID_PDU: u8 = 0x04;
    pub(super) const INSUFFICIENT_AUTHENTICATION: u8 = 0x05;
    pub(super) const NOT_SUPPORTED: u8 = 0x06;
    pub(super) const INVALID_OFFSET: u8 = 0x07;
    pub(super) const QUEUE_FULL: u8 = 0x09;
    pub(super) const NOT_FOUND: u8 = 0x0A;
    pub(super) const INVALID_LENGTH: u8 = 0x0D;
    pub(super) const UNSUPPORTED_GROUP: u8 = 0x10;
}

struct Attribute {
    /// Its type, as it goes over the air.
    kind: Vec<u8>,
    value: Value,
}

enum Value {
    Fixed(Vec<u8>),
    Written(Characteristic),
    Subscription([u8; 2]),
}

/// A long value on its way.
enum Queue {
    Empty,
    Value { handle: u16, value: Vec<u8> },
    Spoilt(u8),
}

/// The reference.
pub(super) struct Model {
    attributes: Vec<Attribute>,
    security: Security,
    mtu: usize,
    queue: Queue,
    /// What the device was given so far.
    pub(super) written: Vec<(Characteristic, Vec<u8>)>,
}

/// How the device answers a value here; the real rules are tested where they are.
pub(super) fn rule(value: &[u8]) -> Result<(), AttError> {
    match value.first() {
        None => Err(AttError::InvalidLength),
        Some(0x80) => Err(AttError::Incomplete),
        Some(0x81) => Err(AttError::NotSealed),
        Some(0xFF) => Err(AttError::ValueNotAllowed),
        Some(_) => Ok(()),
    }
}

impl Model {
    pub(super) fn new(peripheral: &Peripheral) -> Self {
        let mut model = Self {
            attributes: Vec::new(),
            security: peripheral.security,
            mtu: 23,
            queue: Queue::Empty,
            written: Vec::new(),
        };
        model.service(Uuid::assigned(0x1800));
        model.characteristic(0x02, Uuid::assigned(0x2A00), Value::Fixed(peripheral.name.clone().into()));
        let appearance = peripheral.appearance.to_le_bytes().to_vec();
        model.characteristic(0x02, Uuid::assigned(0x2A01), Value::Fixed(appearance));
        model.service(Uuid::assigned(0x1801));
        for service in &peripheral.services {
            model.service(service.uuid);
            for characteristic in &service.characteristics {
                match peripheral.value(*characteristic) {
                    None => {
                        model.characteristic(0x08, characteristic.uuid(), Value::Written(*characteristic));
                    }
                    Some(text) => {
                        let properties = if peripheral.notify { 0x12 } else { 0x02 };
                        model.characteristic(properties, characteristic.uuid(), Value::Fixed(text.into()));
                        if peripheral.notify {
                            model.add(Uuid::assigned(SUBSCRIPTION), Value::Subscription([0, 0]));
                        }
                    }
                }
            }
        }
        model
    }

    /// How many attributes there are; their handles count from 1.
    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.attributes.len()).expect("a table is short")
    }

    /// Another client connects.
    pub(super) fn reconnect(&mut self) {
        (self.mtu, self.queue) = (23, Queue::Empty);
        for attribute in &mut self.attributes {
            if let Value::Subscription(value) = &mut attribute.value {
                *value = [0, 0];
            }
        }
    }

    /// What a request is answered; `None` for what asks for no answer.
    pub(super) fn answer(&mut self, pdu: &[u8]) -> Option<Vec<u8>> {
        let (&opcode, fields) = pdu.split_first()?;
        // Commands are not answered, and no client may send more than the largest MTU that can be agreed on.
        if opcode & 0x40 != 0 || pdu.len() > LARGEST {
            return None;
        }
        Some(self.respond(opcode, fields).unwrap_or_else(|(handle, code)| {
            let [low, high] = handle.to_le_bytes();
            vec![0x01, opcode, low, high, code]
        }))
    }

    fn respond(&mut self, opcode: u8, fields: &[u8]) -> Result<Vec<u8>, (u16, u8)> {
        let malformed = (0, code::INVALID_PDU);
        match (opcode, fields) {
            (0x02, _) => {
                // Too small a one, or none, counts as the least there is; the stack answers with what was agreed on.
                let asked = fields.try_into().map_or(0, u16::from_le_bytes);
                self.mtu = usize::from(asked).clamp(23, LARGEST);
                let [low, high, ..] = self.mtu.to_le_bytes();
                Ok(vec![0x03, low, high])
            }
            (0x04, &[a, b, c, d]) => self.find_information(range([a, b, c, d])?),
            (0x06, &[a, b, c, d, low, high, ref value @ ..]) => {
                self.find_by_type_value(range([a, b, c, d])?, &[low, high], value)
            }
            (0x08, &[a, b, c, d, ref kind @ ..]) if matches!(kind.len(), 2 | 16) => {
                self.read_by_type(range([a, b, c, d])?, &short(kind))
            }
            (0x0A, &[low, high]) => self.read(handle([low, high]), 0, 0x0B),
            (0x0C, &[a, b, c, d]) => self.read(handle([a, b]), u16::from_le_bytes([c, d]).into(), 0x0D),
            (0x10, &[a, b, c, d, ref kind @ ..]) if matches!(kind.len(), 2 | 16) => {
                self.read_by_group(range([a, b, c, d])?, &short(kind))
            }
            (0x12, &[low, high, ref value @ ..]) => self.write(handle([low, high]), value),
            (0x16, &[a, b, c, d, ref value @ ..]) => {
                let (handle, offset) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                // The stack names no handle in these.
                self.prepare(handle, offset, value).map_err(|code| (0, code))?;
                Ok([&[0x17], fields].concat())
            }
            (0x18, &[0]) => {
                self.queue = Queue::Empty;
                Ok(vec![0x19])
            }
            (0x18, &[1]) => match std::mem::replace(&mut self.queue, Queue::Empty) {
                Queue::Empty => Ok(vec![0x19]),
                Queue::Spoilt(code) => Err((0, code)),
                Queue::Value { handle, value } => {
                    self.write(handle, &value).map_err(|(_, code)| (0, code))?;
                    Ok(vec![0x19])
                }
            },
            (0x20, handles) if handles.len() >= 4 && handles.len() % 2 == 0 => {
                for handle in handles.chunks(2) {
                    let handle = u16::from_le_bytes([handle[0], handle[1]]);
                    self.readable(handle).map_err(|code| (0, code))?;
                }
                Err((0, code::NOT_SUPPORTED))
            }
            (0x18, _) => {
                self.queue = Queue::Empty;
                Err(malformed)
            }
            (0x04 | 0x06 | 0x08 | 0x0A | 0x0C | 0x10 | 0x12 | 0x16 | 0x20, _) => Err(malformed),
            _ => Err((0, code::NOT_SUPPORTED)),
        }
    }

    fn find_information(&self, (start, end): (u16, u16)) -> Result<Vec<u8>, (u16, u8)> {
        let mut entries = Vec::new();
        let mut length = 0;
        for (handle, attribute) in self.within(start, end) {
            if length == 0 {
                length = attribute.kind.len();
            }
            if attribute.kind.len() != length || entries.len() + 2 + length > self.mtu - 2 {
                break;
            }
            entries.extend(handle.to_le_bytes());
            entries.extend_from_slice(&attribute.kind);
        }
        if entries.is_empty() {
            return Err((start, code::NOT_FOUND));
        }
        Ok([&[0x05, if length == 2 { 1 } else { 2 }], entries.as_slice()].concat())
    }

    fn find_by_type_value(
        &self,
        (start, end): (u16, u16),
        kind: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, (u16, u8)> {
        let mut response = vec![0x07];
        for (handle, attribute) in self.within(start, end) {
            let Value::Fixed(own) = &attribute.value else { continue };
            if attribute.kind == kind && own == value && response.len() + 4 <= self.mtu {
                response.extend(handle.to_le_bytes());
                response.extend(self.group_end(handle).to_le_bytes());
            }
        }
        if response.len() == 1 { Err((start, code::NOT_FOUND)) } else { Ok(response) }
    }

    fn read_by_type(&self, (start, end): (u16, u16), kind: &[u8]) -> Result<Vec<u8>, (u16, u8)> {
        let mut entries = Vec::new();
        let mut each = None;
        for (handle, attribute) in self.within(start, end).filter(|(_, attribute)| attribute.kind == kind) {
            let Some(value) = attribute.readable() else {
                if entries.is_empty() {
                    return Err((handle, code::READ_NOT_PERMITTED));
                }
                break;
            };
            // The book would end the list at a value that is too long; the stack cuts it, and ends the list if it is
            // of another length then.
            let value = cut(value, self.mtu - 4 - entries.len());
            if *each.get_or_insert(value.len()) != value.len() {
                break;
            }
            entries.extend(handle.to_le_bytes());
            entries.extend_from_slice(value);
            if entries.len() + 2 + value.len() > self.mtu - 2 {
                break;
            }
        }
        let length = u8::try_from(each.ok_or((start, code::NOT_FOUND))? + 2).expect("values are short");
        Ok([&[0x09, length], entries.as_slice()].concat())
    }

    fn read_by_group(&self, (start, end): (u16, u16), kind: &[u8]) -> Result<Vec<u8>, (u16, u8)> {
        if kind != PRIMARY.to_le_bytes() && kind != SECONDARY.to_le_bytes() {
            return Err((0, code::UNSUPPORTED_GROUP));
        }
        let mut entries = Vec::new();
        let mut each = None;
        for (handle, attribute) in self.within(start, end).filter(|(_, attribute)| attribute.kind == kind) {
            let value = attribute.readable().expect("declarations can be read");
            if *each.get_or_insert(value.len()) != value.len()
                || entries.len() + 4 + value.len() > self.mtu - 2
            {
                break;
            }
            entries.extend(handle.to_le_bytes());
            entries.extend(self.group_end(handle).to_le_bytes());
            entries.extend_from_slice(value);
        }
        let length = u8::try_from(each.ok_or((start, code::NOT_FOUND))? + 4).expect("UUIDs are short");
        Ok([&[0x11, length], entries.as_slice()].concat())
    }

    fn read(&self, handle: u16, offset: usize, response: u8) -> Result<Vec<u8>, (u16, u8)> {
        let value = self.readable(handle).map_err(|code| (handle, code))?;
        let rest = value.get(offset..).ok_or((handle, code::INVALID_OFFSET))?;
        Ok([&[response], cut(rest, self.mtu - 1)].concat())
    }

    fn write(&mut self, handle: u16, value: &[u8]) -> Result<Vec<u8>, (u16, u8)> {
        let fail = |code| (handle, code);
        match &mut self.find_mut(handle).ok_or(fail(code::INVALID_HANDLE))?.value {
            Value::Fixed(_) => return Err(fail(code::WRITE_NOT_PERMITTED)),
            Value::Subscription(own) => {
                *own = value.try_into().map_err(|_| fail(code::INVALID_LENGTH))?;
            }
            Value::Written(characteristic) => {
                let characteristic = *characteristic;
                self.written.push((characteristic, value.to_vec()));
                rule(value).map_err(|error| fail(error.code()))?;
            }
        }
        Ok(vec![0x13])
    }

    fn prepare(&mut self, handle: u16, offset: u16, piece: &[u8]) -> Result<(), u8> {
        let is_secret = match &self.find_mut(handle).ok_or(code::INVALID_HANDLE)?.value {
            Value::Fixed(_) => return Err(code::WRITE_NOT_PERMITTED),
            Value::Subscription(_) => false,
            Value::Written(_) => true,
        };
        // The answer repeats the piece.
        if piece.len() + 5 > self.mtu {
            return Err(code::INVALID_PDU);
        }
        if is_secret && self.security == Security::Encrypted {
            // A client without a key has to pair first (Vol 3, Part C, 10.3.1).
            return Err(code::INSUFFICIENT_AUTHENTICATION);
        }
        let mut value = match std::mem::replace(&mut self.queue, Queue::Empty) {
            Queue::Empty => Vec::new(),
            Queue::Spoilt(code) => {
                self.queue = Queue::Spoilt(code);
                return Err(code);
            }
            Queue::Value { handle: other, value } if other != handle => {
                self.queue = Queue::Value { handle: other, value };
                return Err(code::QUEUE_FULL);
            }
            Queue::Value { value, .. } => value,
        };
        let code = if usize::from(offset) + piece.len() > MAX_VALUE {
            code::INVALID_LENGTH
        } else if usize::from(offset) != value.len() {
            code::INVALID_OFFSET
        } else {
            value.extend_from_slice(piece);
            self.queue = Queue::Value { handle, value };
            return Ok(());
        };
        self.queue = Queue::Spoilt(code);
        Err(code)
    }

    fn readable(&self, handle: u16) -> Result<&[u8], u8> {
        let place = usize::from(handle).checked_sub(1).ok_or(code::INVALID_HANDLE)?;
        let attribute = self.attributes.get(place).ok_or(code::INVALID_HANDLE)?;
        attribute.readable().ok_or(code::READ_NOT_PERMITTED)
    }

    fn find_mut(&mut self, handle: u16) -> Option<&mut Attribute> {
        self.attributes.get_mut(usize::from(handle).checked_sub(1)?)
    }

    fn within(&self, start: u16, end: u16) -> impl Iterator<Item = (u16, &Attribute)> {
        (1..).zip(&self.attributes).filter(move |(handle, _)| (start..=end).contains(handle))
    }

    fn group_end(&self, handle: u16) -> u16 {
        let mut later = self.within(handle + 1, END).filter(|(_, own)| own.kind == PRIMARY.to_le_bytes());
        later.next().map_or(END, |(next, _)| next - 1)
    }

    fn service(&mut self, uuid: Uuid) {
        self.add(Uuid::assigned(PRIMARY), Value::Fixed(bytes(uuid)));
    }

    fn characteristic(&mut self, properties: u8, uuid: Uuid, value: Value) {
        let [low, high] = (self.len() + 2).to_le_bytes();
        let declaration = [&[properties, low, high], bytes(uuid).as_slice()].concat();
        self.add(Uuid::assigned(DECLARATION), Value::Fixed(declaration));
        self.add(uuid, value);
    }

    fn add(&mut self, uuid: Uuid, value: Value) {
        self.attributes.push(Attribute { kind: bytes(uuid), value });
    }
}

impl Attribute {
    fn readable(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Fixed(value) => Some(value),
            Value::Subscription(value) => Some(value),
            Value::Written(_) => None,
        }
    }
}

/// A handle. There is none 0; in errors about it the guard has the last one, which does not exist either.
fn handle(bytes: [u8; 2]) -> u16 {
    match u16::from_le_bytes(bytes) {
        0 => END,
        handle => handle,
    }
}

/// A range of handles, if it is one.
fn range([a, b, c, d]: [u8; 4]) -> Result<(u16, u16), (u16, u8)> {
    let (start, end) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    if start == 0 || start > end { Err((0, code::INVALID_HANDLE)) } else { Ok((start, end)) }
}

/// A type in its short form, if it has one.
fn short(kind: &[u8]) -> Vec<u8> {
    kind.try_into().map_or_else(|_| kind.to_vec(), |long| bytes(Uuid(u128::from_le_bytes(long))))
}

/// A UUID as it goes over the air.
fn bytes(uuid: Uuid) -> Vec<u8> {
    uuid.short().map_or_else(|| uuid.to_le_bytes().to_vec(), |short| short.to_le_bytes().to_vec())
}

fn cut(value: &[u8], room: usize) -> &[u8] {
    &value[..value.len().min(room)]
}
