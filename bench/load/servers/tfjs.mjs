// A baseline: a SavedModel behind tfjs-node and fastify. usage: tfjs.mjs TFJS_FOLDER MODEL_DIR
//
// TFJS_FOLDER holds node_modules/@tensorflow/tfjs-node, built on the same libtensorflow. Takes TensorFlow Serving's row format for a
// model with the input x and the output y. Prints `listening PORT` once it answers.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fastify from 'fastify';

const [, , folder, directory] = process.argv;
const tf = createRequire(join(folder, 'package.json'))('@tensorflow/tfjs-node');
const model = await tf.node.loadSavedModel(directory, ['serve'], 'serving_default');

const app = fastify({ bodyLimit: 1 << 28 });
app.post('/v1/models/:name(^[^/:]+)::predict', async (request) => {
  const x = tf.tensor(request.body.instances, undefined, 'float32');
  const { y } = model.predict({ x });
  const predictions = y.arraySync();
  x.dispose();
  y.dispose();
  return { predictions };
});
const address = await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`listening ${new URL(address).port}\n`);
process.on('SIGTERM', () => process.exit(0));
