import { writeFileSync } from 'node:fs';

/**
 * What every helper process does first: it ends with its server and not by itself, and where memory runs out it goes before the
 * server does.
 */
export function becomeHelper(onMessage: (message: unknown) => Promise<void>): void {
  // A service manager signals all processes of a service; the server ends its helpers itself.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit(0));
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Another system than Linux, or one where this is forbidden: then the kernel chooses.
  }
  process.on('message', (message) => {
    onMessage(message).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    });
  });
}

/** Sends a message and waits until it is on its way. */
export function answer(message: object): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
}
