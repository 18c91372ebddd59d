/** Value of the bits of an IEEE 754 half. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of the half nearest to a number, ties to even; infinity from 65520 on. */
export function halfBits(value: number): number {
  return narrow(value, 15, 10);
}

/** Bits of the bfloat16 nearest to a number, ties to even. */
export function bfloat16Bits(value: number): number {
  return narrow(value, 127, 7);
}

/** Rounds to a 16-bit float of the given exponent bias and fraction width. */
function narrow(value: number, bias: number, fractionBits: number): number {
  const infinity = (2 * bias + 1) << fractionBits;
  if (Number.isNaN(value)) return infinity | (1 << (fractionBits - 1));
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === Infinity) return sign | infinity;
  // Below the smallest normal number the steps are of one size, above they grow with the exponent.
  const isNormal = size >= 2 ** (1 - bias);
  const exponent = isNormal ? Math.floor(Math.log2(size)) : 1 - bias;
  const steps = roundEven(size / 2 ** (exponent - fractionBits));
  if (!isNormal) return sign | steps;
  // A fraction that rounds up carries into the exponent by itself, at the very top into infinity.
  const magnitude = (exponent + bias) * 2 ** fractionBits + (steps - 2 ** fractionBits);
  return sign | Math.min(magnitude, infinity);
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
