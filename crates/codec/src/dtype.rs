use std::fmt;

/// The type of a tensor's elements, numbered as TensorFlow's `DataType`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DType(i32);

/// Name without prefix, and bytes of one element (0: the elements have no fixed size). The index is the number.
const TABLE: [(&str, usize); 34] = [
    ("invalid", 0),
    ("float", 4),
    ("double", 8),
    ("int32", 4),
    ("uint8", 1),
    ("int16", 2),
    ("int8", 1),
    ("string", 0),
    ("complex64", 8),
    ("int64", 8),
    ("bool", 1),
    ("qint8", 1),
    ("quint8", 1),
    ("qint32", 4),
    ("bfloat16", 2),
    ("qint16", 2),
    ("quint16", 2),
    ("uint16", 2),
    ("complex128", 16),
    ("half", 2),
    ("resource", 0),
    ("variant", 0),
    ("uint32", 4),
    ("uint64", 8),
    ("float8_e5m2", 1),
    ("float8_e4m3fn", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e4m3b11fnuz", 1),
    ("float8_e5m2fnuz", 1),
    ("int4", 1),
    ("uint4", 1),
    ("int2", 1),
    ("uint2", 1),
    ("float4_e2m1fn", 1),
];

const ENUM_NAMES: [&str; 34] = [
    "DT_INVALID",
    "DT_FLOAT",
    "DT_DOUBLE",
    "DT_INT32",
    "DT_UINT8",
    "DT_INT16",
    "DT_INT8",
    "DT_STRING",
    "DT_COMPLEX64",
    "DT_INT64",
    "DT_BOOL",
    "DT_QINT8",
    "DT_QUINT8",
    "DT_QINT32",
    "DT_BFLOAT16",
    "DT_QINT16",
    "DT_QUINT16",
    "DT_UINT16",
    "DT_COMPLEX128",
    "DT_HALF",
    "DT_RESOURCE",
    "DT_VARIANT",
    "DT_UINT32",
    "DT_UINT64",
    "DT_FLOAT8_E5M2",
    "DT_FLOAT8_E4M3FN",
    "DT_FLOAT8_E4M3FNUZ",
    "DT_FLOAT8_E4M3B11FNUZ",
    "DT_FLOAT8_E5M2FNUZ",
    "DT_INT4",
    "DT_UINT4",
    "DT_INT2",
    "DT_UINT2",
    "DT_FLOAT4_E2M1FN",
];

#[expect(missing_docs, reason = "the names are TensorFlow's")]
impl DType {
    pub const FLOAT: DType = DType(1);
    pub const DOUBLE: DType = DType(2);
    pub const INT32: DType = DType(3);
    pub const UINT8: DType = DType(4);
    pub const INT16: DType = DType(5);
    pub const INT8: DType = DType(6);
    pub const STRING: DType = DType(7);
    pub const COMPLEX64: DType = DType(8);
    pub const INT64: DType = DType(9);
    pub const BOOL: DType = DType(10);
    pub const QINT8: DType = DType(11);
    pub const QUINT8: DType = DType(12);
    pub const QINT32: DType = DType(13);
    pub const BFLOAT16: DType = DType(14);
    pub const QINT16: DType = DType(15);
    pub const QUINT16: DType = DType(16);
    pub const UINT16: DType = DType(17);
    pub const COMPLEX128: DType = DType(18);
    pub const HALF: DType = DType(19);
    pub const RESOURCE: DType = DType(20);
    pub const VARIANT: DType = DType(21);
    pub const UINT32: DType = DType(22);
    pub const UINT64: DType = DType(23);
    pub const FLOAT8_E5M2: DType = DType(24);
    pub const FLOAT8_E4M3FN: DType = DType(25);
    pub const FLOAT8_E4M3FNUZ: DType = DType(26);
    pub const FLOAT8_E4M3B11FNUZ: DType = DType(27);
    pub const FLOAT8_E5M2FNUZ: DType = DType(28);
    pub const INT4: DType = DType(29);
    pub const UINT4: DType = DType(30);
    pub const INT2: DType = DType(31);
    pub const UINT2: DType = DType(32);
    pub const FLOAT4_E2M1FN: DType = DType(33);
}

impl DType {
    /// Every dtype, in the order of the numbers.
    pub fn all() -> impl Iterator<Item = DType> {
        (1..34).map(DType)
    }

    /// The dtype of a number of `DataType`; a reference type (number + 100) gives its base type, `None` if there is no such type.
    pub const fn from_i32(number: i32) -> Option<DType> {
        match number {
            1..=33 => Some(DType(number)),
            101..=133 => Some(DType(number - 100)),
            _ => None,
        }
    }

    /// The dtype of a name such as `float` or `DT_FLOAT`.
    pub fn from_name(name: &str) -> Option<DType> {
        Self::all().find(|dtype| dtype.name() == name || dtype.enum_name() == name)
    }

    /// The number in TensorFlow's `DataType`.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Bytes of one element in memory; `None` for string, resource and variant, whose elements have no fixed size.
    ///
    /// Types under a byte (int4, float4, …) take a whole byte each, as in TensorFlow.
    pub const fn size(self) -> Option<usize> {
        match TABLE[self.0 as usize].1 {
            0 => None,
            size => Some(size),
        }
    }

    /// TensorFlow's lower-case name: `float`, `int32`, `half`.
    pub const fn name(self) -> &'static str {
        TABLE[self.0 as usize].0
    }

    /// The name in `DataType`: `DT_FLOAT`.
    pub const fn enum_name(self) -> &'static str {
        ENUM_NAMES[self.0 as usize]
    }
}

impl fmt::Debug for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.enum_name())
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
