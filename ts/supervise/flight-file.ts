import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServingError } from '../errors.js';

/** A request that was running when its process died. */
export interface InFlightRequest {
  readonly model: string;
  readonly version: bigint;
  /** Such as `rest.predict`. */
  readonly method: string;
  readonly fingerprint: bigint;
}

/** As `crates/engine/src/flight.rs` lays a slot out: fingerprint, version, head (method, length of the name), name. */
const SLOT_BYTES = 128;
const NAME_AT = 24;

/** The engine's numbers of the methods. */
const METHODS = [
  'rest.predict',
  'rest.classify',
  'rest.regress',
  'grpc.predict',
  'grpc.classify',
  'grpc.regress',
  'grpc.multiInference',
  'grpc.sessionRun',
];

/** Memory that the serving process writes to before each run, and that is still there when it has died. */
export class FlightFile {
  readonly fd: number;
  readonly #bytes: number;

  private constructor(fd: number, bytes: number) {
    this.fd = fd;
    this.#bytes = bytes;
  }

  /**
   * Makes the file, in memory where the system has such a folder. It has no name, so it goes with the last process that has it open.
   *
   * @throws {ServingError} `FAILED_PRECONDITION` none of the folders can be written
   */
  static create(bytes: number, folders: readonly string[] = ['/dev/shm', tmpdir()]): FlightFile {
    const failures: string[] = [];
    for (const folder of folders) {
      const path = join(folder, `servable-${process.pid}-${randomBytes(6).toString('hex')}`);
      try {
        const fd = openSync(path, 'wx+', 0o600);
        unlinkSync(path);
        ftruncateSync(fd, bytes);
        return new FlightFile(fd, bytes);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
    throw new ServingError(
      'FAILED_PRECONDITION',
      `requests in flight cannot be recorded: ${failures.join('; ')}`,
    );
  }

  /** What was running. */
  read(): InFlightRequest[] {
    const memory = Buffer.alloc(this.#bytes);
    const length = readSync(this.fd, memory, 0, this.#bytes, 0);
    return parseFlight(memory.subarray(0, length));
  }

  /** Forgets what was running, for the next process. */
  clear(): void {
    ftruncateSync(this.fd, 0);
    ftruncateSync(this.fd, this.#bytes);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Reads the taken slots of a flight file's bytes. */
export function parseFlight(memory: Buffer): InFlightRequest[] {
  const requests: InFlightRequest[] = [];
  for (let at = 0; at + SLOT_BYTES <= memory.length; at += SLOT_BYTES) {
    const fingerprint = memory.readBigUInt64LE(at);
    if (fingerprint === 0n) continue;
    const nameLength = Math.min(memory.readUInt8(at + 17), SLOT_BYTES - NAME_AT);
    requests.push({
      model: memory.toString('utf8', at + NAME_AT, at + NAME_AT + nameLength),
      version: memory.readBigInt64LE(at + 8),
      method: METHODS[memory.readUInt8(at + 16)] ?? 'unknown',
      fingerprint,
    });
  }
  return requests;
}

/** A fingerprint as logs and answers show it. */
export function fingerprintText(fingerprint: bigint): string {
  return fingerprint.toString(16).padStart(16, '0');
}
