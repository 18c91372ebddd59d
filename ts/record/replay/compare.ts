/** How far two numbers may be apart: `absolute + relative * |expected|`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/**
 * Where an answer is not the recorded one, such as `outputs.y[2]: expected 3, got 4`; null where it is.
 *
 * @param expected the recorded response, as in a log's line
 * @param got what came back, as in a log's line or as REST answers
 */
export function difference(expected: string, got: string, tolerance: Tolerance): string | null {
  return differ('', named(parse(expected)), named(parse(got)), tolerance);
}

/** JSON that may have bare NaN and infinities. */
function parse(text: string): unknown {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (match) =>
    match.startsWith('"') ? match : `"${match}"`,
  );
  return JSON.parse(quoted);
}

/** REST leaves the name of an only output out; which version answered is no difference. */
function named(response: unknown): unknown {
  if (typeof response !== 'object' || response === null) return response;
  const { modelSpec, model_spec, ...rest } = response as Record<string, unknown>;
  const { outputs } = rest;
  if (typeof outputs !== 'object' || outputs === null || Array.isArray(outputs)) return rest;
  const values = Object.values(outputs);
  return values.length === 1 && !('b64' in outputs) ? { ...rest, outputs: values[0] } : rest;
}

function differ(
  path: string,
  expected: unknown,
  got: unknown,
  tolerance: Tolerance,
): string | null {
  if (isNumber(expected) && isNumber(got)) {
    return isClose(Number(expected), Number(got), tolerance) ? null : told(path, expected, got);
  }
  if (Array.isArray(expected) && Array.isArray(got)) {
    if (expected.length !== got.length) {
      return told(path, `${expected.length} values`, `${got.length}`);
    }
    for (const [index, item] of expected.entries()) {
      const found = differ(`${path}[${index}]`, item, got[index], tolerance);
      if (found !== null) return found;
    }
    return null;
  }
  if (isObject(expected) && isObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const inner = path === '' ? key : `${path}.${key}`;
      const found = differ(inner, expected[key], got[key], tolerance);
      if (found !== null) return found;
    }
    return null;
  }
  return expected === got ? null : told(path, expected, got);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNumber = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && /^-?(?:NaN|Infinity)$/.test(value));

function isClose(expected: number, got: number, { absolute, relative }: Tolerance): boolean {
  if (Object.is(expected, got) || expected === got) return true;
  return Math.abs(expected - got) <= absolute + relative * Math.abs(expected);
}

function told(path: string, expected: unknown, got: unknown): string {
  const shown = (value: unknown): string => {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  };
  return `${path}: expected ${shown(expected)}, got ${shown(got)}`;
}
