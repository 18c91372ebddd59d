// Routes standard error and writes to it in the way that the first argument names.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const { routeStderr, setNativeLogLevel } = await import(
  join(process.env.DIST, 'native', 'native-log.js')
);
const line = (level, text) => `2026-11-22 09:40:11.123456: ${level} tensorflow/core/a.cc:7] ${text}\n`;
const [, , what] = process.argv;

setNativeLogLevel(40);
routeStderr(true);
routeStderr(true);
if (what === 'lines') {
  writeSync(2, line('I', 'dropped') + line('W', 'say "hi"'));
  writeSync(2, '{"level":30,"msg":"ours"}\nplain text\n');
  writeSync(2, 'half a ');
  await delay(150);
  process.stderr.write('line\n');
  setNativeLogLevel(20);
  writeSync(2, line('I', 'kept'));
  console.log('out');
} else if (what === 'flood') {
  for (let i = 0; i < 20_000; i += 1) writeSync(2, line('W', `number ${i}`));
} else if (what === 'throw') {
  throw new Error('uncaught');
} else {
  writeSync(2, line('F', 'Check failed: last words'));
  process.abort();
}
