/** Up to this length a loop is faster than a call into Node, and V8 joins the characters without a chain of parts. */
const SHORT = 7;

/** The bytes as a string of one character each. It shares no memory with the buffer. */
export function textOf(buffer: Buffer, start: number, end: number): string {
  if (end - start > SHORT) return buffer.toString('latin1', start, end);
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(buffer[at] as number);
  return text;
}
