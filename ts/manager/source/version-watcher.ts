import { fileURLToPath } from 'node:url';
import { ServingError } from '../../errors.js';
import type { Clock } from '../clock.js';
import type { ModelConfig } from '../model-config.js';
import { LocalPlace } from '../store/local-place.js';
import { archiveStem, isArchive, schemeOf, shown } from '../store/location.js';
import type { Place, PlaceListing } from '../store/place.js';
import type { Stores } from '../store/stores.js';
import { descending, missingVersions, parseVersion, selectVersions } from '../version-policy.js';
import type { FoundVersion, Sighting } from './sighting.js';
import { Stillness } from './stillness.js';
import { errorCode, hasSavedModel, type Inspection, message } from './version-directory.js';

/** A directory without saved_model.pb that has not changed for so long is loaded anyway, so that the error shows. */
const INCOMPLETE_GRACE_MS = 10_000;
/** A version that is being served is looked through so often; in between a glance tells whether it was replaced. */
const DEEP_LOOK_MS = 10_000;
/** How many names a warning lists. */
const NAMES_SHOWN = 5;

/** What the last look saw, as long as times of files can tell whether another would see the same. */
interface Still {
  readonly config: ModelConfig;
  readonly stillness: Stillness;
  /** What is looked at each time: the base path, version directories and their saved_model.pb. */
  readonly glance: readonly string[];
  /** When everything is looked at again, on the manager's clock. */
  deepAt: number;
}

interface Memory {
  /** The last inspection, and since when the directory has looked like that. */
  fingerprint: string;
  since: number;
  /** What a glance saw, and when the directory was last looked through. */
  glance: string | null;
  lookedAt: number;
  /** The same moment on the wall clock, which times of files are compared with. */
  lookedAtMs: number;
  /** What times tell of it; see `Inspection`. */
  paths: readonly string[];
  /** The last fingerprint that was found fit to load. */
  accepted: string | null;
}

/** What the watcher needs beside the config. */
export interface WatcherOptions {
  readonly clock: Clock;
  /** Tells the operator about something odd; the same text comes only when it is new. */
  readonly warn: (text: string) => void;
  /** There will be no second look: what is incomplete now is taken as it is. */
  readonly once: boolean;
  /** Milliseconds since 1970, to compare with the times of files; the system's where absent. */
  readonly wallClock?: () => number;
  /** Remote stores and archives; without them only local folders are served. */
  readonly stores?: Stores | undefined;
}

/**
 * Watches the base path of one model.
 *
 * What lies there at the first look is taken as complete; a version that appears or changes later is given out only after two looks found
 * it unchanged and with its saved_model.pb, so that half a copy is not loaded.
 */
export class VersionWatcher {
  readonly #options: WatcherOptions;
  readonly #memory = new Map<bigint, Memory>();
  readonly #warnings = new Set<string>();
  /** Versions that were there at the first look, and so are not being copied just now. */
  readonly #initial = new Set<bigint>();
  #firstLook = true;
  #unsettled = false;
  #still: Still | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** The last look found something that another look soon may find complete. */
  get unsettled(): boolean {
    return this.#unsettled;
  }

  /** Another look would see what the last one saw. Costs a few system calls, and one for each file every ten seconds. */
  isStill(config: ModelConfig): boolean {
    const still = this.#still;
    if (still === null) return false;
    const now = this.#options.clock.now();
    const deep = now >= still.deepAt;
    const holds = deep ? still.stillness.holds() : still.stillness.holds(still.glance);
    if (still.config !== config || !holds) {
      this.#still = null;
      return false;
    }
    if (deep) still.deepAt = now + DEEP_LOOK_MS;
    return true;
  }

