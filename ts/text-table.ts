/** How a table looks. */
export interface TableLook {
  /** Which side of its column a cell stands at. */
  readonly side?: 'left' | 'right';
  /** Stands before every line. */
  readonly indent?: string;
}

/**
 * Rows as text for a terminal: columns as wide as their widest cell, two spaces between them, none at a line's end.
 *
 * @param rows the first one says how many columns there are
 * @returns a line a row, each with its line feed
 */
export function textTable(
  rows: readonly (readonly string[])[],
  { side = 'left', indent = '' }: TableLook = {},
): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const cell = (text: string, i: number): string =>
    side === 'left' ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  const line = (row: readonly string[]): string => `${indent}${row.map(cell).join('  ')}`.trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
