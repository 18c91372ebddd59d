import { fileURLToPath } from 'node:url';
import { runServe } from './serve.js';

const USAGE = `Usage: servable demo [flags]

Serves the bundled Fashion-MNIST classifier as modelA and prints a request to try. Flags are those of "servable serve".
`;

/** `servable demo`. */
export async function runDemo(argv: readonly string[]): Promise<void> {
  const folder = fileURLToPath(new URL('../../models/demo', import.meta.url));
  await runServe(argv, {
    usage: USAGE,
    defaults: { modelName: 'modelA', modelBasePath: folder },
    onReady: (rest) => {
      if (rest !== null) process.stdout.write(tryIt(rest, folder));
    },
  });
}

function tryIt(rest: string, folder: string): string {
  const sample = `${folder}/samples/ankle-boot.json`;
  return `
Ask it for an ankle boot, which is class 9 of ${folder}/labels.txt:

  curl -d @${quote(sample)} ${rest}/v1/models/modelA:predict

`;
}

/** A path for a shell. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
