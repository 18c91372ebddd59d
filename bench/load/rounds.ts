import { bodyOf, CONTENT_TYPES, rawBytes } from './bodies.js';
import type { Clients } from './clients.js';
import { type Figures, median } from './compare.js';
import { CONNECTIONS } from './contenders.js';
import { runGrpcLoad } from './grpc-client.js';
import { type LoadResult, runHttpLoad } from './http-client.js';
import type { Work } from './plan.js';
import { cpuMicros, rssMegabytes } from './process.js';
import {
  type BareRun,
  bareAnswer,
  runBare,
  SERVERS,
  type Server,
  type ServerName,
  type Setting,
} from './servers.js';

/** How long is measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

/** One line of the table: figures, or why there are none. */
export interface Row {
  readonly work: Work;
  readonly server: ServerName;
  readonly figures: Figures | null;
  readonly skipped: string | null;
}

const PREDICT = '/tensorflow.serving.PredictionService/Predict';

/** The servers of one model; each is started when it is first wanted. */
export class Pool {
  readonly #model: string;
  readonly #setting: Setting;
  readonly #up = new Map<ServerName, Promise<Server>>();

  constructor(model: string, setting: Setting) {
    this.#model = model;
    this.#setting = setting;
  }

  get(name: ServerName): Promise<Server> {
    const known = this.#up.get(name);
    if (known !== undefined) return known;
    const server = SERVERS[name](this.#model, this.#setting);
    this.#up.set(name, server);
    return server;
  }

  async stop(): Promise<void> {
    const servers = await Promise.allSettled(this.#up.values());
    this.#up.clear();
    const running = servers.filter((each) => each.status === 'fulfilled');
    await Promise.all(running.map(({ value }) => value.stop()));
  }
}

interface Entry {
  readonly work: Work;
  readonly name: ServerName;
  readonly rounds: LoadResult[];
  readonly cpu: number[];
  rss: number;
  server: Server | null;
  failure: string | null;
}

/**
 * Measures works of one model against each other: all servers are up and warm, rounds are interleaved, medians are reported.
 *
 * Before anything is measured each server must answer the very body with 200 (OK): an echo with the same bytes and, where the answer
 * can be read, any other with the values of the library's own run. A server that does not, or that fails one request of a round, gets no figures but the reason.
 */
export async function measure(
  works: readonly Work[],
  pool: Pool,
  clients: Clients,
  effort: Effort,
): Promise<Row[]> {
  const entries: Entry[] = works.flatMap((work) =>
    work.servers.map((name) => {
      return { work, name, rounds: [], cpu: [], rss: 0, server: null, failure: null };
    }),
  );
  for (const entry of entries) await attempt(entry, () => prepare(entry, pool));
  for (const entry of entries)
    await attempt(entry, () => load(entry, clients, effort.warmupSeconds));
  for (let round = 0; round < effort.rounds; round += 1) {
    for (const entry of entries)
      await attempt(entry, () => measureRound(entry, clients, effort.seconds));
  }
  return entries.map(toRow);
}

async function attempt(entry: Entry, step: () => Promise<unknown>): Promise<void> {
  if (entry.failure !== null) return;
  try {
    await step();
  } catch (error) {
    entry.failure = error instanceof Error ? error.message : String(error);
  }
}

async function prepare(entry: Entry, pool: Pool): Promise<void> {
  const { work, name } = entry;
  entry.server = await pool.get(name);
  if (work.protocol === 'gRPC') {
    const once = { ...grpcLoad(work, entry.server), connections: 1, seconds: 0.001 };
    const { errors } = await runGrpcLoad(once);
    if (errors > 0) throw new Error('its gRPC status is not OK');
  } else if (work.protocol === 'REST') {
    const answer = await restAnswer(work, entry.server.rest);
    if (name === 'fastify echo') return sameBytes(answer.bytes, work);
    const values = valuesOf(work, answer);
    if (values === null) return;
    const library = await pool.get('library, bare run');
    const wanted = await bareAnswer(library.orders, bareRun({ ...work, format: 'npy' }));
    agree(values, wanted);
  }
}

interface RestAnswer {
  readonly bytes: Buffer;
  readonly contentType: string;
}

/** Sends the body once; only 200 is an answer. */
async function restAnswer(work: Work, port: number): Promise<RestAnswer> {
  const { path, body, contentType } = httpLoad(work, port);
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType },
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) {
    const text = bytes.toString('utf8', 0, 120).replaceAll(/\s+/g, ' ');
    throw new Error(`answers ${answer.status} to ${contentType}: ${text}`);
  }
  return { bytes, contentType: answer.headers.get('content-type') ?? '' };
}

