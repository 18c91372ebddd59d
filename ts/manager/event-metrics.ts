import {
  MODEL_LOAD_TIME,
  MODEL_LOADS,
  MODEL_MEMORY,
  MODEL_MEMORY_LIMIT,
  MODEL_MEMORY_USED,
} from '../observe/definitions.js';
import { count, remove, set } from '../observe/registry.js';
import type { ServableId } from './events.js';
import type { ModelManager } from './manager.js';

/** Feeds the metrics of loads and of the memory that models are taken to need. */
export function measureEvents(manager: Pick<ModelManager, 'events' | 'list' | 'memory'>): void {
  const { events } = manager;
  const labels = ({ name, version }: ServableId): string[] => [name, String(version)];
  const memory = (): void => {
    const { usedBytes, limitBytes } = manager.memory();
    set(MODEL_MEMORY_USED, [], usedBytes);
    set(MODEL_MEMORY_LIMIT, [], limitBytes);
  };
  memory();
  events.on('loaded', (event) => {
    count(MODEL_LOADS, [event.name, 'OK']);
    set(MODEL_LOAD_TIME, labels(event), event.loadMs / 1000);
    const model = manager.list().find(({ config }) => config.name === event.name);
    const version = model?.versions.find((it) => it.version === event.version);
    set(MODEL_MEMORY, labels(event), version?.memoryBytes ?? 0);
    memory();
  });
  events.on('failed', ({ name, error }) => {
    count(MODEL_LOADS, [name, error.code]);
    memory();
  });
  events.on('state', (event) => {
    if (event.state !== 'END') return;
    remove(MODEL_MEMORY, labels(event));
    remove(MODEL_LOAD_TIME, labels(event));
    memory();
  });
}
