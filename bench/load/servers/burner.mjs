// A neighbour that only burns CPU: argv[2] ms of it every argv[3] ms, for ever. Prints `listening 0` first.
const [, , spin, period] = process.argv.map(Number);
// Timers are late, and whoever competes for a core may be: what is owed is made up for, within so many milliseconds.
const MOST_OWED = 1000;
process.stdout.write('listening 0\n');
let due = performance.now();
const turn = () => {
  const before = process.cpuUsage();
  // CPU time, not wall time: a burner that is itself kept waiting still costs what it should.
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 >= spin) break;
    for (let i = 0; i < 1e4; i += 1);
  }
  const now = performance.now();
  due = Math.max(due + period, now - MOST_OWED);
  if (due > now) setTimeout(turn, due - now);
  else setImmediate(turn);
};
turn();
