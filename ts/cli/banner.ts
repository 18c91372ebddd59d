import type { Server } from '../server.js';
import { textTable } from '../text-table.js';
import { packageVersion } from '../version.js';

/** What a person at a terminal wants to know once the server answers: versions, URLs, models. */
export async function banner(server: Server): Promise<string> {
  const { rest, grpc } = await server.listening();
  const models = server.models();
  const lines = [
    '',
    `Servable ${packageVersion()}, TensorFlow ${server.runtime()?.version ?? '?'}`,
  ];
  const example = models[0]?.name ?? 'NAME';
  if (rest !== null) {
    lines.push(`  REST    ${rest}/v1/models/${encodeURIComponent(example)}:predict`);
    lines.push(`  models  ${rest}/v1/models`);
    lines.push(`  health  ${rest}/healthz/ready`);
  }
  if (grpc !== null) lines.push(`  gRPC    ${grpc}`);
  const rows = models.flatMap(({ name, versions, labels }) =>
    versions.map(({ version, state, message }) => [
      name,
      String(version),
      state,
      labels
        .filter((label) => label.version === version)
        .map(({ label }) => label)
        .join(', '),
      message.split('\n')[0] ?? '',
    ]),
  );
  const table = textTable([['MODEL', 'VERSION', 'STATE', 'LABELS', ''], ...rows], { indent: '  ' });
  return `${[...lines, '', table].join('\n')}\n`;
}
