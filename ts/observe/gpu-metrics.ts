import type { GpuFigures } from '../native/counters.js';
import type { Metric } from './prometheus.js';

const FIGURES = [
  ['servable_gpu_utilization_ratio', 'Share of time that a GPU computed.', 'utilization'],
  ['servable_gpu_memory_used_bytes', 'Memory of a GPU in use by all processes.', 'memoryUsed'],
  ['servable_gpu_memory_total_bytes', 'Memory of a GPU.', 'memoryTotal'],
  ['servable_gpu_temperature_celsius', 'Temperature of a GPU.', 'temperature'],
  ['servable_gpu_power_watts', 'Power that a GPU draws.', 'power'],
] as const;

/** What NVIDIA's driver tells of the GPUs; without one there are no families. */
export function gpuMetrics(gpus: readonly GpuFigures[]): Metric[] {
  return FIGURES.map(([name, help, figure]) => ({
    kind: 'gauge',
    name,
    help,
    samples: gpus.flatMap(({ index, name: model, uuid, [figure]: value }) =>
      value === null ? [] : [{ labels: { gpu: String(index), name: model, uuid }, value }],
    ),
  }));
}
