import { toServingError } from '../errors.js';
import { catalog } from '../native/catalog.js';
import { InferQueue } from '../native/infer-queue.js';
import { loadModel } from '../native/model.js';
import { loadOpLibrary, openRuntime } from '../native/runtime.js';
import { answer, becomeHelper } from './helper.js';
import type { FromQuarantine, ToQuarantine, TrialModel } from './trial-messages.js';

// The whole of a quarantine process: loads one model and runs the requests it is given, one after the other. Whether a request
// succeeds does not matter, only whether this process is still there afterwards.

let queue: InferQueue | null = null;

async function load(model: TrialModel): Promise<void> {
  for (const { version, load: options } of model.versions) {
    catalog.publish(model.name, version, await loadModel(options));
  }
  catalog.setLabels(model.name, model.labels);
  queue = new InferQueue();
}

async function take(message: ToQuarantine): Promise<FromQuarantine> {
  if (message.kind === 'load') {
    try {
      openRuntime(message.runtime.library);
      for (const path of message.runtime.opLibraries) loadOpLibrary(path);
      await load(message.model);
      return { kind: 'loaded' };
    } catch (error) {
      return { kind: 'failed', message: toServingError(error).message };
    }
  }
  const { target, body } = message;
  await new Promise<void>((resolve) => {
    queue?.infer(queue.target(target), Buffer.from(body), 0, () => resolve());
  });
  return { kind: 'ran' };
}

becomeHelper(async (message) => answer(await take(message as ToQuarantine)));
