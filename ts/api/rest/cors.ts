import type { Exchange } from './exchange.js';

/** Who may call from a browser. */
export interface CorsSettings {
  /** Without it only the preflight is answered, as TensorFlow Serving does. */
  readonly enabled: boolean;
  /** Origins that answers name; `*` is any. */
  readonly origins: readonly string[];
  /** Request headers that answers allow. */
  readonly headers: readonly string[];
}

/** Adds the CORS headers to an answer. */
export type AddCors = (exchange: Exchange) => void;

/** What adds the CORS headers; null where they are off. */
export function corsHeaders(settings: CorsSettings): AddCors | null {
  if (!settings.enabled) return null;
  const any = settings.origins.includes('*');
  const allowed = new Set(settings.origins);
  const headers = settings.headers.join(', ');
  return (exchange) => {
    const { origin } = exchange.headers;
    if (any) {
      exchange.header('access-control-allow-origin', '*');
    } else {
      exchange.header('vary', 'Origin');
      if (origin !== undefined && allowed.has(origin)) {
        exchange.header('access-control-allow-origin', origin);
      }
    }
    exchange.header('access-control-allow-methods', 'POST, GET');
    exchange.header('access-control-allow-headers', headers);
  };
}

const EMPTY = Buffer.alloc(0);

/** Answers a preflight: 200 for an HTTP origin, else 400; always without a body. */
export function answerPreflight(exchange: Exchange): void {
  const origin = exchange.headers.origin ?? '';
  exchange.statusCode = /https?:\/\//.test(origin) ? 200 : 400;
  exchange.header('content-type', 'text/html; charset=ISO-8859-1');
  exchange.send(EMPTY);
}
