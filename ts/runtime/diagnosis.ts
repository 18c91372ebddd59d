import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { addon } from '../native/load.js';
import type { Candidate } from './candidate.js';
import {
  type CacheFacts,
  examineCache,
  examineModel,
  type ModelFacts,
  rivalPackages,
} from './examine.js';
import { candidates, INSTALL_COMMAND } from './find.js';
import {
  type CpuFacts,
  cpuFacts,
  type GpuFacts,
  gpuFacts,
  libcVersion,
  type MemoryFacts,
  memoryFacts,
  portProblem,
} from './machine.js';
import { readManifest } from './manifest.js';
import { versionProblem } from './platform.js';
import { probeLibrary } from './probe.js';

/** A candidate after it was opened in a child process. */
export interface ProbedCandidate extends Candidate {
  readonly verdict: 'taken' | 'usable' | 'unusable' | 'absent';
}

/** All that `servable doctor` finds; printed as it is by `--json`. */
export interface Diagnosis {
  /** Serving would work. */
  readonly ok: boolean;
  readonly node: { readonly version: string; readonly problem: string | null };
  readonly system: {
    readonly platform: string;
    readonly arch: string;
    readonly libc: string | null;
  };
  readonly addon: { readonly path: string | null; readonly problem: string | null };
  readonly runtimes: readonly ProbedCandidate[];
  readonly cpu: CpuFacts;
  readonly gpus: readonly GpuFacts[];
  readonly ports: readonly { readonly port: number; readonly problem: string | null }[];
  readonly cache: CacheFacts;
  readonly memory: MemoryFacts;
  /** Null unless a model path was given. */
  readonly model: ModelFacts | null;
  /** What keeps serving from working: one sentence each. */
  readonly problems: readonly string[];
  /** What works but deserves a look. */
  readonly warnings: readonly string[];
}

/** What to examine. */
export interface DiagnosisOptions {
  readonly model: string | null;
  readonly library: string | null;
  readonly ports: readonly number[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** TensorFlow maps its libraries and works in about this much, bytes. */
const LEAST_MEMORY = 512 * 1024 * 1024;

function examineNode(): Diagnosis['node'] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < 20 || (major === 20 && minor < 19);
  const problem = isOld ? `Node ${process.versions.node} is too old, need 20.19 or newer` : null;
  return { version: process.versions.node, problem };
}

function examineAddon(): Diagnosis['addon'] {
  try {
    addon();
  } catch (error) {
    return { path: null, problem: (error as Error).message };
  }
  const { cache } = createRequire(import.meta.url);
  const loaded = Object.keys(cache).filter((path) => path.endsWith('.node'));
  return {
    path: loaded.find((path) => /servable[^/\\]*\.node$/.test(path)) ?? loaded[0] ?? null,
    problem: null,
  };
}

async function probe(candidate: Candidate, addonPath: string | null): Promise<ProbedCandidate> {
  const { path, problem } = candidate;
  if (path === null) return { ...candidate, verdict: 'absent' };
  if (problem !== null) return { ...candidate, verdict: 'unusable' };
  const opened = await probeLibrary(path, addonPath);
  const version = opened.version ?? candidate.version;
  const reason = opened.problem ?? (version === null ? null : versionProblem(version));
  return {
    ...candidate,
    version,
    problem: reason,
    verdict: reason === null ? 'usable' : 'unusable',
  };
}

/** Opens every candidate; the one a server would take is marked, whether it opens or not decides `problems`. */
async function probeAll(options: DiagnosisOptions, addonPath: string | null) {
  const { library, env, cwd } = options;
  const found = await candidates({ library, env, cwd });
  const first = found.findIndex(({ path, problem }) => path !== null && problem === null);
  const probed: ProbedCandidate[] = [];
  for (const [index, candidate] of found.entries()) {
    const result = await probe(candidate, addonPath);
    const isTaken = index === first && result.verdict === 'usable';
    probed.push(isTaken ? { ...result, verdict: 'taken' } : result);
  }
  return { probed, chosen: probed[first] ?? null };
}

function runtimeProblem(chosen: ProbedCandidate | null, probed: readonly ProbedCandidate[]) {
  if (chosen === null) {
    const named = probed.find(({ source }) => source === 'option' || source === 'env');
    if (named !== undefined) return `${named.origin}: ${named.path ?? ''} ${named.problem}`;
    return `no TensorFlow library found; run: ${INSTALL_COMMAND}`;
  }
  if (chosen.verdict === 'taken') return null;
  return `${chosen.path}: ${chosen.problem}; choose another (servable runtime use) or run: ${INSTALL_COMMAND}`;
}

function processorProblem(cpu: CpuFacts): string | null {
  const lacksAvx =
    process.arch === 'x64' && process.platform === 'linux' && !cpu.features.includes('avx');
  return lacksAvx ? "the processor has no AVX, which TensorFlow's builds need" : null;
}

/** Known for our own installs only: other libraries do not say what they were built for. */
function isCpuBuild(chosen: ProbedCandidate | null): boolean {
  const folder = chosen?.path == null ? null : dirname(dirname(chosen.path));
  return folder !== null && readManifest(folder)?.variant === 'cpu';
}

/** Examines this machine. Libraries are opened in child processes, one after the other. */
export async function diagnose(options: DiagnosisOptions): Promise<Diagnosis> {
  const node = examineNode();
  const state = examineAddon();
  const [{ probed, chosen }, cpu, gpus, cache] = await Promise.all([
    probeAll(options, state.path),
    cpuFacts(),
    gpuFacts(),
    examineCache(options.env),
  ]);
  const ports = await Promise.all(
    options.ports.map(async (port) => ({ port, problem: await portProblem(port) })),
  );
  const memory = memoryFacts();
  const model = options.model === null ? null : examineModel(options.model);
  const libc = libcVersion();
  const taken = ports.filter(({ problem }) => problem !== null);
  const problems = [
    node.problem,
    libc === 'musl' ? 'TensorFlow has no musl build: use a glibc image such as node:22-slim' : null,
    state.problem,
    runtimeProblem(chosen, probed),
    processorProblem(cpu),
    ...taken.map(({ port, problem }) => `port ${port} cannot be listened on (${problem})`),
    model?.problem ? `${model.path}: ${model.problem}` : null,
  ];
  const usable = probed.filter(({ verdict }) => verdict === 'taken' || verdict === 'usable');
  const files = new Set(usable.map(({ path }) => path));
  const rivals = rivalPackages(options.cwd);
  const warnings = [
    cache.problem === null ? null : `cache: ${cache.problem}; install with --dir`,
    memory.available < LEAST_MEMORY ? 'less than 512 MiB of memory available' : null,
    files.size > 1 ? `${files.size} TensorFlow libraries on this machine; the first is used` : null,
    rivals.length > 0
      ? `${rivals.join(', ')} brings a TensorFlow of its own: do not load both in one process`
      : null,
    gpus.length > 0 && isCpuBuild(chosen)
      ? 'there is a GPU, but the runtime is the CPU build; servable runtime install --cuda'
      : null,
  ];
  const said = (text: string | null): text is string => text !== null;
  return {
    ok: !problems.some(said),
    node,
    system: { platform: process.platform, arch: process.arch, libc },
    addon: state,
    runtimes: probed,
    cpu,
    gpus,
    ports,
    cache,
    memory,
    model,
    problems: problems.filter(said),
    warnings: warnings.filter(said),
  };
}
