import { describe, expect, it } from 'vitest';
import { type LoggingPlace, loggingRule } from '../../ts/manager/logging-rule.js';
import { modelConfigs, parseModelServerConfig } from '../../ts/manager/source/model-config.js';

const PLACE: LoggingPlace = { dir: '', fallbackDir: '/state', task: '', tags: ['serve'] };

/** The rule of a model with this `logging_config` in text format. */
function rule(logging: string, place: Partial<LoggingPlace> = {}, name = 'm') {
  const text = `model_config_list { config { name: '${name}' base_path: '/m' model_platform: 'tensorflow' logging_config { ${logging} } } }`;
  const [config] = modelConfigs(parseModelServerConfig(text, 'test'));
  if (config === undefined) throw new Error('one model');
  return loggingRule(config, { ...PLACE, ...place });
}

const half = 'sampling_config { sampling_rate: 0.5 }';
const to = (type: string, prefix: string): string =>
  `log_collector_config { type: '${type}' filename_prefix: '${prefix}' }`;

describe('logging_config', () => {
  it('says share, format and files', () => {
    expect(rule(`${to('', '/logs/m')} ${half}`)).toEqual({
      model: 'm',
      rate: 0.5,
      format: 'tfrecord',
      prefix: '/logs/m',
      tags: ['serve'],
      sampling: { samplingRate: 0.5, attributes: 0, perTaskSamplingConfigs: [] },
      dc: '',
    });
    expect(rule(`${to('JSONL', '/logs/m')} ${half}`)?.format).toBe('jsonl');
  });

  it('of no share asks for nothing', () => {
    expect(rule(to('tfrecord', '/logs/m'))).toBeNull();
  });

  it('may be YAML', () => {
    const text = `
model_config_list:
  config:
    - name: m
      base_path: /m
      model_platform: tensorflow
      logging_config:
        log_collector_config: { type: jsonl, filename_prefix: /logs/m }
        sampling_config: { sampling_rate: 0.25 }
`;
    const [config] = modelConfigs(parseModelServerConfig(text, 'models.yaml'));
    expect(config && loggingRule(config, PLACE)).toMatchObject({ rate: 0.25, format: 'jsonl' });
  });

  it.each([
    [`${to('kafka', '/logs/m')} ${half}`, {}, 'type: got "kafka", wanted tfrecord or jsonl'],
    [
      `${to('', '/logs/m')} sampling_config { sampling_rate: 1.5 }`,
      {},
      'sampling_rate: got 1.5, wanted a number from 0 to 1',
    ],
    [`${to('', '/logs/m')} sampling_config { sampling_rate: nan }`, {}, 'sampling_rate: got NaN'],
    [
      `${to('', 'logs/m')} ${half}`,
      {},
      'filename_prefix: got "logs/m", wanted an absolute path, or --request_log_dir',
    ],
    [`${to('', '/logs/')} ${half}`, {}, 'wanted a path that ends in the beginning of a name'],
    [`${to('', '../m')} ${half}`, { dir: '/logs' }, 'wanted a path in --request_log_dir /logs'],
    [`${to('', '/etc/m')} ${half}`, { dir: '/logs' }, 'wanted a path in --request_log_dir /logs'],
  ])('%s is refused', (logging, place, message) => {
    expect(() => rule(logging, place)).toThrow(message);
  });

  it('without a prefix the files are named after the model, whatever its name', () => {
    expect(rule(half)?.prefix).toBe('/state/m');
    expect(rule(half, { dir: '/logs' })?.prefix).toBe('/logs/m');
    expect(rule(half, { dir: '/logs' }, '../a/b')?.prefix).toBe('/logs/%2E%2E%2Fa%2Fb');
    expect(rule(`${to('', 'sub/m')} ${half}`, { dir: '/logs' })?.prefix).toBe('/logs/sub/m');
  });

  it('the first per-task rule for this server replaces the share', () => {
    const tasks = `${to('', '/logs/m')} sampling_config {
      sampling_rate: 0.5
      per_task_sampling_configs { dc: 'eu' task_index: 3 sampling_rate: 1 }
      per_task_sampling_configs { dc: 'eu' sampling_rate: 0.1 }
    }`;
    expect(rule(tasks)?.rate).toBe(0.5);
    expect(rule(tasks, { task: 'eu:3' })).toMatchObject({ rate: 1, dc: 'eu' });
    expect(rule(tasks, { task: 'eu:4' })?.rate).toBe(0.1);
    expect(rule(tasks, { task: 'us:3' })?.rate).toBe(0.5);
  });
});
