import type { Engine, RequestBody } from '../../ts/api/infer.js';
import type { CatalogReader } from '../../ts/api/model-status.js';
import { ServingError } from '../../ts/errors.js';
import type { ModelStatus, SourceStatus, VersionStatus } from '../../ts/native/catalog.js';
import type { Done, Target } from '../../ts/native/infer-queue.js';
import { LargeBody } from '../../ts/native/large-body.js';

/** One request the fake engine got. */
export interface Seen {
  readonly target: Target;
  readonly body: string;
  readonly deadlineMs: number;
}

/** What the fake engine answers with. */
export type Answer = { reply: string | Buffer; version?: number } | ServingError | 'never';

/** An answer, or when the test will have one. */
export type AnswerOrLater = Answer | Promise<Exclude<Answer, 'never'>>;

/** Large bodies by number, as the addon keeps them. */
export class FakeBodies {
  readonly open = new Map<number, Buffer[]>();
  #next = 0;

  openBody(): number {
    this.#next += 1;
    this.open.set(this.#next, []);
    return this.#next;
  }

  writeBody(body: number, part: Buffer): void {
    // A copy, as the addon's: the part's memory may be freed afterwards.
    this.open.get(body)?.push(Buffer.from(part));
  }

  readBody(body: number): Buffer {
    return Buffer.concat(this.open.get(body) ?? []);
  }

  closeBody(body: number): void {
    this.open.delete(body);
  }

  text(body: RequestBody): string {
    return (
      body instanceof LargeBody ? Buffer.concat(this.open.get(body.id) ?? []) : body
    ).toString();
  }
}

/** An engine without models: it answers what the test says, from the next turn of the event loop. */
export class FakeEngine implements Engine {
  readonly seen: Seen[] = [];
  readonly cancelled: number[] = [];
  readonly bodies = new FakeBodies();
  /** Targets whose requests are refused at the door. */
  readonly overloaded = new Set<number>();
  targetCalls = 0;
  refused = 0;
  answer: (seen: Seen) => AnswerOrLater;
  readonly #targets: Target[] = [];
  #running = 0;
  #tickets = 0;

  constructor(answer: (seen: Seen) => AnswerOrLater = () => ({ reply: '{}' })) {
    this.answer = answer;
  }

  target(target: Target): number {
    this.targetCalls += 1;
    return this.#targets.push(target) - 1;
  }

  openBody(expectedBytes: number): LargeBody {
    return new LargeBody(this.bodies, expectedBytes);
  }

  infer(target: number, body: RequestBody, deadlineMs: number, done: Done): number {
    const found = this.#targets[target];
    if (found === undefined) throw new Error(`no target ${target}`);
    const seen = { target: found, body: this.bodies.text(body), deadlineMs };
    this.seen.push(seen);
    this.#running += 1;
    const answer = this.answer(seen);
    this.#tickets += 1;
    const ticket = this.#tickets;
    const settle = (it: Exclude<Answer, 'never'>): void => {
      if (this.cancelled.includes(ticket)) return;
      this.#running -= 1;
      if (it instanceof ServingError) done(it, null, 0);
      else done(null, Buffer.from(it.reply), it.version ?? 2);
    };
    if (answer instanceof Promise) void answer.then(settle);
    else if (answer !== 'never') setImmediate(() => settle(answer));
    return ticket;
  }

  refuse(): void {
    this.refused += 1;
  }

  cancel(ticket: number): void {
    this.cancelled.push(ticket);
    this.#running -= 1;
  }

  isOverloaded(target: number): boolean {
    return this.overloaded.has(target);
  }

  inFlight(): number {
    return this.#running;
  }
}

/** A status as the catalog keeps it. */
export function versionStatus(version: bigint, rest: Partial<VersionStatus> = {}): VersionStatus {
  return { version, state: 'AVAILABLE', code: 0, message: '', ...rest };
}

/** A catalog as the protocols read it, and what tests set in it. */
export type FakeCatalog = CatalogReader & {
  isReady: boolean;
  readonly sources: Map<string, SourceStatus>;
};

/** A catalog with `half_plus_two`: versions 2 and 1, label `stable` on 1. */
export function fakeCatalog(
  models: readonly ModelStatus[] = [
    {
      name: 'half_plus_two',
      versions: [versionStatus(2n), versionStatus(1n)],
      labels: [{ label: 'stable', version: 1n }],
    },
  ],
): FakeCatalog {
  return {
    isReady: true,
    sources: new Map(),
    status: (name) => models.find((model) => model.name === name) ?? null,
    list: () => [...models],
    metadata(choice) {
      const model = models.find(({ name }) => name === choice.name);
      if (model === undefined) {
        throw new ServingError(
          'NOT_FOUND',
          `Servable not found for request: Latest(${choice.name})`,
        );
      }
      const label = model.labels.find((each) => each.label === choice.label);
      const version = choice.version ?? label?.version ?? model.versions[0]?.version ?? 0n;
      return { version, signatureDefMap: Buffer.alloc(0) };
    },
    source(name) {
      return this.sources.get(name) ?? null;
    },
    ready() {
      return this.isReady;
    },
  };
}
