import type { BatchingParameters, ConfigProto, Init } from '../codec/messages.js';
import { ServingError } from '../errors.js';
import type { Options } from './options.js';

/** How sessions are made, for models whose config says nothing else. */
export interface SessionSettings {
  /** Serialized `tensorflow.ConfigProto`; null is TensorFlow's defaults. */
  readonly configProto: Uint8Array | null;
  /** Tags of the graph to load. */
  readonly savedModelTags: readonly string[];
  /** What to tell the operator: settings that another one keeps from counting. */
  readonly warnings: readonly string[];
  /** The batching that a platform config file asks for. */
  readonly batching: BatchingParameters | null;
  /** It asks for `batching_params.pbtxt` of each version. */
  readonly perModelBatching: boolean;
}

/** `RewriterConfig.Toggle.ON`. */
const TOGGLE_ON = 1;
/** `OptimizerOptions.GlobalJitLevel.ON_1`: compile what gains from it. */
const JIT_ON = 1;
const BFLOAT16 = {
  graphOptions: { rewriteOptions: { autoMixedPrecisionOnednnBfloat16: TOGGLE_ON } },
};
const ADAPTER = 'tensorflow.serving.SavedModelBundleSourceAdapterConfig';

/**
 * The session settings of the options: those of the platform config file, else the session config file with the flags on top.
 *
 * As in TensorFlow Serving, one of the intra- and inter-op flags set means that both are taken from these two.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column of what is wrong in a file
 */
export async function sessionSettings(options: Options): Promise<SessionSettings> {
  if (options.platformConfigFile !== '') return platformSettings(options);
  const { savedModelTags } = options;
  const configProto = await sessionConfig(options);
  const batching = { batching: null, perModelBatching: false };
  return { configProto, savedModelTags, warnings: [], ...batching };
}

/** The session options as a serialized `tensorflow.ConfigProto`, without a look at the platform config file; null is the defaults. */
export async function sessionConfig(options: Options): Promise<Uint8Array | null> {
  const changes = flagConfig(options);
  const file = options.tensorflowSessionConfigFile;
  if (file === '' && changes === null) return null;
  const { messageType } = await import('../codec/messages.js');
  const type = messageType('tensorflow.ConfigProto');
  const flags = type.encode(changes ?? {});
  if (file === '') return flags;
  const { readTextFile } = await import('../codec/text-format.js');
  // Serialized messages one after the other are one message: what the flags set replaces what the file says.
  return Buffer.concat([type.encode(await readTextFile(type, file)), flags]);
}

function flagConfig(options: Options): Init<ConfigProto> | null {
  const both = options.tensorflowSessionParallelism;
  const intra = options.tensorflowIntraOpParallelism;
  const inter = options.tensorflowInterOpParallelism;
  const separate = intra > 0 || inter > 0;
  const gpu = options.perProcessGpuMemoryFraction;
  const cpuJit = options.xlaCpuCompilationEnabled;
  const jit = cpuJit || options.xlaGpuCompilationEnabled;
  const mixed = options.mixedPrecision !== '';
  if (!separate && both === 0 && gpu === 0 && !jit && !mixed) return null;
  return {
    intraOpParallelismThreads: separate ? intra : both,
    interOpParallelismThreads: separate ? inter : both,
    gpuOptions: { perProcessGpuMemoryFraction: gpu },
    ...(jit || mixed
      ? {
          graphOptions: {
            ...(jit ? { optimizerOptions: { globalJitLevel: JIT_ON, cpuGlobalJit: cpuJit } } : {}),
            ...(mixed ? BFLOAT16.graphOptions : {}),
          },
        }
      : {}),
  };
}

/** The settings of the platform `tensorflow` in a PlatformConfigMap: of its other parts nothing has an effect here. */
async function platformSettings(options: Options): Promise<SessionSettings> {
  const file = options.platformConfigFile;
  const [{ messageType }, { readTextFile }] = await Promise.all([
    import('../codec/messages.js'),
    import('../codec/text-format.js'),
  ]);
  const map = await readTextFile(messageType('tensorflow.serving.PlatformConfigMap'), file);
  const adapter = map.platformConfigs.tensorflow?.sourceAdapterConfig ?? null;
  if (adapter === null || !adapter.type_url.endsWith(`/${ADAPTER}`)) {
    const got = adapter === null ? 'none' : adapter.type_url;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${file}: platform_configs["tensorflow"].source_adapter_config: got ${got}, wanted ${ADAPTER}`,
    );
  }
  const { legacyConfig } = messageType(ADAPTER).decode(adapter.value);
  const type = messageType('tensorflow.ConfigProto');
  const parts = [type.encode(legacyConfig?.sessionConfig ?? {})];
  if (legacyConfig?.mixedPrecision === 'bfloat16') parts.push(type.encode(BFLOAT16));
  const configProto = Buffer.concat(parts);
  const savedModelTags = legacyConfig?.savedModelTags ?? [];
  const warnings: string[] = [];
  if (flagConfig(options) !== null || options.tensorflowSessionConfigFile !== '') {
    warnings.push('--platform_config_file is set: the flags of TensorFlow sessions have no effect');
  }
  if (options.enableBatching) {
    warnings.push('--platform_config_file is set: the flags of batching have no effect');
  }
  return {
    configProto: configProto.length === 0 ? null : configProto,
    savedModelTags: savedModelTags.length === 0 ? ['serve'] : savedModelTags,
    warnings,
    batching: legacyConfig?.batchingParameters ?? null,
    perModelBatching: legacyConfig?.enablePerModelBatchingParams ?? false,
  };
}
