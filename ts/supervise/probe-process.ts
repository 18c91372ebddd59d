import { toServingError } from '../errors.js';
import { loadModel } from '../native/model.js';
import { loadOpLibrary, openRuntime } from '../native/runtime.js';
import { answer, becomeHelper } from './helper.js';
import type { FromProbe, ToProbe } from './trial-messages.js';

// The whole of a load probe: loads one SavedModel, says how that went and ends.

async function probe({ runtime, load }: ToProbe): Promise<FromProbe> {
  try {
    openRuntime(runtime.library);
    for (const path of runtime.opLibraries) loadOpLibrary(path);
    await loadModel(load);
    return { failure: null };
  } catch (error) {
    const { code, message } = toServingError(error);
    return { failure: { code, message } };
  }
}

becomeHelper(async (message) => {
  await answer(await probe(message as ToProbe));
  process.exit(0);
});
