import { nearest, parseValue } from './flags.js';
import { OPTION_NAMES, type Options, type OptionValue, optionKey } from './options.js';

/** What the environment says. */
export interface EnvironmentOptions {
  /** Values by configuration key, only those that are set. */
  readonly values: Partial<Options>;
  readonly warnings: readonly string[];
}

const PREFIX = 'SERVABLE_';
/** Variables of ours that are no options. */
const OTHERS: ReadonlySet<string> = new Set([
  'SERVABLE_ADDON',
  'SERVABLE_ARGS',
  'SERVABLE_CONFIG',
  'SERVABLE_HEALTH_URL',
  'SERVABLE_SUPERVISED',
  'SERVABLE_TOKEN',
  'SERVABLE_VERSION',
]);
/** What Kubernetes sets in every pod beside a Service that is called "servable": addresses, not options. */
const SERVICE_LINK = /^(?:SERVABLE_SERVICE_.*|SERVABLE_PORT_\d+_.*)$/;
const SERVICE_ADDRESS = /^(?:tcp|udp|sctp):\/\//;

/** The variable of an option: `rest_api_port` is `SERVABLE_REST_API_PORT`. */
export function variableOf(name: string): string {
  return `${PREFIX}${name.toUpperCase()}`;
}

/**
 * Reads options from environment variables, written as on the command line. An empty variable is not set.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming the variable, what it got and what it wanted
 */
export function environmentOptions(
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentOptions {
  const values: Record<string, OptionValue> = {};
  const warnings: string[] = [];
  const names = new Map(OPTION_NAMES.map((name) => [variableOf(name), name]));
  for (const [variable, value = ''] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || value === '') continue;
    const name = names.get(variable);
    if (name === undefined) {
      if (OTHERS.has(variable) || SERVICE_LINK.test(variable)) continue;
      const near = nearest(variable, [...names.keys()]);
      if (near !== null) warnings.push(`${variable} is ignored: did you mean ${near}?`);
      continue;
    }
    if (SERVICE_ADDRESS.test(value)) {
      warnings.push(`${variable}=${value} is ignored: it is Kubernetes' address of a Service`);
      continue;
    }
    values[optionKey(name)] = parseValue(name, value, variable);
  }
  return { values: values as Partial<Options>, warnings };
}
