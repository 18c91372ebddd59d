import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { messageType } from '../../ts/codec/messages.js';
import { parseModelServerConfig } from '../../ts/manager/source/model-config.js';
import { modelDir } from '../support/paths.js';
import type { RunningServer } from '../support/server.js';

const SERVICE = '/tensorflow.serving.ModelService';

/** An answer of gRPC in short: `OK`, or code and text. */
export type Status = string;

const CODES: Readonly<Record<number, string>> = {
  2: 'UNKNOWN',
  3: 'INVALID_ARGUMENT',
  5: 'NOT_FOUND',
  9: 'FAILED_PRECONDITION',
  14: 'UNAVAILABLE',
};

/** A client that keeps its connection. */
export class ModelService {
  readonly #client: Client;

  constructor(server: RunningServer) {
    this.#client = new Client(server.grpc, credentials.createInsecure());
  }

  close(): void {
    this.#client.close();
  }

  /** HandleReloadConfigRequest with a config in text format; an empty text sends no config. */
  async reload(text: string): Promise<Status> {
    const config = text === '' ? null : parseModelServerConfig(text, 'request');
    const request = messageType('tensorflow.serving.ReloadConfigRequest').encode({ config });
    return this.#status(this.#call('HandleReloadConfigRequest', request));
  }

  /** The states of a model's versions as in `golden/reload.json`. */
  async states(name: string): Promise<Record<string, string> | 'NOT_FOUND'> {
    const request = messageType('tensorflow.serving.GetModelStatusRequest').encode({
      modelSpec: { name },
    });
    let reply: Buffer;
    try {
      reply = await this.#call('GetModelStatus', request);
    } catch (error) {
      if ((error as ServiceError).code === 5) return 'NOT_FOUND';
      throw error;
    }
    const type = messageType('tensorflow.serving.GetModelStatusResponse');
    const names: Readonly<Record<number, string>> = {
      10: 'START',
      20: 'LOADING',
      30: 'AVAILABLE',
      40: 'UNLOADING',
      50: 'END',
    };
    return Object.fromEntries(
      type.decode(reply).modelVersionStatus.map(({ version, state, status }) => {
        const message = status?.errorMessage ?? '';
        return [String(version), `${names[state]}${message === '' ? '' : `: ${message}`}`];
      }),
    );
  }

  #call(name: string, request: Buffer): Promise<Buffer> {
    const identity = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${SERVICE}/${name}`,
        identity,
        identity,
        request,
        (error, reply) => {
          if (error !== null) reject(error);
          else resolve(reply ?? Buffer.alloc(0));
        },
      );
    });
  }

  #status(call: Promise<Buffer>): Promise<Status> {
    return call.then(
      () => 'OK',
      ({ code, details }: ServiceError) => `${CODES[code] ?? code}: ${details}`,
    );
  }
}

/** A folder for a test's models and files. */
export class Models {
  readonly path = mkdtempSync(join(tmpdir(), 'servable-models-'));
  #copies = 0;

  /** Copies a version of a fixture model to `model/version`, as a whole at once. */
  add(
    model: string,
    version: number | string,
    [from, fromVersion]: readonly [string, string],
  ): string {
    this.#copies += 1;
    const copy = join(this.path, `.copy-${this.#copies}`);
    cpSync(join(modelDir(from), fromVersion), copy, { recursive: true });
    return this.place(copy, model, version);
  }

  /** Makes a version whose saved_model.pb holds `text`. */
  addBroken(model: string, version: number | string, text = 'garbage'): string {
    this.#copies += 1;
    const copy = join(this.path, `.copy-${this.#copies}`);
    mkdirSync(copy);
    writeFileSync(join(copy, 'saved_model.pb'), text);
    return this.place(copy, model, version);
  }

  /** Writes a file, as a whole at once. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  }

  /** Removes a version. */
  drop(model: string, version: number | string): void {
    rmSync(join(this.path, model, String(version)), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Moves a finished copy to `model/version`, in the place of what was there. */
  place(copy: string, model: string, version: number | string): string {
    const path = join(this.path, model, String(version));
    mkdirSync(join(this.path, model), { recursive: true });
    // A server that looks just now should find the old version or the new one, and deleting takes longer than two renames.
    const old = `${copy}-old`;
    if (existsSync(path)) renameSync(path, old);
    renameSync(copy, path);
    rmSync(old, { recursive: true, force: true });
    return path;
  }
}

/** `x / 2 + 2`, in versions 1 and 2. */
export const PLUS_TWO = ['half_plus_two', '1'] as const;
/** `x / 2 + 3`. */
export const PLUS_THREE = ['half_plus_three', '123'] as const;

/** What a REST predict of 1.0 answers: 2.5 of half_plus_two, 3.5 of half_plus_three, else status and error text. */
export async function predictOne(server: RunningServer, path: string): Promise<number | string> {
  const response = await fetch(`${server.rest}/v1/models/${path}:predict`, {
    method: 'POST',
    body: '{"instances": [1.0]}',
  });
  const document = (await response.json()) as { predictions?: number[]; error?: string };
  return document.predictions?.[0] ?? `${response.status} ${document.error}`;
}
