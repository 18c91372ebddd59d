import type { RequestBody } from '../../infer.js';
import type { Call } from './call.js';
import type { OpenBody } from './large-message.js';
import type { Status } from './status.js';

/** Answers one message, with `call.reply` or messages of `call.write`, or `call.fail`. */
export type Handler = (call: Call) => void;

/** What takes the messages of a client's stream, one at a time: the next comes after `call.next()`. */
export interface StreamReader {
  message(message: Buffer): void;
  /** There are no more. */
  end(): void;
}

/** One RPC as the transport knows it. */
export type Method =
  | {
      /** `/SERVICE/NAME` */
      readonly path: string;
      readonly kind: 'unary' | 'serverStream';
      readonly handler: Handler;
      /** Where a large message is put together; without it all come as `call.request`. */
      readonly openBody?: OpenBody;
    }
  | {
      readonly path: string;
      readonly kind: 'bidiStream';
      /** Called before the first message is read. */
      readonly open: (call: Call) => StreamReader;
    };

/** Decides which calls come in. */
export interface Guard {
  /**
   * Whether a call may come in, by its metadata: its messages are not read before.
   *
   * @throws what `status` knows a status for, or rejects with it
   */
  enter(call: Call): void | Promise<void>;
  /**
   * Whether a message may pass; called for each.
   *
   * @throws as `enter`
   */
  message(call: Call, message: RequestBody): void;
  status(error: unknown): Status;
}

/** Learns how a call ends: once, with its code and the bytes of a single reply. */
export interface CallWatcher {
  ended(code: number, bytesOut: number): void;
}
