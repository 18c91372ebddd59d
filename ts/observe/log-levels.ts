import { ServingError } from '../errors.js';
import { LEVEL_NAMES, type LevelControl, type LevelName, levelNumber } from '../log-level.js';
import { setNativeLogLevel } from '../native/native-log.js';

/** What has a level of its own: our own lines, and those that TensorFlow writes. */
export const LOG_COMPONENTS = ['servable', 'tensorflow'] as const;
export type LogComponent = (typeof LOG_COMPONENTS)[number];

/** The level TensorFlow's lines begin with: its news at every load are for those who ask for more than the usual. */
export function firstTensorflowLevel(level: LevelName): LevelName {
  return level === 'info' ? 'warn' : level;
}

/** The levels of the process's log, changed while it runs. */
export class LogLevels {
  readonly #control: LevelControl;
  #tensorflow: LevelName;

  constructor(control: LevelControl) {
    this.#control = control;
    this.#tensorflow = firstTensorflowLevel(control.level);
    setNativeLogLevel(levelNumber(this.#tensorflow));
  }

  /** Every component's level. */
  all(): Readonly<Record<LogComponent, LevelName>> {
    return { servable: this.#control.level, tensorflow: this.#tensorflow };
  }

  /**
   * Sets the level of one component, or of all.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` no such level or component
   */
  set(level: unknown, component: unknown = null): void {
    const name = LEVEL_NAMES.find((it) => it === level);
    if (name === undefined) {
      const wanted = LEVEL_NAMES.join(', ');
      throw new ServingError(
        'INVALID_ARGUMENT',
        `level: got ${JSON.stringify(level) ?? 'nothing'}, wanted one of ${wanted}`,
      );
    }
    const only = LOG_COMPONENTS.find((it) => it === component);
    if (only === undefined && component !== null) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `component: got ${JSON.stringify(component)}, wanted one of ${LOG_COMPONENTS.join(', ')}`,
      );
    }
    if (only !== 'tensorflow') this.#control.set(name);
    if (only !== 'servable') {
      this.#tensorflow = name;
      setNativeLogLevel(levelNumber(name));
    }
  }
}
