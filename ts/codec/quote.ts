/** A JSON string as protobuf's printer writes it: `<`, `>` and invisible characters are escaped too. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[<>\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
