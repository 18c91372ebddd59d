import type { Socket } from 'node:net';
import {
  createServer,
  type PeerCertificate,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { TlsMaterial } from './tls-material.js';

/** The protocol that clients agree on in the handshake. */
export type Protocol = 'h2' | 'http/1.1';

/** Time a client gets for its handshake. */
const HANDSHAKE_MS = 10_000;

/** Puts TLS on accepted connections; each comes out decrypted or is closed. */
export class TlsDoor {
  readonly #server: Server;

  /**
   * @param secured gets the connections whose handshake is done
   * @param refused is told why one was closed
   */
  constructor(
    material: TlsMaterial,
    protocol: Protocol,
    secured: (socket: TLSSocket) => void,
    refused: (reason: string) => void,
  ) {
    const { clientVerify } = material;
    this.#server = createServer(
      {
        ...contextOptions(material),
        ALPNProtocols: [protocol],
        handshakeTimeout: HANDSHAKE_MS,
        requestCert: clientVerify !== 'off',
        rejectUnauthorized: clientVerify === 'required',
      },
      (socket) => {
        // gRPC is HTTP/2 alone. A REST client may leave the protocol open, which means HTTP/1.1.
        if (protocol === 'h2' && socket.alpnProtocol !== 'h2') {
          refused('the client did not ask for HTTP/2');
          socket.destroy();
          return;
        }
        secured(socket);
      },
    );
    this.#server.on('tlsClientError', (error, socket) => {
      refused(error.message);
      socket.destroy();
    });
  }

  /** Takes a connection that has just been accepted. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** From the next connection on these count; those that are open stay as they are. */
  renew(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOptions(material));
  }
}

function contextOptions(material: TlsMaterial): SecureContextOptions {
  const { key, cert, ca, minVersion } = material;
  return { key, cert, minVersion, honorCipherOrder: true, ...(ca === null ? {} : { ca }) };
}

/**
 * The names in the certificate that a client has shown and that was verified: `CN=trainer`, `DNS:trainer.example`,
 * `URI:spiffe://…`. Null without one.
 */
export function certificateNames(socket: object): readonly string[] | null {
  const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>;
  if (authorized !== true || getPeerCertificate === undefined) return null;
  const certificate = getPeerCertificate.call(socket as TLSSocket);
  return certificate.subject === undefined ? null : namesIn(certificate);
}

/** The names in a certificate; see {@link certificateNames}. */
export function namesIn({ subject, subjectaltname }: PeerCertificate): readonly string[] {
  const common: unknown = subject.CN;
  const names = Array.isArray(common) ? common.map(String) : common ? [String(common)] : [];
  return [...names.map((name) => `CN=${name}`), ...alternativeNames(subjectaltname ?? '')];
}

/** Splits a subjectAltName as Node prints it; a name with a comma or a quote in it stands in quotes. */
export function alternativeNames(text: string): string[] {
  return [...text.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].flatMap(
    ([, kind = '', value = '']) => {
      if (!value.startsWith('"')) return [`${kind}:${value}`];
      try {
        return [`${kind}:${JSON.parse(value) as string}`];
      } catch {
        return [];
      }
    },
  );
}
