import { readFileSync } from 'node:fs';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as SecureAgent } from 'node:https';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { codeName, ServingError } from '../../errors.js';
import { type Destination, redirect, requestMessage } from '../bodies.js';
import { responseText } from '../log-line.js';
import type { LogKind } from '../request-spec.js';
import { Signatures } from '../signatures.js';
import type { LoggedRequest } from './log-source.js';

/** What came back. */
export interface Answer {
  /** `OK`, the name of a code, or of a status such as `HTTP 400`. */
  readonly code: string;
  /** The answer as the JSON of a log's lines; null when there is none. Made when it is asked for. */
  readonly response: () => string | null;
}

/** Sends requests of a log to a server. */
export interface Sender {
  /**
   * Makes what is sent, which is not part of a request's time.
   *
   * @throws {ServingError} `UNIMPLEMENTED` a kind the protocol does not have; what is wrong with the request
   */
  prepare(request: LoggedRequest, destination: Destination): Promise<() => Promise<Answer>>;
  close(): void;
}

/** How a server is asked. */
export interface SenderOptions {
  readonly timeoutMs: number;
  /** Headers, or metadata of gRPC, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly concurrency: number;
  /** Certificates to trust, in PEM. */
  readonly ca: string | null;
}

const VERBS: Readonly<Partial<Record<LogKind, string>>> = {
  predict: 'predict',
  classify: 'classify',
  regress: 'regress',
};

/** Sends over REST. */
export class RestSender implements Sender {
  readonly #url: string;
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;

  constructor(url: string, options: SenderOptions) {
    this.#url = url.replace(/\/+$/, '');
    this.#options = options;
    const settings = { keepAlive: true, maxSockets: options.concurrency };
    const isSecure = this.#url.startsWith('https:');
    const ca = options.ca === null ? {} : { ca: readFileSync(options.ca) };
    this.#agent = isSecure ? new SecureAgent({ ...settings, ...ca }) : new Agent(settings);
    this.#request = isSecure ? (httpsRequest as typeof httpRequest) : httpRequest;
  }

  async prepare(
    request: LoggedRequest,
    { model, version }: Destination,
  ): Promise<() => Promise<Answer>> {
    const verb = VERBS[request.kind];
    if (verb === undefined) {
      throw new ServingError('UNIMPLEMENTED', `${request.kind} has no REST form: use --grpc`);
    }
    const chosen = version === null ? '' : `/versions/${version}`;
    const url = `${this.#url}/v1/models/${encodeURIComponent(model)}${chosen}:${verb}`;
    const text = request.body();
    const body = Buffer.from(request.message === null ? tokens(text) : text);
    return () => this.#send(url, body);
  }

  #send(url: string, body: Buffer): Promise<Answer> {
    const { timeoutMs, headers } = this.#options;
    return new Promise((resolve) => {
      const answer = (code: string, text: string | null): void =>
        resolve({ code, response: () => text });
      const sent: ClientRequest = this.#request(
        url,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: timeoutMs,
          headers: {
            'content-type': 'application/json',
            'content-length': body.length,
            ...headers,
          },
        },
        (response: IncomingMessage) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', () => answer('UNAVAILABLE', null));
          response.on('end', () => {
            const isGood = response.statusCode === 200;
            const text = Buffer.concat(parts).toString();
            answer(isGood ? 'OK' : `HTTP ${response.statusCode}`, isGood ? text : null);
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error('timeout')));
      sent.on('error', (error: NodeJS.ErrnoException) =>
        answer(error.message === 'timeout' ? 'DEADLINE_EXCEEDED' : 'UNAVAILABLE', null),
      );
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** NaN in a line of a log is a text, in a request it is not; texts of that content are rare where numbers are asked for. */
function tokens(body: string): string {
  return body.replace(/(?<=[[,:])"(-?(?:NaN|Infinity))"(?=[\],}])/g, '$1');
}

const SERVICE = '/tensorflow.serving.PredictionService';
const METHODS: Readonly<Record<LogKind, string>> = {
  predict: `${SERVICE}/Predict`,
  classify: `${SERVICE}/Classify`,
  regress: `${SERVICE}/Regress`,
  multiInference: `${SERVICE}/MultiInference`,
  sessionRun: '/tensorflow.serving.SessionService/SessionRun',
};

const identity = (bytes: Buffer): Buffer => bytes;

/** Sends over gRPC. */
export class GrpcSender implements Sender {
  readonly #client: Client;
  readonly #options: SenderOptions;
  readonly #metadata = new Metadata();
  readonly #signatures: Signatures;

  /** @param secure whether the port speaks TLS */
  constructor(address: string, secure: boolean, options: SenderOptions) {
    const ca = options.ca === null ? null : readFileSync(options.ca);
    this.#client = new Client(
      address,
      secure ? credentials.createSsl(ca) : credentials.createInsecure(),
      { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 },
    );
    this.#options = options;
    for (const [name, value] of Object.entries(options.headers)) this.#metadata.set(name, value);
    this.#signatures = new Signatures((request) =>
      this.#ask(`${SERVICE}/GetModelMetadata`, request),
    );
  }

  async prepare(request: LoggedRequest, destination: Destination): Promise<() => Promise<Answer>> {
    const { kind } = request;
    const find = (name: string) => this.#signatures.find(destination, name);
    const message =
      request.message === null
        ? await requestMessage(kind, request.body(), destination, find)
        : redirect(kind, request.message, destination);
    return async () => {
      try {
        const reply = await this.#ask(METHODS[kind], message);
        return { code: 'OK', response: () => responseText(kind, reply) };
      } catch (error) {
        return { code: codeName((error as ServiceError).code ?? 2), response: () => null };
      }
    };
  }

  #ask(method: string, message: Buffer): Promise<Buffer> {
    const deadline = Date.now() + this.#options.timeoutMs;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method,
        identity,
        identity,
        message,
        this.#metadata,
        { deadline },
        (error, reply) => (error === null ? resolve(reply ?? Buffer.alloc(0)) : reject(error)),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
