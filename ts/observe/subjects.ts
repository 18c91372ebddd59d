import { type SubjectName, subjectName } from '../native/counters.js';

const KNOWN = 4096;
const names = new Map<number, SubjectName | null>();

/** What requests with this number were counted under; null for 0 and for what is forgotten. */
export function subjectOf(id: number): SubjectName | null {
  if (id === 0) return null;
  const known = names.get(id);
  if (known !== undefined) return known;
  const found = subjectName(id);
  if (names.size >= KNOWN) names.clear();
  names.set(id, found);
  return found;
}
