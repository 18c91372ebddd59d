import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { flagsHelp, nearest, parseFlags } from '../../ts/options/flags.js';
import {
  OPTION_NAMES,
  OPTIONS,
  type OptionSpec,
  optionKey,
  resolveOptions,
} from '../../ts/options/options.js';
import { sessionSettings } from '../../ts/options/session-config.js';

describe('flags', () => {
  it('takes every spelling of a flag', () => {
    for (const argv of [
      ['--rest_api_port=9000'],
      ['--rest_api_port', '9000'],
      ['--rest-api-port=9000'],
      ['--rest-api-port', '9000'],
      ['-rest_api_port=9000'],
      ['--REST_API_PORT=9000'],
    ]) {
      expect(parseFlags(argv).values).toEqual({ restApiPort: 9000 });
    }
  });

  it('takes every form of a boolean', () => {
    const value = (...argv: string[]) => parseFlags(argv).values.listenAfterLoad;
    expect(value('--listen_after_load')).toBe(true);
    expect(value('--listen_after_load=true')).toBe(true);
    expect(value('--listen_after_load=1')).toBe(true);
    expect(value('--listen-after-load', 'false')).toBe(false);
    expect(value('--listen_after_load=false')).toBe(false);
    expect(value('--nolisten_after_load')).toBe(false);
    expect(value('--no-listen-after-load')).toBe(false);
    expect(parseFlags(['--listen_after_load', '--port=1']).values).toEqual({
      listenAfterLoad: true,
      port: 1,
    });
  });

  it('lets the last of a repeated flag win', () => {
    expect(parseFlags(['--port=1', '--port', '2', '--port=3']).values).toEqual({ port: 3 });
  });

  it('takes negative numbers, empty texts, lists and values with "="', () => {
    expect(parseFlags(['--load_retry_interval_micros', '-1']).values).toEqual({
      loadRetryIntervalMicros: -1,
    });
    expect(parseFlags(['--model_base_path=']).values).toEqual({ modelBasePath: '' });
    expect(parseFlags(['--saved_model_tags=serve,gpu']).values).toEqual({
      savedModelTags: ['serve', 'gpu'],
    });
    expect(parseFlags(['--model_base_path=/a=b']).values).toEqual({ modelBasePath: '/a=b' });
  });

  it.each([
    [['--rest_api_prt=1'], 'unknown flag --rest_api_prt: did you mean --rest_api_port?'],
    [['--zzz'], 'unknown flag --zzz: see --help'],
    [['model'], 'unexpected argument "model": flags start with --'],
    [['--port'], '--port needs a value: gRPC port; 0 turns it off'],
    [
      ['--model_name', '--port=1'],
      '--model_name needs a value: name of the model under --model_base_path',
    ],
    [['--port=x'], '--port: got "x", wanted a number'],
    [['--listen_after_load=maybe'], '--listen_after_load: got "maybe", wanted true or false'],
    [['--config'], '--config needs a value: file with the same options'],
    [['--nomodel_name'], 'unknown flag --nomodel_name: did you mean --model_name?'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseFlags(argv)).toThrow(message);
  });

  it('takes a configuration file apart from the options', () => {
    expect(parseFlags(['--config=a.yaml', '--port=1'])).toMatchObject({
      config: 'a.yaml',
      values: { port: 1 },
    });
    expect(parseFlags(['--config', 'a.yaml']).config).toBe('a.yaml');
    expect(parseFlags([]).config).toBeNull();
  });

  it('finds the nearest name, or none', () => {
    expect(nearest('model_nmae', OPTION_NAMES)).toBe('model_name');
    expect(nearest('grpc_port', ['port', 'rest_api_port'])).toBeNull();
    expect(nearest('serv', ['serve', 'demo'])).toBe('serve');
  });

  it('lists every option in the help', () => {
    const help = flagsHelp();
    for (const name of OPTION_NAMES) expect(help).toContain(`--${name} `);
  });
});

