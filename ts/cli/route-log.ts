import { type LevelName, levelNumber } from '../log-level.js';
import { routeStderr, setNativeLogLevel } from '../native/native-log.js';
import { firstTensorflowLevel } from '../observe/log-levels.js';

/**
 * Has TensorFlow's lines come out of the server's log. Before TensorFlow is opened, and after `process.stderr` was first looked at: from
 * here on descriptor 2 is a pipe, and that stream would no longer know whether it is a terminal.
 *
 * @param format of the server's log
 */
export function routeLog(format: 'auto' | 'text' | 'json', level: LevelName): void {
  const isText = format === 'text' || (format === 'auto' && process.stderr.isTTY);
  setNativeLogLevel(levelNumber(firstTensorflowLevel(level)));
  routeStderr(!isText);
  // Everything, so that the level can be changed while the server runs; these are lines of loads, none of requests.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '0';
}
