import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';

/** How long a client that has ended its side may still wait for its answer, in milliseconds. */
const HALF_OPEN_MS = 500;
/** What is still read of a request that was refused, so that its sender gets to read the answer. */
const LINGER_MS = 5000;
const LINGER_BYTES = 64 * 1024 * 1024;

/**
 * Lets clients end their side after the request, as `printf … | nc` does, and still answers them.
 *
 * A client that has given up looks the same, so the grace is short: after it the connection closes, which cancels what waits.
 */
export function allowHalfOpen(server: Server): void {
  // Node has the property and honours it; its types do not know it.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('connection', (socket: Socket) => {
    socket.once('end', () => {
      const timer = setTimeout(() => socket.destroy(), HALF_OPEN_MS);
      socket.once('close', () => clearTimeout(timer));
    });
  });
}

/** The ticket of the request that a connection waits for, so that one listener a connection serves all its requests; 0 for none. */
export const WAITING = Symbol('ticket');

/**
 * Ends connections on which nothing has moved for a time: clients that read no answer, or send no body. One that waits for its answer
 * may wait on.
 */
export function endStalled(server: Server, idleMs: number): void {
  server.setTimeout(idleMs, (socket: Socket & { [WAITING]?: number }) => {
    if ((socket[WAITING] ?? 0) === 0 || socket.writableLength > 0) socket.destroy();
  });
}

/**
 * Closes the connection after the answer without losing it: what the client still sends is read and dropped for a while.
 *
 * A socket that is closed with unread bytes resets the connection, and the answer is lost on its way.
 */
export function closeAfterAnswer(request: IncomingMessage): void {
  const { socket } = request;
  if (!(socket instanceof Socket)) return;
  const closeNow = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (request.complete) {
      closeNow();
      return;
    }
    socket.end();
    let left = LINGER_BYTES;
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) socket.destroy();
    });
    request.once('end', closeNow);
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