describe('options', () => {
  it('are complete, frozen and have the documented defaults', () => {
    const { options, warnings } = resolveOptions({});
    expect(warnings).toEqual([]);
    expect(Object.isFrozen(options)).toBe(true);
    expect(Object.keys(options)).toHaveLength(OPTION_NAMES.length);
    expect(options).toMatchObject({
      port: 8500,
      restApiPort: 8501,
      modelName: 'default',
      fileSystemPollWaitSeconds: 1,
      restApiTimeoutInMs: 30_000,
      maxBodyBytes: 256 * 1024 * 1024,
      grpcMaxMessageBytes: 256 * 1024 * 1024,
      graphRemapping: 'auto',
      inputShapeCheck: 'auto',
      savedModelTags: ['serve'],
      maxNumLoadRetries: 5,
      loadRetryIntervalMicros: 60_000_000,
    });
  });

  it('every default passes its own check', () => {
    for (const name of OPTION_NAMES) {
      const spec: OptionSpec = OPTIONS[name];
      expect(() => resolveOptions({ [optionKey(name)]: spec.default }), name).not.toThrow();
    }
  });

  it.each([
    [{ port: 70_000 }, '--port: got 70000, wanted a whole number from 0 to 65535'],
    [{ port: 1.5 }, '--port: got 1.5, wanted a whole number from 0 to 65535'],
    [
      { inputShapeCheck: 'maybe' },
      '--input_shape_check: got "maybe", wanted one of auto, strict, off',
    ],
    [{ modelName: 3 }, '--model_name: got 3, wanted text'],
    [{ savedModelTags: 'serve' }, '--saved_model_tags: got "serve", wanted a list of texts'],
    [{ zzz: 1 }, 'unknown option "zzz"'],
    [{ port: 1, restApiPort: 1 }, '--port and --rest_api_port are both 1: they must differ'],
    [
      { port: 0, restApiPort: 0 },
      'every listener is off: set --port, --rest_api_port or a socket path',
    ],
    [{ grpcChannelArguments: ['x'] }, '--grpc_channel_arguments: got "x", wanted key=value'],
    [{ mixedPrecision: 'float16' }, '--mixed_precision: got "float16", wanted one of "", bfloat16'],
    [{ adminPort: 8501 }, '--admin_port is 8501 like another port: they must differ'],
    [
      { adminSocketPath: '/run/s', grpcSocketPath: '/run/s' },
      '--admin_socket_path is /run/s like another socket: they must differ',
    ],
    [
      {
        tensorflowSessionParallelism: 1,
        tensorflowIntraOpParallelism: 1,
        tensorflowInterOpParallelism: 1,
      },
      'You cannot configure all.',
    ],
  ])('refuses %j', (given, message) => {
    expect(() => resolveOptions(given as never)).toThrow(message);
  });

  it('warns of what it accepts without effect, and only when it was asked for', () => {
    const warn = (given: Parameters<typeof resolveOptions>[0]) => resolveOptions(given).warnings;
    expect(warn({ restApiNumThreads: 8 })).toEqual([
      '--rest_api_num_threads has no effect: every worker answers REST on its event loop; see --workers',
    ]);
    for (const [key, reason] of Object.entries({
      useAltsCredentials: 'machines of Google Cloud only',
      skipInitializeTpu: 'starts no TPU',
      preferTfliteModel: 'only SavedModels are served',
      enableProfiler: 'no profiler service',
      threadPoolFactoryConfigFile: 'C++ plug-ins of TensorFlow Serving',
    })) {
      const value = key === 'threadPoolFactoryConfigFile' ? '/x' : true;
      expect(warn({ [key]: value })[0]).toContain(reason);
    }
    expect(warn({ enableBatching: true })).toEqual([]);
  });

  it('the file that keeps model configs is JSON by its name', () => {
    expect(() => resolveOptions({ modelConfigStateFile: '/state.pbtxt' })).toThrow(
      '--model_config_state_file: got "/state.pbtxt", wanted a name that ends in .json',
    );
    expect(resolveOptions({ modelConfigStateFile: '/state.json' }).warnings).toEqual([]);
  });

  it('a batching file needs batching', () => {
    expect(() => resolveOptions({ batchingParametersFile: '/x' })).toThrow(
      'server_options.batching_parameters_file is set without setting server_options.enable_batching to true.',
    );
    expect(() =>
      resolveOptions({ enableBatching: true, batchingParametersFile: '/x' }),
    ).not.toThrow();
  });

  it('a Unix socket may stand for a port', () => {
    expect(() =>
      resolveOptions({ port: 0, restApiPort: 0, grpcSocketPath: '/tmp/g' }),
    ).not.toThrow();
  });
});