  /** Looks once. */
  async look(config: ModelConfig): Promise<Sighting> {
    this.#unsettled = false;
    this.#still = null;
    const begunMs = this.#wallClock();
    let place: Place;
    let listing: PlaceListing;
    try {
      place = this.#place(config);
      listing = await place.list();
    } catch (error) {
      return { kind: 'unreadable', error: basePathError(config, error) };
    }
    const warnings: string[] = [];
    const found = candidates(config, place, listing, warnings);
    if (this.#firstLook) for (const version of found.keys()) this.#initial.add(version);
    for (const version of this.#memory.keys()) {
      if (!found.has(version)) this.#memory.delete(version);
    }
    for (const version of this.#initial) if (!found.has(version)) this.#initial.delete(version);
    if (config.versionPolicy.kind === 'specific' && config.versionPolicy.versions.length === 0) {
      warnings.push(`No specific versions requested for servable ${config.name}.`);
    }
    for (const version of missingVersions(config.versionPolicy, found.keys())) {
      warnings.push(
        `Version ${version} of servable ${config.name}, which was requested as a specific version in the servable's version policy, was not found in the file system under base path ${config.basePath}`,
      );
    }
    let sighting: Extract<Sighting, { kind: 'versions' }>;
    try {
      sighting = await this.#choose(config, place, found, listing.names);
    } catch (error) {
      // The store failed between the listing and the look at a version.
      return { kind: 'unreadable', error: basePathError(config, error) };
    }
    if (sighting.error !== null) warnings.push(sighting.error.message);
    this.#report(warnings);
    this.#firstLook = false;
    await this.#remember(config, place, sighting, begunMs);
    return sighting;
  }

  async #remember(
    config: ModelConfig,
    place: Place,
    { aspired, waiting }: Extract<Sighting, { kind: 'versions' }>,
    begunMs: number,
  ): Promise<void> {
    if (aspired === null || waiting.length > 0 || this.#unsettled) return;
    const glance = place.timed(aspired.map((it) => it.path));
    if (glance === null) return;
    const memories = aspired.map((it) => this.#memory.get(it.version));
    const paths = new Set(glance);
    for (const memory of memories) for (const path of memory?.paths ?? []) paths.add(path);
    // A file written after it was looked through is not what the fingerprint tells of.
    const sinceMs = Math.min(begunMs, ...memories.map((it) => it?.lookedAtMs ?? 0));
    const stillness = await Stillness.of([...paths], sinceMs);
    if (stillness === null) return;
    const lookedAt = memories.map((it) => it?.lookedAt ?? -Infinity);
    const deepAt = Math.min(this.#options.clock.now(), ...lookedAt) + DEEP_LOOK_MS;
    this.#still = { config, stillness, glance, deepAt };
  }

  #wallClock(): number {
    return (this.#options.wallClock ?? Date.now)();
  }

  #place(config: ModelConfig): Place {
    const { stores } = this.#options;
    return stores?.place(config.basePath) ?? new LocalPlace(localPath(config), false);
  }

  async #choose(
    config: ModelConfig,
    place: Place,
    found: ReadonlyMap<bigint, string>,
    names: readonly string[],
  ): Promise<Extract<Sighting, { kind: 'versions' }>> {
    const wanted = selectVersions(config.versionPolicy, found.keys());
    if (wanted.length === 0) {
      const error = nothingWanted(config, found, names);
      return { kind: 'versions', aspired: [], waiting: [], error };
    }
    const accepted = await this.#accept(config, place, found);
    // At the first look a lone incomplete version is tried at once: its error is the best answer there is.
    if (accepted.length === 0 && (this.#firstLook || this.#options.once)) {
      for (const version of wanted) accepted.push(this.#take(version, found));
    }
    const chosen = selectVersions(
      config.versionPolicy,
      accepted.map((it) => it.version),
    );
    const waiting = wanted.filter((version) => !chosen.includes(version));
    const aspired = accepted
      .filter((it) => chosen.includes(it.version))
      .sort((a, b) => descending(a.version, b.version));
    const keep = aspired.length === 0 && waiting.length > 0;
    return { kind: 'versions', aspired: keep ? null : aspired, waiting, error: null };
  }

  /** Versions fit to load, as many as the policy wants, from the highest down. */
  async #accept(
    { versionPolicy }: ModelConfig,
    place: Place,
    found: ReadonlyMap<bigint, string>,
  ): Promise<FoundVersion[]> {
    const enough =
      versionPolicy.kind === 'latest' ? Math.max(versionPolicy.numVersions, 1) : Infinity;
    const eligible =
      versionPolicy.kind === 'specific'
        ? selectVersions(versionPolicy, found.keys())
        : [...found.keys()].sort(descending);
    const accepted: FoundVersion[] = [];
    for (const version of eligible) {
      if (accepted.length >= enough) break;
      const path = found.get(version) ?? '';
      const fingerprint = await this.#inspect(place, version, path);
      if (fingerprint !== null) accepted.push({ version, path, fingerprint });
    }
    return accepted;
  }

  /** The fingerprint to load, or `null` while the directory is not fit. */
  async #inspect(place: Place, version: bigint, path: string): Promise<string | null> {
    const now = this.#options.clock.now();
    const seen = await place.glance(path);
    const memory = this.#memory.get(version);
    const steady = memory !== undefined && memory.accepted === memory.fingerprint;
    if (steady && seen !== null && seen === memory.glance && now - memory.lookedAt < DEEP_LOOK_MS) {
      return memory.accepted;
    }
    const begunMs = this.#wallClock();
    return this.#judge(version, await place.inspect(path), { seen, begunMs });
  }

  #judge(
    version: bigint,
    { fingerprint, complete, paths }: Inspection,
    { seen, begunMs }: { readonly seen: string | null; readonly begunMs: number },
  ): string | null {
    const { clock, once } = this.#options;
    const before = this.#memory.get(version);
    const unchanged = before?.fingerprint === fingerprint;
    const now = clock.now();
    const memory: Memory = {
      fingerprint,
      since: unchanged ? before.since : now,
      glance: seen,
      lookedAt: now,
      lookedAtMs: begunMs,
      paths,
      accepted: before?.accepted ?? null,
    };
    this.#memory.set(version, memory);
    const settled = unchanged || once || (before === undefined && this.#initial.has(version));
    const expired = unchanged && now - memory.since >= INCOMPLETE_GRACE_MS;
    if (settled && (complete || expired)) memory.accepted = fingerprint;
    else if (memory.accepted !== fingerprint) this.#unsettled = true;
    return memory.accepted;
  }

  #take(version: bigint, found: ReadonlyMap<bigint, string>): FoundVersion {
    const memory = this.#memory.get(version);
    const fingerprint = memory?.fingerprint ?? '';
    if (memory !== undefined) memory.accepted = fingerprint;
    return { version, path: found.get(version) ?? '', fingerprint };
  }

  #report(warnings: readonly string[]): void {
    for (const text of warnings) if (!this.#warnings.has(text)) this.#options.warn(text);
    this.#warnings.clear();
    for (const text of warnings) this.#warnings.add(text);
  }
}

/**
 * The local directory a base path means.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for a URI of another scheme than `file:`
 */
export function localPath({ name, basePath }: ModelConfig): string {
  const scheme = schemeOf(basePath);
  if (scheme === null) return basePath;
  if (scheme === 'file') return fileURLToPath(basePath);
  throw new ServingError(
    'INVALID_ARGUMENT',
    `base path ${basePath} of model "${name}": got scheme "${scheme}", wanted an absolute path or file://`,
  );
}

/** Versions by number; where two names mean one version, a folder goes before an archive, and then the name that sorts last. */
function candidates(
  config: ModelConfig,
  place: Place,
  { names, isVersion }: PlaceListing,
  warnings: string[],
): Map<bigint, string> {
  if (isVersion) return new Map([[1n, place.location]]);
  const byVersion = new Map<bigint, string>();
  const archive = (name: string) => place.archives && isArchive(name);
  const sorted = [...names].sort();
  for (const name of [...sorted.filter(archive), ...sorted.filter((it) => !archive(it))]) {
    const version = parseVersion(archive(name) ? archiveStem(name) : name);
    if (version === null) continue;
    const other = byVersion.get(version);
    if (other !== undefined) {
      warnings.push(
        `Duplicate version directories of servable ${config.name}: "${other}" and "${name}" under ${config.basePath} are both version ${version}; using "${name}"`,
      );
    }
    byVersion.set(version, name);
  }
  if (byVersion.size === 0 && hasSavedModel(names)) return new Map([[1n, place.location]]);
  return new Map([...byVersion].map(([version, name]) => [version, place.child(name)]));
}

/** Why a policy wants none of the versions found, or `null` when it asks for none. */
function nothingWanted(
  config: ModelConfig,
  found: ReadonlyMap<bigint, string>,
  names: readonly string[],
): ServingError | null {
  const { versionPolicy } = config;
  if (found.size === 0) return noVersions(config, names);
  if (versionPolicy.kind !== 'specific' || versionPolicy.versions.length === 0) return null;
  const there = [...found.keys()].sort(descending).slice(0, NAMES_SHOWN).join(', ');
  return new ServingError(
    'NOT_FOUND',
    `None of the versions ${versionPolicy.versions.join(', ')} of servable ${config.name} found under base path ${config.basePath} (there: ${there})`,
  );
}

function noVersions({ name, basePath }: ModelConfig, names: readonly string[]): ServingError {
  const shown = names.slice(0, NAMES_SHOWN).map((it) => JSON.stringify(it));
  if (names.length > shown.length) shown.push(`and ${names.length - shown.length} more`);
  const found = shown.length === 0 ? 'it is empty' : `it holds ${shown.join(', ')}`;
  return new ServingError(
    'NOT_FOUND',
    `No versions of servable ${name} found under base path ${basePath}. Did you forget to name your leaf directory as a number (eg. '/1/')? (${found})`,
  );
}

function basePathError({ name, basePath }: ModelConfig, cause: unknown): ServingError {
  if (cause instanceof ServingError && cause.code === 'NOT_FOUND') {
    return new ServingError(
      'NOT_FOUND',
      `Could not find base path ${shown(basePath)} for servable ${name} with error ${cause.message}`,
      { cause },
    );
  }
  if (cause instanceof ServingError) return cause;
  switch (errorCode(cause)) {
    case 'ENOENT':
      return new ServingError(
        'NOT_FOUND',
        `Could not find base path ${basePath} for servable ${name} with error ${message(cause)}`,
        { cause },
      );
    case 'ENOTDIR':
      return new ServingError(
        'FAILED_PRECONDITION',
        `base path ${basePath} of servable ${name}: is a file, wanted a directory of versions`,
        { cause },
      );
    case 'EACCES':
    case 'EPERM':
      return new ServingError(
        'PERMISSION_DENIED',
        `base path ${basePath} of servable ${name}: no permission to read the directory`,
        { cause },
      );
    default:
      return new ServingError(
        'UNAVAILABLE',
        `base path ${basePath} of servable ${name}: cannot be read: ${message(cause)}`,
        { cause },
      );
  }
}
