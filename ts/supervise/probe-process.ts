import { loadModel } from '../native/model.js';
import { loadOpLibrary, openRuntime } from '../native/runtime.js';
import { answer, becomeHelper } from './helper.js';
import type { ToProbe } from './trial-messages.js';

// The whole of a load probe: loads SavedModels, one after the other, and says each time that it is still there.

async function probe({ runtime, load }: ToProbe): Promise<void> {
  try {
    openRuntime(runtime.library);
    for (const path of runtime.opLibraries) loadOpLibrary(path);
    const model = await loadModel(load);
    await model.close();
  } catch {
    // A load that fails is told by the server's own, in the same words.
  }
}

becomeHelper(async (message) => {
  await probe(message as ToProbe);
  await answer({ kind: 'probed' });
});
