// npm start: installs the TensorFlow runtime where it is missing and serves the bundled model as modelA.
//
// Arguments after -- reach the server, and the last of a repeated flag wins: npm start -- --rest_api_port=9000
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CLI, ensureRuntime, ROOT } from './lib.mjs';

await ensureRuntime();
process.argv = [
  process.execPath,
  CLI,
  'serve',
  '--model_name=modelA',
  `--model_base_path=${join(ROOT, 'models', 'demo')}`,
  ...process.argv.slice(2),
];
// The server runs in this very process, so that a signal to npm reaches it.
await import(pathToFileURL(CLI).href);
