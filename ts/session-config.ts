import type { Options } from './options.js';

/**
 * The session options of every model as a serialized `tensorflow.ConfigProto`; null is TensorFlow's defaults.
 *
 * As in TensorFlow Serving, one of the intra- and inter-op flags set means that both are taken from these two.
 */
export async function sessionConfig(options: Options): Promise<Uint8Array | null> {
  const both = options.tensorflowSessionParallelism;
  const intra = options.tensorflowIntraOpParallelism;
  const inter = options.tensorflowInterOpParallelism;
  const separate = intra > 0 || inter > 0;
  const gpu = options.perProcessGpuMemoryFraction;
  if (!separate && both === 0 && gpu === 0) return null;
  const { messageType } = await import('./codec/messages.js');
  return messageType('tensorflow.ConfigProto').encode({
    intraOpParallelismThreads: separate ? intra : both,
    interOpParallelismThreads: separate ? inter : both,
    gpuOptions: { perProcessGpuMemoryFraction: gpu },
  });
}
