import { describe, expect, it } from 'vitest';
import { child } from './support.js';

/** The lines of a text, those in JSON as objects. */
function lines(text: string): unknown[] {
  const all = text.split('\n').filter((line) => line !== '');
  return all.map((line) => (line.startsWith('{') ? (JSON.parse(line) as unknown) : line));
}

describe('standard error through our log', () => {
  it('has TensorFlow’s lines in our form, by level, and everything else as it came', async () => {
    const { code, stdout, stderr } = await child('stderr.mjs', 'lines');
    expect(code).toBe(0);
    expect(stdout).toBe('out\n');
    const ofTensorflow = { component: 'tensorflow', source: 'tensorflow/core/a.cc:7' };
    expect(lines(stderr)).toEqual([
      { ...ofTensorflow, level: 40, time: expect.any(Number), msg: 'say "hi"' },
      { level: 30, msg: 'ours' },
      'plain text',
      'half a line',
      { ...ofTensorflow, level: 30, time: expect.any(Number), msg: 'kept' },
    ]);
  });

  it('loses no line of a flood, up to the end of the process', async () => {
    const { stderr } = await child('stderr.mjs', 'flood');
    const numbers = lines(stderr).map((it) =>
      typeof it === 'string' ? it.split('number ')[1] : (it as { msg: string }).msg.slice(7),
    );
    expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, i) => String(i)));
  });

  it('still tells why a program ended', async () => {
    const { code, stderr } = await child('stderr.mjs', 'throw');
    expect(code).toBe(1);
    expect(stderr).toContain('Error: uncaught');
  });

  it('has the last words of a process that aborts, every time', async () => {
    const ends = await Promise.all(Array.from({ length: 8 }, () => child('stderr.mjs', 'abort')));
    for (const { signal, stderr } of ends) {
      expect(signal).toBe('SIGABRT');
      expect(stderr).toContain('Check failed: last words');
    }
  });
});
