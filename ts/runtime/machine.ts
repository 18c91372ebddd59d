import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

/** What of the processor matters to TensorFlow. */
export interface CpuFacts {
  readonly model: string;
  /** Processors this process may use. */
  readonly count: number;
  /** Of those TensorFlow's kernels use, the ones there are. */
  readonly features: readonly string[];
}

const LINUX_FEATURES = [
  'sse4_2',
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_tile',
  'amx_bf16',
  'asimd',
  'asimdhp',
  'sve',
  'bf16',
  'i8mm',
] as const;

function run(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000 }, (error, stdout) => {
      // A program that is not there or fails has nothing to tell: that is the answer.
      resolve(error === null ? stdout : null);
    });
  });
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // not on this system, or not for this user
  }
}

async function cpuWords(): Promise<Set<string>> {
  if (process.platform === 'darwin') {
    const text = (await run('sysctl', ['-a'])) ?? '';
    const on = [...text.matchAll(/^hw\.optional\.(?:arm\.)?(?:FEAT_)?(\S+): 1$/gm)];
    const features = /^machdep\.cpu\.(?:leaf7_)?features: (.*)$/gm;
    const listed = [...text.matchAll(features)].flatMap((match) => (match[1] ?? '').split(' '));
    const words = [...on.map((match) => match[1] ?? ''), ...listed];
    return new Set(words.map((word) => word.toLowerCase().replace('avx1.0', 'avx')));
  }
  const text = readText('/proc/cpuinfo') ?? '';
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1] ?? '';
  return new Set(line.split(/\s+/));
}

/** Processor, count and the instruction sets TensorFlow has kernels for. */
export async function cpuFacts(): Promise<CpuFacts> {
  const words = await cpuWords();
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    count: availableParallelism(),
    features: LINUX_FEATURES.filter((feature) => words.has(feature)),
  };
}

/** One GPU; memory in MiB, null where it is not told. */
export interface GpuFacts {
  readonly name: string;
  readonly memoryMib: number | null;
  readonly driver: string | null;
}

function fromProc(): GpuFacts[] {
  const root = '/proc/driver/nvidia';
  const driver = /Kernel Module(?: for \S+)?\s+(\S+)/.exec(readText(`${root}/version`) ?? '')?.[1];
  let devices: string[];
  try {
    devices = readdirSync(`${root}/gpus`);
  } catch {
    return []; // no NVIDIA driver
  }
  return devices.map((device) => {
    const information = readText(`${root}/gpus/${device}/information`) ?? '';
    const name = /^Model:\s*(.+)$/m.exec(information)?.[1] ?? device;
    return { name, memoryMib: null, driver: driver ?? null };
  });
}

/** NVIDIA GPUs, from `nvidia-smi` or the driver's files; an empty list where there are none. */
export async function gpuFacts(): Promise<GpuFacts[]> {
  const query = '--query-gpu=name,memory.total,driver_version';
  const text = await run('nvidia-smi', [query, '--format=csv,noheader,nounits']);
  const lines = text?.split('\n').filter((line) => line.trim() !== '') ?? [];
  const listed = lines.flatMap((line) => {
    const [name, memory, driver] = line.split(',').map((cell) => cell.trim());
    if (name === undefined || driver === undefined) return [];
    const memoryMib = Number(memory);
    return { name, memoryMib: Number.isFinite(memoryMib) ? memoryMib : null, driver };
  });
  return listed.length > 0 ? listed : fromProc();
}

/** Memory in bytes; `limit` is the container's, null where there is none. */
export interface MemoryFacts {
  readonly total: number;
  readonly available: number;
  readonly limit: number | null;
}

/** What this process may use. `freemem` leaves out what the kernel would give back, so the kernel's own estimate is preferred. */
export function memoryFacts(): MemoryFacts {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '')?.[1];
  const available = kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
  const max = Number((readText('/sys/fs/cgroup/memory.max') ?? '').trim());
  const limit = Number.isFinite(max) && max > 0 && max < totalmem() ? max : null;
  const used = Number((readText('/sys/fs/cgroup/memory.current') ?? '').trim());
  const room = limit === null || !Number.isFinite(used) ? available : limit - used;
  return { total: totalmem(), available: Math.max(0, Math.min(available, room)), limit };
}

/** Why a port cannot be listened on, or null when it is free: all addresses, IPv4 alone where there is no IPv6. */
export function portProblem(port: number): Promise<string | null> {
  const attempt = (host: string): Promise<string | null> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
    });
  return attempt('::').then((problem) =>
    problem === 'EAFNOSUPPORT' || problem === 'EADDRNOTAVAIL' ? attempt('0.0.0.0') : problem,
  );
}

/** The C library's version (`2.36`), `musl`, or null off Linux. */
export function libcVersion(): string | null {
  if (process.platform !== 'linux') return null;
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // The report otherwise resolves the names of all open connections.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? 'musl';
}
