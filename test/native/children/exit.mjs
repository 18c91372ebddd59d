// The process ends while runs are under way: by process.exit, or by falling off the end after they are through.
import { dist, versionDir } from './common.mjs';

const { SavedModel } = await dist('library/saved-model.js');
const { tensor } = await dist('tensor.js');
const { configurePool } = await dist('native/pool.js');
configurePool({ threads: 8 });
const model = await SavedModel.load(versionDir('image', 1), {
  runtime: process.env.SERVABLE_TENSORFLOW_LIBRARY,
});
const pictures = new Float32Array(64 * 28 * 28);
const run = () => model.predict({ keras_tensor: tensor(pictures, [64, 28, 28, 1]) });
if (process.argv[2] === 'exit') {
  for (let i = 0; i < 3000; i += 1) run().catch(() => undefined);
  setTimeout(() => {
    process.stdout.write('ending', () => process.exit(3));
  }, 150);
} else {
  await Promise.all(Array.from({ length: 20 }, run));
  process.stdout.write('ending');
}
