//! Reading number literals. Both passes use these functions, so that they cannot disagree about a value.

use super::cursor::Cursor;

/// A literal's value the way RapidJSON classifies it: integers by what they fit, everything else a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Literal {
    /// A non-negative integer. `-0` is one, its sign lost.
    Unsigned(u64),
    /// A negative integer.
    Negative(i64),
    /// A fraction, an exponent, an integer beyond 64 bits, NaN or an infinity.
    Double(f64),
}

impl Literal {
    pub fn as_f64(self) -> f64 {
        match self {
            Literal::Unsigned(value) => value as f64,
            Literal::Negative(value) => value as f64,
            Literal::Double(value) => value,
        }
    }
}

/// A well-formed literal, cut into its parts.
#[derive(Clone, Copy)]
struct Parts {
    negative: bool,
    /// The digits before and behind the point as one number, right if there are at most 19 of them.
    mantissa: u64,
    digits: usize,
    /// The power of ten the mantissa is multiplied by.
    exponent: i64,
    /// Neither point nor exponent.
    integer: bool,
}

/// More digits than this overflow 64 bits.
const MAX_DIGITS: usize = 19;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

const INTEGER_POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// Reads digits from `pos` on; gives how many. Eight at a time where eight bytes are left.
#[inline(always)]
fn read_digits(bytes: &[u8], pos: &mut usize, mantissa: &mut u64) -> usize {
    let start = *pos;
    while let Some(chunk) = bytes.get(*pos..).and_then(|rest| rest.first_chunk::<8>()) {
        let chunk = u64::from_le_bytes(*chunk);
        // Above '9' the sum, below '0' the difference has its top bit set; the lowest such byte ends the digits.
        let digits = chunk.wrapping_sub(0x3030_3030_3030_3030);
        let stops = (chunk.wrapping_add(0x4646_4646_4646_4646) | digits) & 0x8080_8080_8080_8080;
        let count = (stops.trailing_zeros() / 8) as usize;
        if count == 0 {
            return *pos - start;
        }
        // Shifted up, the digits read as eight with leading zeros.
        let value = eight_digits(digits << (64 - 8 * count));
        *mantissa = mantissa
            .wrapping_mul(INTEGER_POWERS[count])
            .wrapping_add(value);
        *pos += count;
        if count < 8 {
            return *pos - start;
        }
    }
    while let Some(digit) = bytes
        .get(*pos)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|&digit| digit < 10)
    {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        *pos += 1;
    }
    *pos - start
}

/// The number written by eight bytes of values 0 to 9, the first in the lowest byte.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    const MASK: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & MASK).wrapping_mul(0x000f_4240_0000_0064);
    let low = (pairs >> 16 & MASK).wrapping_mul(0x0000_2710_0000_0001);
    high.wrapping_add(low) >> 32
}

/// Reads a literal's parts and moves behind it; `None` if it is not a decimal number as JSON writes it.
#[inline(always)]
fn read_parts(bytes: &[u8], pos: &mut usize) -> Option<Parts> {
    let mut at = *pos;
    let negative = bytes.get(at) == Some(&b'-');
    at += usize::from(negative);
    let mut mantissa = 0;
    let mut digits = 1;
    let first = bytes.get(at).copied().unwrap_or(0).wrapping_sub(b'0');
    if first < 10 && bytes.get(at + 1) == Some(&b'.') {
        // Most fractions have one digit in front. The processor guesses that right, and need not wait for the place of the
        // point before it reads on.
        mantissa = u64::from(first);
        at += 1;
    } else {
        digits = read_digits(bytes, &mut at, &mut mantissa);
        if digits == 0 || first == 0 && digits > 1 {
            return None;
        }
    }
    let mut exponent = 0;
    let mut integer = true;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        integer = false;
        let fraction = read_digits(bytes, &mut at, &mut mantissa);
        if fraction == 0 {
            return None;
        }
        digits += fraction;
        exponent = -(fraction as i64);
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        integer = false;
        exponent += read_exponent(bytes, &mut at)?;
    }
    *pos = at;
    Some(Parts {
        negative,
        mantissa,
        digits,
        exponent,
        integer,
    })
}

fn read_exponent(bytes: &[u8], pos: &mut usize) -> Option<i64> {
    let mut at = *pos + 1;
    let negative = bytes.get(at) == Some(&b'-');
    at += usize::from(negative || bytes.get(at) == Some(&b'+'));
    let start = at;
    let mut value = 0i64;
    while let Some(digit) = bytes
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|&digit| digit < 10)
    {
        // Far beyond any double: more digits change nothing.
        value = (value * 10 + i64::from(digit)).min(1_000_000);
        at += 1;
    }
    *pos = at;
    (at > start).then_some(if negative { -value } else { value })
}

