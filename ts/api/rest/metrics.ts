import type { FastifyInstance } from 'fastify';
import { CONTENT_TYPES, type PageFormat, pageFormat } from '../../observe/prometheus.js';
import { type ReplySettings, sendBody } from './reply.js';

/** The metrics page of a server. */
export interface MetricsPage {
  /** Where it is answered. */
  readonly paths: readonly string[];
  readonly render: (format: PageFormat) => Promise<string>;
}

/** Adds the metrics page, in the format that the Accept header asks for. */
export function addMetrics(
  app: FastifyInstance,
  { paths, render }: MetricsPage,
  settings: ReplySettings,
): void {
  for (const path of paths) {
    app.get(path, async (request, reply) => {
      const format = pageFormat(request.headers.accept);
      const page = Buffer.from(await render(format));
      sendBody(request, reply, page, CONTENT_TYPES[format], settings);
      return reply;
    });
  }
}
