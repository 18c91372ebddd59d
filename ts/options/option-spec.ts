/** What every option says about itself; `name` is the flag and, in camelCase, the configuration key. */
interface Common {
  /** One line for `--help`. */
  readonly doc: string;
  /** The heading `--help` lists it under. */
  readonly group: Group;
  /** Set when the option is read and checked but does nothing: the reason, printed as a warning. */
  readonly noEffect?: string;
  /** Set when the feature is not in this version: what happens instead, printed as a warning. */
  readonly later?: string;
}

/** Headings of `servable serve --help`, in the order they are printed. */
export type Group =
  | 'Models'
  | 'Request log'
  | 'Listeners'
  | 'Limits'
  | 'Reliability'
  | 'Security'
  | 'Batching'
  | 'TensorFlow'
  | 'Behaviour'
  | 'Observing'
  | 'Accepted';

/** An option that takes a number. */
export interface NumberOption extends Common {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
  readonly fraction?: boolean;
}
/** An option that is on or off. */
export interface BooleanOption extends Common {
  readonly kind: 'boolean';
  readonly default: boolean;
}
/** An option that takes text. */
export interface TextOption extends Common {
  readonly kind: 'text';
  readonly default: string;
}
/** An option that takes texts, comma separated on the command line. */
export interface ListOption extends Common {
  readonly kind: 'list';
  readonly default: readonly string[];
}

/** An option that takes one of a few words. */
export interface ChoiceOption<C extends string> extends Common {
  readonly kind: 'choice';
  readonly default: C;
  readonly choices: readonly C[];
}

/** The description of one option. */
export type OptionSpec =
  | NumberOption
  | BooleanOption
  | TextOption
  | ListOption
  | ChoiceOption<string>;

const INT32 = 2 ** 31 - 1;

/** A number, whole unless `fraction`, from 0 to 2^31 - 1 unless said otherwise. */
export function int(
  group: Group,
  value: number,
  doc: string,
  rest: Partial<Omit<NumberOption, 'kind' | 'default' | 'doc' | 'group'>> = {},
): NumberOption {
  return { kind: 'number', group, default: value, doc, min: 0, max: INT32, ...rest };
}

/** True or false. */
export function flag(
  group: Group,
  value: boolean,
  doc: string,
  rest: Partial<Common> = {},
): BooleanOption {
  return { kind: 'boolean', group, default: value, doc, ...rest };
}

/** Any text; empty is not set. */
export function text(
  group: Group,
  value: string,
  doc: string,
  rest: Partial<Common> = {},
): TextOption {
  return { kind: 'text', group, default: value, doc, ...rest };
}

/** Texts, comma separated on the command line. */
export function list(group: Group, value: readonly string[], doc: string): ListOption {
  return { kind: 'list', group, default: value, doc };
}

/** One of a few words. */
export function choice<const C extends string>(
  group: Group,
  value: NoInfer<C>,
  choices: readonly C[],
  doc: string,
): ChoiceOption<C> {
  return { kind: 'choice', group, default: value, choices, doc };
}
