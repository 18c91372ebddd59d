import { parentPort, workerData } from 'node:worker_threads';
import { openRuntime } from './native/runtime.js';

// The whole of the thread that `openRuntimeAside` starts.
if (parentPort !== null && typeof workerData === 'string') openRuntime(workerData);
