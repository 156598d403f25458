//! What types look like as bytes: their fields in order. Lists, texts and maps have their length in front, what may be absent a
//! byte that says whether it is there.

use super::{Reader, put_varint};
use crate::error::Result;
use std::collections::BTreeMap;

/// A value as bytes.
pub trait Wire: Sized {
    /// Appends the value.
    fn put(&self, bytes: &mut Vec<u8>);

    /// Reads the next value. Fails with `frame-invalid` where the bytes end too early, or are none of this type.
    fn read(reader: &mut Reader<'_>) -> Result<Self>;
}

/// Implements [`Wire`]: for a struct field by field, but for those that are left empty; for an enum without fields by the place of the variant.
macro_rules! wire {
    ($type:ty { $($field:ident),* $(,)? } $(without { $($left:ident),* })?) => {
        impl $crate::wire::Wire for $type {
            fn put(&self, bytes: &mut Vec<u8>) {
                $($crate::wire::Wire::put(&self.$field, bytes);)*
            }

            fn read(reader: &mut $crate::wire::Reader<'_>) -> $crate::error::Result<Self> {
                Ok(Self {
                    $($field: $crate::wire::Wire::read(reader)?,)*
                    $($($left: Default::default(),)*)?
                })
            }
        }
    };
    (enum $type:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::wire::Wire for $type {
            fn put(&self, bytes: &mut Vec<u8>) {
                // The compiler says when a variant is missing below.
                match self { $($type::$variant => (),)* }
                let all = [$($type::$variant),*];
                bytes.push(all.iter().position(|one| one == self).unwrap_or(usize::from(u8::MAX)) as u8);
            }

            fn read(reader: &mut $crate::wire::Reader<'_>) -> $crate::error::Result<Self> {
                let place = usize::from(reader.byte()?);
                let found = [$($type::$variant),*].get(place).copied();
                found.ok_or_else(|| reader.error("a number stands for nothing here"))
            }
        }
    };
}
pub(crate) use wire;

impl Wire for bool {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.push((*self).into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(reader.byte()? != 0)
    }
}

impl Wire for u64 {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, *self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.varint()
    }
}

impl Wire for u32 {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, (*self).into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(reader.varint()? as Self)
    }
}

impl Wire for usize {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, *self as u64);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(reader.varint()? as Self)
    }
}

impl Wire for f64 {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.float()
    }
}

impl Wire for String {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.len().put(bytes);
        bytes.extend(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let length = usize::read(reader)?;
        let text = std::str::from_utf8(reader.take(length)?).map(str::to_owned);
        text.map_err(|_| reader.error("a text is not UTF-8"))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.is_some().put(bytes);
        if let Some(value) = self {
            value.put(bytes);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        bool::read(reader)?.then(|| T::read(reader)).transpose()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.len().put(bytes);
        self.iter().for_each(|item| item.put(bytes));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        // No list is made for a length that the bytes do not hold.
        let mut items = Vec::new();
        for _ in 0..usize::read(reader)? {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }
}

impl Wire for [f64; 2] {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.iter().for_each(|number| number.put(bytes));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok([f64::read(reader)?, f64::read(reader)?])
    }
}

impl<T: Wire> Wire for BTreeMap<String, T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.len().put(bytes);
        for (key, value) in self {
            key.put(bytes);
            value.put(bytes);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut map = Self::new();
        for _ in 0..usize::read(reader)? {
            map.insert(String::read(reader)?, T::read(reader)?);
        }
        Ok(map)
    }
}
