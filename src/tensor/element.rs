//! The element types that cross the border between a host and a model.

use serde::{Deserialize, Serialize};

macro_rules! elements {
    ($($variant:ident, $rust:ty, $name:literal;)*) => {
        /// The type of one element, by the names that JavaScript and JSON use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ElementType {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant,)*
        }

        /// The values of a tensor.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Data {
            $(#[doc = concat!("Values of type `", $name, "`.")] $variant(Vec<$rust>),)*
        }

        impl ElementType {
            /// The name that JavaScript and JSON use, for example `float32`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The type of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        impl Data {
            /// How many values there are.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(values) => values.len(),)* }
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The type of the values.
            pub fn element_type(&self) -> ElementType {
                match self { $(Self::$variant(_) => ElementType::$variant,)* }
            }
        }
    };
}

elements! {
    F32, f32, "float32";
    F64, f64, "float64";
    I64, i64, "int64";
    I32, i32, "int32";
    I16, i16, "int16";
    I8, i8, "int8";
    U64, u64, "uint64";
    U32, u32, "uint32";
    U16, u16, "uint16";
    U8, u8, "uint8";
    Bool, bool, "bool";
    Text, String, "string";
}

impl Data {
    /// The values as float64, or nothing for strings. Integers beyond 2^53 lose their last digits.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        macro_rules! cast {
            ($values:expr) => {
                Some($values.iter().map(|&value| value as f64).collect())
            };
        }
        match self {
            Self::F32(v) => cast!(v),
            Self::F64(v) => Some(v.clone()),
            Self::I64(v) => cast!(v),
            Self::I32(v) => cast!(v),
            Self::I16(v) => cast!(v),
            Self::I8(v) => cast!(v),
            Self::U64(v) => cast!(v),
            Self::U32(v) => cast!(v),
            Self::U16(v) => cast!(v),
            Self::U8(v) => cast!(v),
            Self::Bool(v) => Some(v.iter().map(|&value| f64::from(u8::from(value))).collect()),
            Self::Text(_) => None,
        }
    }
}
