import type { ModelManager } from './manager.js';

/** Resolves when every model has loaded, has failed once, or has nothing to load. */
export async function firstOutcomes(manager: ModelManager): Promise<void> {
  await Promise.race([allOutcomes(manager), manager.initialLoad()]);
}

function allOutcomes(manager: ModelManager): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      const { models } = manager.summary();
      const isOpen = models.some(
        ({ available, failed, error }) =>
          available.length === 0 && failed.length === 0 && error === null,
      );
      if (isOpen) return;
      for (const event of ['loaded', 'failed', 'source'] as const) manager.events.off(event, later);
      resolve();
    };
    // The summary tells of an event once its listeners have run.
    const later = (): void => void setImmediate(look);
    for (const event of ['loaded', 'failed', 'source'] as const) manager.events.on(event, later);
    look();
  });
}
