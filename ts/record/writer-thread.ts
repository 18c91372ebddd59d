import { randomBytes } from 'node:crypto';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { LoggingRule } from '../manager/logging-rule.js';
import { countLogged } from '../native/record.js';
import { bytesOf, captured, type FromCapture } from './captured.js';
import { LogWriter, type LogWriterSettings } from './log-writer.js';
import { RotatingFile } from './rotating-file.js';

/** What the thread starts from. */
export interface WriterData {
  readonly settings: LogWriterSettings;
  /** Bytes on their way, as in `CaptureSetup`. */
  readonly queued: SharedArrayBuffer;
}

/** What the main thread tells the writer. */
export type ToWriter =
  | { readonly kind: 'rules'; readonly rules: readonly LoggingRule[] }
  | { readonly kind: 'port'; readonly port: MessagePort }
  | { readonly kind: 'stop' };

/** What the writer tells the main thread. */
export type FromWriter =
  | {
      readonly kind: 'warn';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly text: string;
    }
  | { readonly kind: 'stopped' };

const FLUSH_MS = 200;

function run(main: MessagePort, { settings, queued }: WriterData): void {
  const onTheirWay = new Int32Array(queued);
  const say = (message: FromWriter): void => main.postMessage(message);
  const writer = new LogWriter(settings, {
    count: countLogged,
    warn: (fields, text) => say({ kind: 'warn', fields, text }),
    now: Date.now,
    file: (prefix, ending) => new RotatingFile(prefix, ending, settings.limits),
    key: randomBytes(32),
  });
  const ports = new Set<MessagePort>();
  let isStopping = false;
  const flushing = setInterval(() => writer.flush(), FLUSH_MS);
  const endIfIdle = (): void => {
    if (!isStopping || ports.size > 0) return;
    clearInterval(flushing);
    writer.close();
    say({ kind: 'stopped' });
    main.close();
  };
  const listen = (port: MessagePort): void => {
    ports.add(port);
    const end = (): void => {
      if (!ports.delete(port)) return;
      port.close();
      endIfIdle();
    };
    port.on('message', (message: FromCapture) => {
      if (message === null) {
        end();
        return;
      }
      for (const request of captured(message)) writer.add(request);
      const bytes = message.items.reduce((sum, item) => sum + bytesOf(item), 0);
      Atomics.sub(onTheirWay, 0, bytes);
    });
    // A thread that ended without its last word.
    port.on('close', end);
  };
  main.on('message', (message: ToWriter) => {
    if (message.kind === 'rules') writer.setRules(message.rules);
    else if (message.kind === 'port') listen(message.port);
    else {
      isStopping = true;
      endIfIdle();
    }
  });
}

if (parentPort !== null) run(parentPort, workerData as WriterData);
