import type { EventEmitter } from 'node:events';
import type { Logger } from '../logger.js';
import type { ManagerEvents } from './events.js';

/** Writes one log line for each event of the manager. */
export function logEvents(events: EventEmitter<ManagerEvents>, logger: Logger): void {
  events.on('loading', ({ name, version, attempt, reload }) => {
    logger.info({ model: name, version: `${version}`, attempt }, reload ? 'reloading' : 'loading');
  });
  events.on('fetched', ({ name, version, path, fetchMs }) => {
    logger.info(
      { model: name, version: `${version}`, path, fetchMs: Math.round(fetchMs) },
      'fetched',
    );
  });
  events.on('warmed', ({ name, version, report }) => {
    const { records, runs, elapsedMs, skipped } = report;
    const fields = { model: name, version: `${version}`, runs, warmupMs: Math.round(elapsedMs) };
    if (records !== null) logger.info({ ...fields, records }, 'warmed up');
    else if (runs > 0) logger.info(fields, 'warmed up on zeros');
    for (const { signature, reason } of skipped) {
      logger.debug({ model: name, signature, reason }, 'signature not warmed up');
    }
  });
  events.on('loaded', ({ name, version, loadMs, reload }) => {
    const fields = { model: name, version: `${version}`, loadMs: Math.round(loadMs) };
    logger.info(fields, reload ? 'content replaced' : 'available');
  });
  events.on('unbatched', ({ name, version, signature, reason }) => {
    logger.info({ model: name, version: `${version}`, signature, reason }, 'not batched');
  });
  events.on('failed', ({ name, version, error, retryInMs }) => {
    const fields = { model: name, version: `${version}`, code: error.code, error: error.message };
    if (retryInMs === null) logger.error(fields, 'load failed');
    else logger.warn({ ...fields, retryInMs }, 'load failed, will be retried');
  });
  events.on('state', ({ name, version, state, error }) => {
    const fields = { model: name, version: `${version}`, state };
    if (state === 'UNLOADING') logger.info(fields, 'unloading');
    else if (state === 'END' && error === null) logger.info(fields, 'unloaded');
    else logger.debug(fields, 'state changed');
  });
  events.on('source', ({ name, error }) => {
    if (error === null) logger.info({ model: name }, 'versions found again');
    else
      logger.warn({ model: name, code: error.code, error: error.message }, 'no versions to serve');
  });
  events.on('config', ({ names }) => {
    logger.info({ models: names }, 'model config in force');
  });
}
