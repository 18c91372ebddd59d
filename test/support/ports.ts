import { createServer } from 'node:net';

// Port 0 turns a listener off on the command line, as in TensorFlow Serving, so a test has to name its ports. They are taken
// below the kernel's ephemeral range, from a place that depends on the process: two test files that run at once do not
// hand out the same port between the look and the bind.
const FIRST = 10_000;
const SPAN = 20_000;
let next = (process.pid * 41) % SPAN;

/** A TCP port that nothing listens on, over IPv4 and IPv6; never the same twice in a process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < SPAN; attempt += 1) {
    const port = FIRST + (next % SPAN);
    next += 1;
    if ((await canBind(port, '::')) && (await canBind(port, '0.0.0.0'))) return port;
  }
  throw new Error(`no free port from ${FIRST} to ${FIRST + SPAN - 1}`);
}

function canBind(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      // A machine without IPv6 says so here; the other family then decides.
      else if (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL') resolve(true);
      else reject(error);
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
