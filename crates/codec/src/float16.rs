//! The two 16-bit floats, by their bits: rounding to nearest, ties to even.

/// A format by its field widths.
#[derive(Clone, Copy)]
struct Format {
    exponent_bits: u32,
    mantissa_bits: u32,
}

const HALF: Format = Format {
    exponent_bits: 5,
    mantissa_bits: 10,
};
const BFLOAT16: Format = Format {
    exponent_bits: 8,
    mantissa_bits: 7,
};

/// The IEEE half nearest to a number; beyond 65504 (and a half step) infinity.
pub(crate) fn half_from_f64(value: f64) -> u16 {
    narrow(value, HALF)
}

/// The bfloat16 nearest to a number.
pub(crate) fn bfloat16_from_f64(value: f64) -> u16 {
    narrow(value, BFLOAT16)
}

/// A half as float32; exact.
pub(crate) fn half_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        // Subnormal: mantissa × 2^-24, exact in float32.
        0 => f32::from_bits(sign | (mantissa as f32 * f32::from_bits(0x3380_0000)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

/// A bfloat16 as float32; exact.
pub(crate) fn bfloat16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

fn narrow(value: f64, format: Format) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 63) as u16) << 15;
    let infinity = (((1u32 << format.exponent_bits) - 1) << format.mantissa_bits) as u16;
    if value.is_nan() {
        return sign | infinity | 1 << (format.mantissa_bits - 1);
    }
    if value == 0.0 || value.is_infinite() {
        return sign | if value == 0.0 { 0 } else { infinity };
    }
    let bias = (1i32 << (format.exponent_bits - 1)) - 1;
    // A subnormal double is far below everything here: its missing leading bit makes no difference.
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    let significand = bits & ((1 << 52) - 1) | 1 << 52;
    // Subnormal results lose a bit for each step below the smallest normal exponent.
    let below = (1 - bias - exponent).max(0);
    let shift = 52 - format.mantissa_bits as i32 + below;
    if shift > 54 {
        return sign;
    }
    let quotient = significand >> shift;
    let rest = significand & ((1u64 << shift) - 1);
    let middle = 1u64 << (shift - 1);
    let rounded = quotient + u64::from(rest > middle || rest == middle && quotient & 1 == 1);
    // A carry out of the mantissa lands in the exponent, which is what it should do.
    let biased = if below > 0 {
        0
    } else {
        (exponent + bias - 1) as u64
    };
    let magnitude = (biased << format.mantissa_bits) + rounded;
    sign | if magnitude >= u64::from(infinity) {
        infinity
    } else {
        magnitude as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_and_bfloat16_reads_back() {
        for bits in 0..=u16::MAX {
            let half = half_to_f32(bits);
            let brain = bfloat16_to_f32(bits);
            if half.is_nan() {
                assert!(half_to_f32(half_from_f64(f64::from(half))).is_nan());
            } else {
                assert_eq!(half_from_f64(f64::from(half)), bits, "{half}");
            }
            if !brain.is_nan() {
                assert_eq!(bfloat16_from_f64(f64::from(brain)), bits, "{brain}");
            }
        }
    }

    #[test]
    fn halves_round_to_even_overflow_and_underflow() {
        for (value, bits) in [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65504.0, 0x7bff),
            (65519.99, 0x7bff),
            (65520.0, 0x7c00),
            (1e300, 0x7c00),
            (f64::NEG_INFINITY, 0xfc00),
            (2048.0 + 1.0, 0x6800),
            (2048.0 + 3.0, 0x6802),
            (6.0e-8, 0x0001),
            (2.98e-8, 0x0000),
            (2.9802322387695312e-8, 0x0000),
            (2.980232238769532e-8, 0x0001),
            (-1e-300, 0x8000),
            (5e-324, 0x0000),
        ] {
            assert_eq!(half_from_f64(value), bits, "{value}");
        }
        assert_eq!(bfloat16_from_f64(3.4e38), 0x7f80);
        assert_eq!(bfloat16_from_f64(1.0 + 1.0 / 256.0), 0x3f80);
        assert_eq!(bfloat16_from_f64(1.0 + 3.0 / 256.0), 0x3f82);
    }
}
