/** Deterministic bodies that all suites share, so that ours and the baseline's are the same bytes. */

/** Numbers as clients send pixels: up to eight digits, no short cuts for the parser. */
function pixels(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 32);
  });
}

function rows(batch: number, height: number, width: number, channels: number): unknown[] {
  const values = pixels(batch * height * width * channels, 7);
  let next = 0;
  const take = (dims: readonly number[]): unknown => {
    const [size, ...inner] = dims;
    if (size === undefined) return Number((values[next++] ?? 0).toPrecision(8));
    return Array.from({ length: size }, () => take(inner));
  };
  return Array.from({ length: batch }, () => take([height, width, channels]));
}

/** `{"instances": [1.0, 2.0, 5.0]}`, the body of TensorFlow Serving's own example. */
export const THREE_FLOATS = Buffer.from('{"instances": [1.0, 2.0, 5.0]}');

/** One 28×28×1 image as JSON, about 10 kB. */
export const MNIST_IMAGE = Buffer.from(JSON.stringify({ instances: rows(1, 28, 28, 1) }));

/** 150 528 numbers in one row, about 1.6 MB of JSON: for models that take a vector. */
export const LARGE_VECTOR = Buffer.from(
  JSON.stringify({ instances: pixels(224 * 224 * 3, 7).map((x) => Number(x.toPrecision(8))) }),
);

/** One 224×224×3 image as JSON, about 1.6 MB. */
export const LARGE_IMAGE = Buffer.from(JSON.stringify({ instances: rows(1, 224, 224, 3) }));
