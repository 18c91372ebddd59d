import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type FileCalls,
  RotatingFile,
  type RotationLimits,
} from '../../ts/record/rotating-file.js';
import { folder } from './support.js';

const NONE: RotationLimits = {
  rotateBytes: 0,
  rotateSeconds: 0,
  maxFiles: 0,
  maxTotalBytes: 0,
  maxAgeSeconds: 0,
};
const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const bytes = (text: string): Buffer => Buffer.from(text);

/** A file in a folder of its own, with a clock that moves by hand. */
function make(limits: Partial<RotationLimits>): {
  dir: string;
  file: RotatingFile;
  at: (seconds: number) => void;
} {
  const dir = folder();
  let now = START;
  const file = new RotatingFile(join(dir, 'logs', 'm'), 'jsonl', { ...NONE, ...limits }, () => now);
  return { dir: join(dir, 'logs'), file, at: (seconds) => (now = START + seconds * 1000) };
}

describe('files of a request log', () => {
  it('are begun when there is something to write, for their owner alone', () => {
    const { dir, file } = make({});
    expect(existsSync(dir)).toBe(false);
    file.append(bytes('a'));
    file.append(bytes('b'));
    file.close();
    expect(readdirSync(dir)).toEqual(['m.20260102T030405Z-000001.jsonl']);
    const path = join(dir, readdirSync(dir)[0] as string);
    expect(readFileSync(path, 'utf8')).toBe('ab');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it('are followed by another one at their size and at their age', () => {
    const { dir, file, at } = make({ rotateBytes: 3, rotateSeconds: 60 });
    file.append(bytes('abc'));
    file.append(bytes('d'));
    at(59);
    file.append(bytes('e'));
    at(60);
    file.append(bytes('f'));
    file.close();
    expect(readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual([
      'abc',
      'de',
      'f',
    ]);
  });

  it.each([
    ['number', { maxFiles: 2 }, ['c', 'd']],
    ['bytes', { maxTotalBytes: 3 }, ['b', 'c', 'd']],
  ] as const)('are deleted past their %s, the oldest first', (_what, limits, left) => {
    const { dir, file, at } = make({ rotateBytes: 1, ...limits });
    writeFileSync(join(folder(), 'not ours'), '');
    for (const [index, text] of ['a', 'b', 'c', 'd'].entries()) {
      at(index);
      file.append(bytes(text));
    }
    file.tend();
    expect(readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual(left);
  });

  it('are deleted at their age, and nobody else’s files are', () => {
    const { dir, file, at } = make({ maxAgeSeconds: 100 });
    file.append(bytes('a'));
    file.close();
    const [old] = readdirSync(dir);
    utimesSync(join(dir, old as string), START / 1000, START / 1000);
    for (const name of [
      'm.txt',
      'm2.20260102T030405Z-000001.jsonl',
      'm.20260102T030405Z-000001.tfrecord',
    ]) {
      writeFileSync(join(dir, name), 'not ours');
      utimesSync(join(dir, name), 1, 1);
    }
    at(99);
    file.tend();
    expect(readdirSync(dir)).toHaveLength(4);
    at(101);
    file.tend();
    expect(readdirSync(dir)).toHaveLength(3);
  });

  it('never replace a file and never follow a link', () => {
    const { dir, file } = make({});
    file.append(bytes('a'));
    file.close();
    const target = join(folder(), 'target');
    symlinkSync(target, join(dir, 'm.20260102T030405Z-000002.jsonl'));
    file.append(bytes('b'));
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(dir)).toContain('m.20260102T030405Z-000003.jsonl');
  });

  it('hold nothing of a record of which only a part could be written', () => {
    let room = 5;
    const written: Buffer[] = [];
    const calls: FileCalls = {
      open: () => 1,
      write: (_fd, part) => {
        if (room === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
        const count = Math.min(room, part.length, 2);
        room -= count;
        written.push(Buffer.from(part.subarray(0, count)));
        return count;
      },
      truncate: (_fd, length) => {
        const all = Buffer.concat(written).subarray(0, length);
        written.splice(0, written.length, all);
      },
      close: () => undefined,
    };
    const file = new RotatingFile(join(folder(), 'm'), 'jsonl', NONE, () => START, calls);
    file.append(bytes('abc'));
    expect(() => file.append(bytes('defg'))).toThrow('ENOSPC');
    expect(Buffer.concat(written).toString()).toBe('abc');
  });
});