describe('session settings', () => {
  const settings = (given: Parameters<typeof resolveOptions>[0]) =>
    sessionSettings(resolveOptions(given).options);
  const config = async (given: Parameters<typeof resolveOptions>[0]) => {
    const { configProto } = await settings(given);
    return configProto === null ? null : messageType('tensorflow.ConfigProto').decode(configProto);
  };
  const file = (text: string): string => {
    const folder = mkdtempSync(join(tmpdir(), 'servable-session-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'session.config'), text);
    return join(folder, 'session.config');
  };

  it('are TensorFlow’s defaults unless asked for', async () => {
    expect(await settings({})).toEqual({
      configProto: null,
      savedModelTags: ['serve'],
      warnings: [],
      batching: null,
      perModelBatching: false,
    });
  });

  it('set both kinds of threads', async () => {
    expect(await config({ tensorflowSessionParallelism: 3 })).toMatchObject({
      intraOpParallelismThreads: 3,
      interOpParallelismThreads: 3,
    });
    expect(await config({ tensorflowIntraOpParallelism: 4 })).toMatchObject({
      intraOpParallelismThreads: 4,
      interOpParallelismThreads: 0,
    });
  });

  it('turn XLA and bfloat16 on, and take a share of the GPU', async () => {
    expect((await config({ xlaGpuCompilationEnabled: true }))?.graphOptions).toMatchObject({
      optimizerOptions: { globalJitLevel: 1, cpuGlobalJit: false },
    });
    expect(
      (await config({ xlaCpuCompilationEnabled: true, mixedPrecision: 'bfloat16' }))?.graphOptions,
    ).toMatchObject({
      optimizerOptions: { globalJitLevel: 1, cpuGlobalJit: true },
      rewriteOptions: { autoMixedPrecisionOnednnBfloat16: 1 },
    });
    const gpu = await config({ perProcessGpuMemoryFraction: 0.5 });
    expect(gpu?.gpuOptions?.perProcessGpuMemoryFraction).toBe(0.5);
  });

  it('come from a file, and flags go before it', async () => {
    const path = file(
      'intra_op_parallelism_threads: 2 gpu_options { allow_growth: true per_process_gpu_memory_fraction: 0.1 }',
    );
    expect(
      await config({ tensorflowSessionConfigFile: path, perProcessGpuMemoryFraction: 0.5 }),
    ).toMatchObject({
      intraOpParallelismThreads: 2,
      gpuOptions: { allowGrowth: true, perProcessGpuMemoryFraction: 0.5 },
    });
    const bad = file('intra_op: 2');
    await expect(settings({ tensorflowSessionConfigFile: bad })).rejects.toThrow(
      `Invalid protobuf file: '${bad}': line 1, column 8: tensorflow.ConfigProto: unknown field 'intra_op'`,
    );
  });

  it('come from a platform config file, which replaces the flags', async () => {
    const adapter = 'type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig';
    const path = file(`platform_configs { key: "tensorflow" value { source_adapter_config {
      [${adapter}] { legacy_config {
        session_config { intra_op_parallelism_threads: 3 } saved_model_tags: "serve" saved_model_tags: "gpu"
      } } } } }`);
    const { configProto, savedModelTags, warnings } = await settings({
      platformConfigFile: path,
      tensorflowSessionParallelism: 7,
    });
    expect(Buffer.from(configProto ?? []).toString('hex')).toBe('1003');
    expect(savedModelTags).toEqual(['serve', 'gpu']);
    expect(warnings).toEqual([
      '--platform_config_file is set: the flags of TensorFlow sessions have no effect',
    ]);
    await expect(settings({ platformConfigFile: file('') })).rejects.toThrow(
      'platform_configs["tensorflow"].source_adapter_config: got none, wanted tensorflow.serving.SavedModelBundleSourceAdapterConfig',
    );
  });
});
