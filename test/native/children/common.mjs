// Loads the built package for the scripts of this folder. Not a test.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A module of the built package. */
export const dist = (path) => import(pathToFileURL(join(process.env.DIST, path)).href);

/** The folder of one version of a fixture model. */
export const versionDir = (name, version) => join(process.env.MODELS, name, String(version));

/** Opens the tests' libtensorflow. */
export async function open() {
  const { openRuntime } = await dist('native/runtime.js');
  openRuntime(process.env.SERVABLE_TENSORFLOW_LIBRARY);
}

/** Loads and publishes a fixture model. */
export async function publish(name, version) {
  const { loadModel } = await dist('native/model.js');
  const { catalog } = await dist('native/catalog.js');
  const model = await loadModel({
    exportDir: versionDir(name, version),
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  catalog.publish(name, BigInt(version), model);
  return catalog;
}

/** A serialized PredictRequest for `echo`'s signature any_rank with `count` floats of tensor content. */
export function bigRequest(count) {
  const varint = (value) => {
    const bytes = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      if (rest < 128) return Buffer.from([...bytes, rest]);
      bytes.push((rest % 128) | 128);
    }
  };
  const field = (number, bytes) =>
    Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
  const spec = Buffer.concat([
    field(1, Buffer.from('echo')),
    field(3, Buffer.from('any_rank')),
  ]);
  const dim = Buffer.concat([Buffer.from([8]), varint(count)]);
  const content = Buffer.alloc(count * 4, 1);
  const tensor = Buffer.concat([
    Buffer.from([8, 1]),
    field(2, field(2, dim)),
    field(4, content),
  ]);
  return Buffer.concat([
    field(1, spec),
    field(2, Buffer.concat([field(1, Buffer.from('x')), field(2, tensor)])),
  ]);
}