impl Parts {
    /// The value by plain arithmetic, where that is sure to be the nearest double: both operands are exact, one rounding.
    #[inline(always)]
    fn exact(&self) -> Option<f64> {
        if self.digits > MAX_DIGITS || self.mantissa > 1 << 53 {
            return None;
        }
        self.scaled()
    }

    /// Mantissa times power of ten, at most two units in the last place off.
    #[inline(always)]
    fn scaled(&self) -> Option<f64> {
        let power = *POWERS.get(self.exponent.unsigned_abs() as usize)?;
        let mantissa = self.mantissa as f64;
        let value = if self.exponent < 0 {
            mantissa / power
        } else {
            mantissa * power
        };
        Some(if self.negative { -value } else { value })
    }

    /// The nearest float to the nearest double, by arithmetic alone.
    ///
    /// With more digits than a double holds the quotient may be two units off. Where no boundary between two floats is near,
    /// that changes nothing; boundaries are where the 29 bits that a float drops are 1000…0.
    #[inline(always)]
    fn exact_f32(&self) -> Option<f32> {
        const DROPPED: u64 = (1 << 29) - 1;
        const BOUNDARY: u64 = 1 << 28;
        if self.digits > MAX_DIGITS {
            return None;
        }
        let value = self.scaled()?;
        let near = (value.to_bits() & DROPPED).abs_diff(BOUNDARY) <= 8;
        let normal = (1e-30..1e38).contains(&value.abs());
        (self.mantissa <= 1 << 53 || normal && !near).then_some(value as f32)
    }

    #[inline(always)]
    fn is_integer_zero(&self) -> bool {
        self.integer && self.mantissa == 0
    }
}

/// The nearest double to a literal already known to be well formed. Infinite if it is too big.
#[inline(never)]
fn nearest(token: &[u8]) -> Option<f64> {
    fast_float2::parse(token).ok()
}

/// Reads a finite number or a token as the nearest double and moves behind it.
///
/// `None`: not a number, or one too big for a double.
#[inline(always)]
pub(super) fn read_f64(bytes: &[u8], pos: &mut usize) -> Option<f64> {
    let start = *pos;
    let Some(parts) = read_parts(bytes, pos) else {
        return read_token(bytes, pos);
    };
    if parts.is_integer_zero() {
        return Some(0.0);
    }
    match parts.exact() {
        Some(value) => Some(value),
        None => nearest(&bytes[start..*pos]).filter(|value| value.is_finite()),
    }
}

/// As [`read_f64`], rounded to float afterwards: too big for a float is infinite.
#[inline(always)]
pub(super) fn read_f32(bytes: &[u8], pos: &mut usize) -> Option<f32> {
    let start = *pos;
    let Some(parts) = read_parts(bytes, pos) else {
        return read_token(bytes, pos).map(|value| value as f32);
    };
    if parts.is_integer_zero() {
        return Some(0.0);
    }
    match parts.exact_f32() {
        Some(value) => Some(value),
        None => nearest(&bytes[start..*pos])
            .filter(|value| value.is_finite())
            .map(|value| value as f32),
    }
}

/// Reads an integer literal that fits 64 bits (as RapidJSON counts) and moves behind it.
#[inline(always)]
pub(super) fn read_integer(bytes: &[u8], pos: &mut usize) -> Option<Literal> {
    let start = *pos;
    let parts = read_parts(bytes, pos)?;
    if !parts.integer {
        return None;
    }
    let magnitude = if parts.digits <= MAX_DIGITS {
        parts.mantissa
    } else {
        let digits = &bytes[start + usize::from(parts.negative)..*pos];
        std::str::from_utf8(digits).ok()?.parse().ok()?
    };
    if !parts.negative || magnitude == 0 {
        return Some(Literal::Unsigned(magnitude));
    }
    0i64.checked_sub_unsigned(magnitude).map(Literal::Negative)
}

/// Reads `NaN`, `Inf` or `Infinity`, with or without a minus.
#[cold]
fn read_token(bytes: &[u8], pos: &mut usize) -> Option<f64> {
    let mut cursor = Cursor::new(bytes, *pos);
    let negative = cursor.eat(b'-');
    let value = if cursor.eat_text(b"NaN") {
        f64::NAN
    } else if cursor.eat_text(b"Infinity") || cursor.eat_text(b"Inf") {
        f64::INFINITY
    } else {
        return None;
    };
    *pos = cursor.pos;
    Some(if negative && !value.is_nan() {
        -value
    } else {
        value
    })
}

/// The value of a whole literal that the syntax check has passed.
pub(super) fn classify(token: &[u8]) -> Literal {
    let mut pos = 0;
    match read_integer(token, &mut pos) {
        Some(integer) if pos == token.len() => integer,
        _ => Literal::Double(read_f64(token, &mut 0).unwrap_or(f64::INFINITY)),
    }
}
