// A baseline without a network: the library's predict on ready tensors, or JSON.parse of a body, in a closed loop.
//
// usage: bare-run.mjs DIST_INDEX MODEL_DIR. Prints `listening PORT`; each line sent there is one run:
// {"mode": "predict"|"parse", "file": raw float32 or JSON, "shape": […], "inFlight": N, "seconds": S, "once": false}
// and is answered by one line of figures, or with "once" by the output's values.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [, , library, directory] = process.argv;
const { SavedModel, tensor } = await import(pathToFileURL(library).href);
const model = await SavedModel.load(directory);

/** One run of what is measured; the function is called once for each request. */
function work({ mode, file, shape }) {
  const bytes = readFileSync(file);
  if (mode === 'parse') {
    const text = bytes.toString();
    return () => JSON.parse(text);
  }
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  // A tensor of its own each time, as each request would make one.
  return () => model.predict({ x: tensor(values, shape) });
}

async function measure(order) {
  const run = work(order);
  if (order.once) return { values: Array.from((await run()).y.data) };
  const latencies = [];
  const began = performance.now();
  const until = began + order.seconds * 1000;
  const drive = async () => {
    for (let now = performance.now(); now < until; ) {
      await run();
      const after = performance.now();
      latencies.push((after - now) * 1000);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: order.mode === 'parse' ? 1 : order.inFlight }, drive));
  const seconds = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (q) => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return { requests: latencies.length, errors: 0, seconds, p50: at(0.5), p99: at(0.99) };
}

const server = createServer((socket) => {
  createInterface({ input: socket }).on('line', (line) => {
    measure(JSON.parse(line)).then(
      (answer) => socket.end(`${JSON.stringify(answer)}\n`),
      (error) => socket.end(`${JSON.stringify({ failure: String(error) })}\n`),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening ${server.address().port}\n`));
process.on('SIGTERM', () => process.exit(0));
