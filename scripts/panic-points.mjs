// Puts panic points into Rust sources. Pure: the tests feed it text.

/** Functions behind the entries, on whichever thread they run. */
export const NATIVE_POINTS = [
  { crate: 'engine', file: 'engine.rs', functions: ['answer_inline', 'answer_from'] },
  { crate: 'engine', file: 'infer/mod.rs', functions: ['prepare', 'run', 'finish'] },
  { crate: 'engine', file: 'tensorflow.rs', functions: ['load'] },
];

/** The functions that `#[napi]` exports, each with whether the attribute catches panics. */
export function entries(text) {
  const found = [];
  const attribute = /#\[napi(?=[\](])/g;
  for (let match = attribute.exec(text); match !== null; match = attribute.exec(text)) {
    const end = closing(text, match.index + 1, '[', ']');
    const after = text.slice(end + 1).match(/^\s*(?:(?:\/\/[^\n]*|#\[[^\]]*\])\s*)*(pub fn (\w+)|)/);
    if (after?.[2] === undefined) continue;
    // An attribute inside another function's arguments is not one of a function.
    found.push({
      name: after[2],
      catches: /\bcatch_unwind\b/.test(text.slice(match.index, end)),
      body: bodyStart(text, end + 1 + after[0].length),
    });
  }
  return found;
}

/** A point at the beginning of every exported function, named after it. */
export function instrumentEntries(text) {
  return insert(text, entries(text));
}

/** A point at the beginning of the named functions, named `crate::function`. */
export function instrumentFunctions(text, crate, functions) {
  const found = functions.map((name) => {
    const match = new RegExp(`\\bfn ${name}\\b`).exec(text);
    if (match === null) throw new Error(`${crate}: no function ${name}`);
    return { name: `${crate}::${name}`, body: bodyStart(text, match.index + match[0].length) };
  });
  return insert(text, found);
}

function insert(text, found) {
  let changed = text;
  for (const { name, body } of [...found].sort((a, b) => b.body - a.body)) {
    const point = ` servable_codec::chaos::point("${name}");`;
    changed = changed.slice(0, body + 1) + point + changed.slice(body + 1);
  }
  return { text: changed, names: found.map(({ name }) => name) };
}

/** Where the body's brace is: the first one outside parentheses and string literals. */
function bodyStart(text, from) {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = text.indexOf('"', at + 1);
    else if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === '{' && depth === 0) return at;
  }
  throw new Error('a function without a body');
}

/** The index of the bracket that closes the one at `from`. */
function closing(text, from, open, close) {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '"') at = text.indexOf('"', at + 1);
    else if (text[at] === open) depth += 1;
    else if (text[at] === close) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  throw new Error(`no ${close}`);
}
