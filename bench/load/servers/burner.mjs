// A neighbour that only burns CPU: spins for argv[2] ms, then rests until argv[3] ms after it began, for ever. Prints `listening 0` first.
const [, , spin, period] = process.argv.map(Number);
process.stdout.write('listening 0\n');
const turn = () => {
  const began = performance.now();
  const before = process.cpuUsage();
  // CPU time, not wall time: a burner that is itself kept waiting still costs what it should.
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 >= spin) break;
    for (let i = 0; i < 1e4; i += 1);
  }
  setTimeout(turn, Math.max(0, period - (performance.now() - began)));
};
turn();
