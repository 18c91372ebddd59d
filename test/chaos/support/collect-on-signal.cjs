// Preloaded into the server under soak, with --expose-gc: SIGUSR2 collects the heap, so that samples show what is held and not what waits.
process.on('SIGUSR2', () => {
  for (let round = 0; round < 3; round += 1) globalThis.gc();
});
