import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../support/paths.js';

/** Whether node:http2 is below. */
export const IS_NODE = readFileSync(
  join(ROOT, 'ts', 'api', 'grpc', 'transport', 'connection.ts'),
  'utf8',
).includes("from 'node:http2'");