/** An echo answers the very bytes it got, whatever they are called. */
function sameBytes(bytes: Buffer, { model, input, format }: Work): void {
  const sent = bodyOf(model, input, format);
  if (!bytes.equals(sent)) throw new Error(`echoes ${bytes.length} bytes of ${sent.length} sent`);
}

/** The values of a JSON or npy answer; null where it cannot be read. */
function valuesOf(work: Work, { bytes, contentType }: RestAnswer): number[] | null {
  if (work.format === 'protobuf') return null;
  // Servable answers JSON unless asked for npy.
  const isJson = contentType.startsWith('application/json');
  if (work.format === 'npy' && !isJson) return npyValues(bytes);
  const { predictions } = JSON.parse(bytes.toString()) as { predictions?: unknown[] };
  return (predictions?.flat(Number.POSITIVE_INFINITY) as number[] | undefined) ?? [];
}

function npyValues(bytes: Buffer): number[] {
  // Magic, version and the header's length take ten bytes in version 1.0.
  const data = bytes.subarray(10 + bytes.readUInt16LE(8));
  return Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(i * 4));
}

function agree(values: readonly number[], wanted: readonly number[]): void {
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const same =
    values.length === wanted.length &&
    values.every((value, i) => Math.abs(value - (wanted[i] ?? 0)) <= 1e-3 * scale);
  if (!same) throw new Error('its answer is not that of the library run');
}

async function measureRound(entry: Entry, clients: Clients, seconds: number): Promise<void> {
  const pid = entry.server?.pid ?? 0;
  const before = cpuMicros(pid);
  const result = await load(entry, clients, seconds);
  entry.cpu.push((cpuMicros(pid) - before) / result.requests);
  entry.rounds.push(result);
  entry.rss = rssMegabytes(pid);
}

/** @throws {Error} when one request failed: an error path is never measured. */
async function load(entry: Entry, clients: Clients, seconds: number): Promise<LoadResult> {
  const { work, server } = entry;
  if (server === null) throw new Error('not started');
  const result = await send(work, server, clients, seconds);
  if (result.errors > 0 || result.requests === 0) {
    throw new Error(`${result.errors} of ${result.errors + result.requests} requests failed`);
  }
  return result;
}

function send(work: Work, server: Server, clients: Clients, seconds: number): Promise<LoadResult> {
  if (work.protocol === 'in process') return runBare(server.orders, bareRun(work), seconds);
  if (work.protocol === 'gRPC') return clients.grpc({ ...grpcLoad(work, server), seconds });
  const client = work.heavy ? runHttpLoad : clients.rest;
  return client({ ...httpLoad(work, server.rest), seconds });
}

function httpLoad(work: Work, port: number) {
  return {
    port,
    path: `/v1/models/${work.model}:predict`,
    body: bodyOf(work.model, work.input, work.format),
    contentType: CONTENT_TYPES[work.format],
    connections: CONNECTIONS,
  };
}

function grpcLoad(work: Work, server: Server) {
  const message = bodyOf(work.model, work.input, 'protobuf');
  return { port: server.grpc, method: PREDICT, message, connections: CONNECTIONS };
}

/** In process, JSON stands for JSON.parse of the body and npy for the ready tensor. */
function bareRun({ input, format }: Work): BareRun {
  const mode = format === 'json' ? 'parse' : 'predict';
  const content = mode === 'parse' ? input.json : rawBytes(input);
  return { mode, content, shape: input.shape, inFlight: CONNECTIONS };
}

function toRow({ work, name, rounds, cpu, rss, failure }: Entry): Row {
  if (failure !== null) return { work, server: name, figures: null, skipped: failure };
  const figures: Figures = {
    name,
    cpuMicros: median(cpu),
    requestsPerSecond: median(rounds.map((round) => round.requests / round.seconds)),
    p50: median(rounds.map((round) => round.p50)),
    p99: median(rounds.map((round) => round.p99)),
    rss,
  };
  return { work, server: name, figures, skipped: null };
}
