import { ServingError } from '../errors.js';
import type { ChoiceOption, OptionSpec } from './option-spec.js';
import { OPTIONS } from './option-table.js';

export type { OptionSpec } from './option-spec.js';
export { OPTIONS } from './option-table.js';

type Table = typeof OPTIONS;

/** The name of an option: its flag without the dashes. */
export type OptionName = keyof Table;

type CamelCase<S extends string> = S extends `${infer A}_${infer B}`
  ? `${A}${Capitalize<CamelCase<B>>}`
  : S;

type ValueOf<S extends OptionSpec> = S extends { kind: 'number' }
  ? number
  : S extends { kind: 'boolean' }
    ? boolean
    : S extends { kind: 'list' }
      ? readonly string[]
      : S extends ChoiceOption<infer C>
        ? C
        : string;

/** Every option with its value: complete, checked and frozen. */
export type Options = { readonly [N in OptionName as CamelCase<N>]: ValueOf<Table[N]> };

/** An option's value of any kind. */
export type OptionValue = number | boolean | string | readonly string[];

/** The configuration key of a flag: `rest_api_port` is `restApiPort`. */
export function optionKey(name: OptionName): keyof Options {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof Options;
}

/** Every option's name, in the order of the table. */
export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

const NAMES_BY_KEY = new Map<string, OptionName>(OPTION_NAMES.map((n) => [optionKey(n), n]));

/** What to know about accepted options: one sentence each. */
export interface ResolvedOptions {
  readonly options: Options;
  readonly warnings: readonly string[];
}

/**
 * Fills in defaults and checks every value.
 *
 * @param given values by configuration key (`restApiPort`); absent and undefined keys get their default.
 * @throws {ServingError} `INVALID_ARGUMENT` names the flag, what it got and what it wanted.
 */
export function resolveOptions(given: Partial<Options>): ResolvedOptions {
  const values: Record<string, OptionValue> = {};
  const warnings: string[] = [];
  for (const name of OPTION_NAMES) values[optionKey(name)] = OPTIONS[name].default;
  for (const [key, value] of Object.entries(given)) {
    const name = NAMES_BY_KEY.get(key);
    if (name === undefined) {
      throw new ServingError('INVALID_ARGUMENT', `unknown option "${key}"`);
    }
    if (value === undefined) continue;
    const spec: OptionSpec = OPTIONS[name];
    values[key] = checkValue(name, spec, value);
    const active = spec.kind === 'boolean' ? value === true : value !== spec.default;
    if (spec.noEffect !== undefined) warnings.push(`--${name} has no effect: ${spec.noEffect}`);
    if (spec.later !== undefined && active) warnings.push(`--${name} is ignored: ${spec.later}`);
  }
  const options = Object.freeze(values) as unknown as Options;
  checkTogether(options);
  return { options, warnings };
}

/** What is wrong with a value, such as `got "x", wanted true or false`; null when it is right. */
export function valueProblem(spec: OptionSpec, value: unknown): string | null {
  const wanted = wantedBy(spec, value);
  return wanted === null ? null : `got ${shown(value)}, wanted ${wanted}`;
}

/** What a value should have been, or null when it is right. */
function wantedBy(spec: OptionSpec, value: unknown): string | null {
  switch (spec.kind) {
    case 'number': {
      const inRange = typeof value === 'number' && value >= spec.min && value <= spec.max;
      if (inRange && (spec.fraction === true || Number.isInteger(value))) return null;
      return `${spec.fraction ? 'a number' : 'a whole number'} from ${spec.min} to ${spec.max}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? null : 'true or false';
    case 'text':
      return typeof value === 'string' ? null : 'text';
    case 'list':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
        ? null
        : 'a list of texts';
    case 'choice':
      if (typeof value === 'string' && spec.choices.includes(value)) return null;
      return `one of ${spec.choices.map((it) => (it === '' ? '""' : it)).join(', ')}`;
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function checkValue(name: OptionName, spec: OptionSpec, value: OptionValue): OptionValue {
  const problem = valueProblem(spec, value);
  if (problem !== null) throw new ServingError('INVALID_ARGUMENT', `--${name}: ${problem}`);
  return Array.isArray(value) ? Object.freeze([...value]) : value;
}

/** Checks that need more than one option; the texts are TensorFlow Serving's where it has them. */
function checkTogether(options: Options): void {
  const fail = (message: string): never => {
    throw new ServingError('INVALID_ARGUMENT', message);
  };
  const grpc = options.port !== 0 || options.grpcSocketPath !== '';
  const rest = options.restApiPort !== 0 || options.restApiSocketPath !== '';
  if (!grpc && !rest) fail('every listener is off: set --port, --rest_api_port or a socket path');
  if (options.port !== 0 && options.port === options.restApiPort) {
    fail(`--port and --rest_api_port are both ${options.port}: they must differ`);
  }
  if (
    options.tensorflowSessionParallelism > 0 &&
    options.tensorflowIntraOpParallelism > 0 &&
    options.tensorflowInterOpParallelism > 0
  ) {
    fail(
      'Either configure server_options.tensorflow_session_parallelism or (server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.',
    );
  }
  const { adminPort, adminSocketPath, modelConfigStateFile } = options;
  if (modelConfigStateFile !== '' && !modelConfigStateFile.toLowerCase().endsWith('.json')) {
    fail(
      `--model_config_state_file: got "${modelConfigStateFile}", wanted a name that ends in .json`,
    );
  }
  if (adminPort !== 0 && (adminPort === options.port || adminPort === options.restApiPort)) {
    fail(`--admin_port is ${adminPort} like another port: they must differ`);
  }
  if (
    adminSocketPath !== '' &&
    [options.grpcSocketPath, options.restApiSocketPath].includes(adminSocketPath)
  ) {
    fail(`--admin_socket_path is ${adminSocketPath} like another socket: they must differ`);
  }
  if (options.batchingParametersFile !== '' && !options.enableBatching) {
    fail(
      'server_options.batching_parameters_file is set without setting server_options.enable_batching to true.',
    );
  }
  if (options.useAltsCredentials && options.sslConfigFile !== '') {
    fail('Either use_alts_credentials must be false or ssl_config_file must be empty.');
  }
  for (const argument of options.grpcChannelArguments) {
    if (!argument.includes('=')) {
      fail(`--grpc_channel_arguments: got "${argument}", wanted key=value`);
    }
  }
}
