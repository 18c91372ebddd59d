let surviving = false;

/**
 * What nobody can take, because its disk is full or its reader has gone, does not end the process: those lines are lost.
 *
 * Counting the listeners does not do: a worker's pipe has one that makes the failure an uncaught one where it is alone.
 */
export function surviveLostOutput(): void {
  if (surviving) return;
  surviving = true;
  // There is no place left to tell it.
  process.stderr.on('error', () => undefined);
}
