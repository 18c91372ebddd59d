import { expect, it } from 'vitest';
import { LevelControl } from '../ts/log-level.js';
import { createLogger } from '../ts/logger.js';

function collect(format: 'json' | 'text', level: 'info' | 'warn' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, format, write: (line) => lines.push(line) });
  return { lines, logger };
}

it('writes one JSON object a line', () => {
  const { lines, logger } = collect('json');
  logger.child({ worker: 1 }).info({ model: 'm' }, 'available');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 30,
    worker: 1,
    model: 'm',
    msg: 'available',
  });
  expect(lines[0]?.endsWith('\n')).toBe(true);
  expect(lines).toHaveLength(1);
});

it('writes one readable line, with quotes only where they are needed', () => {
  const { lines, logger } = collect('text');
  logger.warn({ model: 'm', error: 'not "there"', n: 3 }, 'load failed');
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}load failed {2}model=m {2}error="not \\"there\\"" {2}n=3\n$/,
  );
});

it('writes the stack of an error below the line', () => {
  const { lines, logger } = collect('text');
  logger.error({ err: new Error('boom') }, 'request failed');
  expect(lines[0]).toMatch(/request failed\nError: boom\n {4}at /);
});

it('leaves out what is below the level', () => {
  const { lines, logger } = collect('json', 'warn');
  logger.info({}, 'x');
  logger.debug({}, 'x');
  logger.warn({}, 'y');
  expect(lines).toHaveLength(1);
});

it('a level that is shared between threads changes what their loggers write', () => {
  const lines: string[] = [];
  const main = new LevelControl('warn');
  const worker = new LevelControl(main.buffer);
  const write = (line: string): void => void lines.push(line);
  const logger = createLogger({ level: worker, format: 'json', write }).child({ worker: 1 });
  logger.info({}, 'not yet');
  main.set('debug');
  logger.debug({}, 'now');
  expect(worker.level).toBe('debug');
  main.set('silent');
  logger.fatal({}, 'never');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['now']);
});
