import type { Command } from 'commander';
import { ServingError } from '../errors.js';
import { type Diagnosis, diagnose } from '../runtime/diagnosis.js';
import { megabytes } from '../runtime/disk.js';

/** Keys as commander makes them: flags with underscores keep theirs. */
interface DoctorFlags {
  readonly model?: string;
  readonly tensorflow_library?: string;
  readonly port: string;
  readonly rest_api_port: string;
  readonly json?: true;
}

function heading(title: string): string {
  return `\n${title}`;
}

function mark(problem: string | null): string {
  return problem === null ? 'ok  ' : 'BAD ';
}

const VERDICTS = {
  taken: 'TAKEN ',
  usable: 'usable',
  unusable: 'BAD   ',
  absent: '-     ',
} as const;

function describeRuntimes(diagnosis: Diagnosis): string[] {
  return diagnosis.runtimes.map(({ source, origin, path, version, verdict, problem }) => {
    const what = [version, path ?? origin].filter((part) => part !== null).join('  ');
    const why = problem === null ? '' : `: ${problem}`;
    return `  ${VERDICTS[verdict]}  ${source.padEnd(7)} ${what}${why}`;
  });
}

function describeMachine({ cpu, gpus, memory, cache, ports, model }: Diagnosis): string[] {
  const limit = memory.limit === null ? '' : `, limited to ${megabytes(memory.limit)}`;
  const noGpu = 'no NVIDIA GPU (the CPU build serves without one)';
  const lines = [
    heading('Machine'),
    `  ${cpu.count} × ${cpu.model}`,
    `  ${cpu.features.join(' ') || 'no known instruction sets'}`,
    ...(gpus.length === 0 ? [`  ${noGpu}`] : []),
    ...gpus.map(({ name, memoryMib, driver }) => {
      const size = memoryMib === null ? '' : `, ${memoryMib} MiB`;
      return `  GPU ${name}${size}, driver ${driver ?? 'unknown'}`;
    }),
    `  memory ${megabytes(memory.available)} of ${megabytes(memory.total)} available${limit}`,
    heading('Ports'),
    ...ports.map(
      ({ port, problem }) => `  ${mark(problem)}${port} ${problem === null ? 'free' : problem}`,
    ),
    heading('Cache'),
    `  ${mark(cache.problem)}${cache.folder}: ${megabytes(cache.bytes)}, ${megabytes(cache.freeBytes)} free${
      cache.problem === null ? '' : `: ${cache.problem}`
    }`,
  ];
  if (model !== null) {
    const count = `${model.versions.length} SavedModel${model.versions.length === 1 ? '' : 's'}`;
    lines.push(
      heading('Model'),
      `  ${mark(model.problem)}${model.path}: ${model.problem ?? count}`,
    );
  }
  return lines;
}

/** A diagnosis for people. */
export function describeDiagnosis(diagnosis: Diagnosis): string {
  const { node, system, addon, problems, warnings } = diagnosis;
  const libc =
    system.libc === null || system.libc === 'musl' ? system.libc : `glibc ${system.libc}`;
  const lines = [
    'Servable',
    `  ${mark(node.problem)}Node ${node.version}, ${system.platform} ${system.arch}${libc === null ? '' : `, ${libc}`}`,
    `  ${mark(addon.problem)}addon ${addon.path ?? addon.problem ?? 'loaded'}`,
    heading('TensorFlow, in the order of looking'),
    ...describeRuntimes(diagnosis),
    ...describeMachine(diagnosis),
    '',
    ...warnings.map((warning) => `note: ${warning}`),
    ...problems.map((problem) => `PROBLEM: ${problem}`),
    diagnosis.ok ? 'Serving works on this machine.' : 'Serving does not work yet.',
  ];
  return `${lines.join('\n')}\n`;
}

function portNumber(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ServingError('INVALID_ARGUMENT', `${flag}: expected a port, got "${text}"`);
}

/** Adds `servable doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what a server would find on this machine; exits 1 if serving would not work')
    .option('--model <dir>', 'a model base path to look at: versions and permissions')
    .option('--tensorflow_library <path>', 'judge this library, as serve would with the same flag')
    .option('--port <port>', 'gRPC port to try; 0 skips it', '8500')
    .option('--rest_api_port <port>', 'REST port to try; 0 skips it', '8501')
    .option('--json', 'print as JSON')
    .action(run);
}

async function run(flags: DoctorFlags): Promise<void> {
  const ports = [
    portNumber('--port', flags.port),
    portNumber('--rest_api_port', flags.rest_api_port),
  ].filter((port) => port !== 0);
  const diagnosis = await diagnose({
    model: flags.model ?? null,
    library: flags.tensorflow_library ?? null,
    ports,
    env: process.env,
    cwd: process.cwd(),
  });
  const text =
    flags.json === true ? `${JSON.stringify(diagnosis, null, 2)}\n` : describeDiagnosis(diagnosis);
  process.stdout.write(text);
  if (!diagnosis.ok) process.exitCode = 1;
}
