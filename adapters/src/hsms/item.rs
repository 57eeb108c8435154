//! SECS-II items: the tree of values that a message carries.

/// An item, with its format (E5, clause on data structures; format codes in octal).
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// 00: a list of items.
    List(Vec<Item>),
    /// 10: bytes without a meaning of their own.
    Binary(Vec<u8>),
    /// 11: truth values.
    Boolean(Vec<bool>),
    /// 20: text. Bytes as they came, which need not be ASCII.
    Ascii(Vec<u8>),
    /// 21: text in JIS-8.
    Jis8(Vec<u8>),
    /// 22: text with the code of its encoding in front.
    Local(u16, Vec<u8>),
    /// 30: 8-byte signed integers.
    I8(Vec<i64>),
    /// 31: 1-byte signed integers.
    I1(Vec<i8>),
    /// 32: 2-byte signed integers.
    I2(Vec<i16>),
    /// 34: 4-byte signed integers.
    I4(Vec<i32>),
    /// 40: 8-byte floats.
    F8(Vec<f64>),
    /// 44: 4-byte floats.
    F4(Vec<f32>),
    /// 50: 8-byte unsigned integers.
    U8(Vec<u64>),
    /// 51: 1-byte unsigned integers.
    U1(Vec<u8>),
    /// 52: 2-byte unsigned integers.
    U2(Vec<u16>),
    /// 54: 4-byte unsigned integers.
    U4(Vec<u32>),
}

impl Item {
    /// A text.
    pub fn text(text: &str) -> Item {
        Item::Ascii(text.as_bytes().to_vec())
    }
}
