import { type Cause, causeOf, exitStatus, isSuspicious } from './cause.js';
import { CrashHistory, type CrashLimits } from './crash-history.js';
import { fingerprintText, type InFlightRequest } from './flight-file.js';
import type { FromServing, SuspectRecord } from './messages.js';
import type { Ending, ServingProcess } from './serving-process.js';
import { Suspects } from './suspects.js';

/** One crash, for the log. */
export interface CrashReport {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause: Cause;
  readonly uptimeSeconds: number;
  /** What ran when it died. */
  readonly inFlight: readonly {
    readonly model: string;
    readonly version: string;
    readonly method: string;
    readonly fingerprint: string;
  }[];
  /** Whether these are tried out elsewhere first when they come again. */
  readonly suspected: boolean;
  /** The last lines of its standard error. */
  readonly stderr: readonly string[];
  /** Crashes within the window, this one included. */
  readonly crashes: number;
  /** Null: given up. */
  readonly restartInMs: number | null;
}

/** What differs from start to start. */
export interface StartWhat {
  readonly suspects: readonly SuspectRecord[];
  /** An earlier process has answered requests. */
  readonly restarted: boolean;
  readonly onMessage: (message: FromServing) => void;
}

/** What a supervisor works with. */
export interface SupervisorDependencies {
  readonly limits: CrashLimits;
  readonly suspectTtlMs: number;
  readonly start: (what: StartWhat) => ServingProcess;
  /** What runs in the serving process; called after it has died. */
  readonly readFlight: () => readonly InFlightRequest[];
  readonly clearFlight: () => void;
  /** See `outOfMemoryKills`. */
  readonly outOfMemoryKills: () => number;
  /** The serving process accepts no more: the sockets are closed here too. */
  readonly closeSockets: () => void;
  readonly report: (crash: CrashReport) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls back after a time; returns how to call it off. */
  readonly after: (ms: number, then: () => void) => () => void;
}

/** Keeps a serving process running: starts it again when it dies, until it is told to stop or it dies too often. */
export class Supervisor {
  readonly #deps: SupervisorDependencies;
  readonly #history: CrashHistory;
  readonly #suspects: Suspects;
  #serving: ServingProcess | null = null;
  /** It has answered requests at least once: from then on an end that nobody asked for is a crash. */
  #everReady = false;
  /** What ends from now on is not started again. */
  #stopping = false;
  #asked = false;
  /** Ends the pause before a restart. */
  #wake: (() => void) | null = null;

  constructor(deps: SupervisorDependencies) {
    this.#deps = deps;
    this.#history = new CrashHistory(deps.limits);
    this.#suspects = new Suspects(deps.suspectTtlMs);
  }

  /** The serving process' id while there is one. */
  get servingPid(): number | null {
    return this.#serving?.pid ?? null;
  }

  /** Stops the serving process; told twice, without finishing what is in flight. */
  stop(): void {
    this.#serving?.stop(this.#asked);
    this.#asked = true;
    this.#stopping = true;
    this.#wake?.();
  }

  /** Resolves to the exit status once there is no serving process any more, and will be none. */
  async run(): Promise<number> {
    for (;;) {
      if (this.#stopping) return 0;
      const begun = this.#deps.now();
      const kills = this.#deps.outOfMemoryKills();
      const { ended, pid } = this.#start();
      const ending = await ended;
      if (this.#stopping || !this.#isCrash(ending)) return exitStatus(ending);
      const cause = causeOf(ending, this.#deps.outOfMemoryKills() > kills);
      const pause = this.#crashed({ ending, cause, pid, begun });
      if (pause === null) return exitStatus(ending);
      if (pause > 0) await this.#pause(pause);
    }
  }

  #start(): ServingProcess {
    const suspects = this.#suspects
      .list(this.#deps.now())
      .map((it) => ({ ...it, fingerprint: fingerprintText(it.fingerprint) }));
    this.#serving = this.#deps.start({
      suspects,
      restarted: this.#everReady,
      onMessage: (message) => this.#hear(message),
    });
    return this.#serving;
  }

  /** A process that never answered and says why with its exit status has a bad configuration: another start changes nothing. */
  #isCrash({ code, signal }: Ending): boolean {
    if (signal !== null) return true;
    return code !== 0 && this.#everReady;
  }

  #crashed(crash: { ending: Ending; cause: Cause; pid: number; begun: number }): number | null {
    const { ending, cause, pid, begun } = crash;
    const now = this.#deps.now();
    const inFlight = this.#deps.readFlight();
    this.#deps.clearFlight();
    const suspected = isSuspicious(cause) && inFlight.length > 0;
    if (suspected) this.#suspects.accuse(inFlight, now);
    const restartInMs = this.#history.add(now);
    this.#deps.report({
      pid,
      ...ending,
      cause,
      uptimeSeconds: Math.round((now - begun) / 100) / 10,
      inFlight: inFlight.map(({ model, version, method, fingerprint }) => ({
        model,
        version: String(version),
        method,
        fingerprint: fingerprintText(fingerprint),
      })),
      suspected,
      stderr: this.#serving?.lastLines() ?? [],
      crashes: this.#history.count,
      restartInMs,
    });
    this.#serving = null;
    return restartInMs;
  }

  #hear(message: FromServing): void {
    switch (message.kind) {
      case 'ready':
        this.#everReady = true;
        return;
      case 'closing':
        // Whoever told it to: it will not come back.
        this.#stopping = true;
        this.#deps.closeSockets();
        return;
      case 'cleared':
        this.#suspects.clear(BigInt(`0x${message.fingerprint}`));
        return;
      case 'refused':
        this.#suspects.refuse(BigInt(`0x${message.fingerprint}`), this.#deps.now());
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
