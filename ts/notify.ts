import { ServingError } from './errors.js';

/** Longer than the 5 s that systemd-notify itself waits until its message has been read. */
const TIMEOUT_MS = 10_000;

/**
 * Tells the service manager that requests are answered (`READY=1`), for units of `Type=notify`.
 *
 * Resolves to false where nobody asked (`NOTIFY_SOCKET` is not set), to true once the message has been read. Needs
 * `NotifyAccess=all` in the unit: the message comes from a process of its own.
 *
 * @throws {ServingError} `UNAVAILABLE` the message could not be sent; the service goes on, but its manager does not know
 */
export function notifyReady(): Promise<boolean> {
  return notify('--ready');
}

/**
 * Tells the service manager that the server is stopping (`STOPPING=1`). As {@link notifyReady}.
 *
 * @throws {ServingError} `UNAVAILABLE` the message could not be sent
 */
export function notifyStopping(): Promise<boolean> {
  return notify('STOPPING=1');
}

// Node has no Unix datagram sockets. systemd-notify is part of systemd, so it is there wherever systemd started the service, and
// it waits until its message has been read: systemd looks the sender up by its process, and drops what a process left that is gone.
async function notify(message: string): Promise<boolean> {
  const socket = process.env.NOTIFY_SOCKET ?? '';
  if (socket === '') return false;
  const { execFile } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', [message], { timeout: TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) {
        resolve(true);
        return;
      }
      const { code } = error as NodeJS.ErrnoException;
      const reason = code === 'ENOENT' ? 'it is not on PATH' : stderr.trim() || error.message;
      const text = `systemd-notify ${message} to NOTIFY_SOCKET=${socket}: ${reason}`;
      reject(new ServingError('UNAVAILABLE', text, { cause: error }));
    });
  });
}
