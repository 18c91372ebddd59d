// Many runs, results dropped at once: memory stays flat, and a result outlives model and garbage collection.
import { dist, versionDir } from './common.mjs';

const { SavedModel } = await dist('library/saved-model.js');
const { tensor } = await dist('tensor.js');
const model = await SavedModel.load(versionDir('echo', 1), {
  runtime: process.env.SERVABLE_TENSORFLOW_LIBRARY,
});
const input = new Float32Array(250_000).map((_, i) => i);
const run = () => model.predict({ x: tensor(input) }, { signature: 'any_rank' });
const settle = async () => {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
};
for (let i = 0; i < 200; i += 1) await run();
await settle();
const before = process.memoryUsage.rss();
for (let i = 0; i < 1000; i += 1) {
  await run();
  if (i % 100 === 99) await settle();
}
await settle();
const grown = process.memoryUsage.rss() - before;
const { y } = await run();
await model.close();
await settle();
const intact = y.data.every((value, i) => value === i);
process.stdout.write(JSON.stringify({ grownMiB: grown / 2 ** 20, intact }));
