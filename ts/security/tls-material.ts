import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ServingError } from '../errors.js';
import { type ClientVerify, type TlsFiles, tlsPaths } from './tls-files.js';
import { worldReadable } from './watch.js';

/** Keys and certificates, checked; PEM texts. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  readonly ca: string | null;
  readonly clientVerify: ClientVerify;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** When the server's certificate ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Sentences for the operator. */
  readonly warnings: readonly string[];
}

/** Two weeks: time to renew a certificate that nobody renews automatically. */
const SOON_MS = 14 * 24 * 3600 * 1000;

interface Pem {
  readonly text: string;
  /** How errors name it: a flag and a file, or a field of the config file. */
  readonly origin: string;
}

interface Parts {
  readonly key: Pem;
  readonly cert: Pem;
  readonly ca: Pem | null;
  readonly clientVerify: ClientVerify;
}

/**
 * Reads keys and certificates and checks that they fit together.
 *
 * @param now milliseconds since 1970
 * @throws {ServingError} `INVALID_ARGUMENT` names the file and says what is wrong: missing, no PEM, another key, expired
 */
export async function readTlsMaterial(files: TlsFiles, now: number): Promise<TlsMaterial> {
  checkFiles(files);
  const { key, cert, ca, clientVerify } =
    files.configFile === '' ? partsOfPaths(files) : await partsOfConfig(files.configFile);
  const certificate = parseCertificate(cert);
  const privateKey = parseKey(key);
  if (!certificate.checkPrivateKey(privateKey)) {
    fail(key, `the key does not belong to the certificate of ${cert.origin}`);
  }
  if (ca !== null) parseCertificate(ca);
  const expiresAt = Date.parse(certificate.validTo);
  if (expiresAt <= now) fail(cert, `the certificate has expired on ${certificate.validTo}`);
  try {
    createSecureContext({
      key: key.text,
      cert: cert.text,
      ...(ca === null ? {} : { ca: ca.text }),
    });
  } catch (error) {
    fail(cert, `TLS does not take it: ${(error as Error).message}`);
  }
  const warnings = tlsPaths({ ...files, certPath: '', clientCaPath: '' }).flatMap(
    (path) => worldReadable(path, statSync(path)) ?? [],
  );
  if (Date.parse(certificate.validFrom) > now) {
    warnings.push(`${cert.origin}: the certificate is not valid before ${certificate.validFrom}`);
  }
  if (expiresAt - now < SOON_MS) warnings.push(expiryWarning(cert.origin, certificate.validTo));
  if (clientVerify !== 'off' && ca === null) {
    warnings.push(
      `${cert.origin}: clients are verified without custom_ca, so every certificate of a public authority passes`,
    );
  }
  const { minVersion } = files;
  return {
    key: key.text,
    cert: cert.text,
    ca: ca?.text ?? null,
    clientVerify,
    minVersion,
    expiresAt,
    warnings,
  };
}

function expiryWarning(origin: string, validTo: string): string {
  return `${origin}: the certificate expires on ${validTo}`;
}

function checkFiles({ configFile, certPath, keyPath, clientCaPath, clientVerify }: TlsFiles): void {
  const wrong = (message: string): never => {
    throw new ServingError('INVALID_ARGUMENT', message);
  };
  if (configFile !== '') {
    if (certPath + keyPath + clientCaPath !== '' || clientVerify !== 'auto') {
      wrong('--ssl_config_file says everything: leave --ssl_cert_path and its kin out, or it');
    }
    return;
  }
  if (certPath === '') wrong('--ssl_key_path needs --ssl_cert_path: the certificate is missing');
  if (keyPath === '') wrong('--ssl_cert_path needs --ssl_key_path: the private key is missing');
  if (clientCaPath !== '' && clientVerify === 'off') {
    wrong('--ssl_client_ca_path has no effect with --ssl_client_verify=off');
  }
  if (clientCaPath === '' && (clientVerify === 'required' || clientVerify === 'optional')) {
    wrong(`--ssl_client_verify=${clientVerify} needs --ssl_client_ca_path`);
  }
}

function partsOfPaths({ certPath, keyPath, clientCaPath, clientVerify }: TlsFiles): Parts {
  const ca = clientCaPath === '' ? null : readPem('--ssl_client_ca_path', clientCaPath);
  const auto = ca === null ? 'off' : 'required';
  return {
    key: readPem('--ssl_key_path', keyPath),
    cert: readPem('--ssl_cert_path', certPath),
    ca,
    clientVerify: clientVerify === 'auto' ? auto : clientVerify,
  };
}

/** The texts in an SSLConfig; as in TensorFlow Serving they are PEM themselves, not paths. */
async function partsOfConfig(path: string): Promise<Parts> {
  const [{ messageType }, { readTextFile }] = await Promise.all([
    import('../codec/messages.js'),
    import('../codec/text-format.js'),
  ]);
  const type = messageType('tensorflow.serving.SSLConfig');
  const config = await readTextFile(type, path);
  const pem = (text: string, field: string): Pem => ({
    text,
    origin: `--ssl_config_file ${path}: ${field}`,
  });
  return {
    key: pem(config.serverKey, 'server_key'),
    cert: pem(config.serverCert, 'server_cert'),
    ca: config.customCa === '' ? null : pem(config.customCa, 'custom_ca'),
    clientVerify: config.clientVerify ? 'required' : 'off',
  };
}

function readPem(flag: string, path: string): Pem {
  const origin = `${flag} ${path}`;
  try {
    return { text: readFileSync(path, 'utf8'), origin };
  } catch (cause) {
    throw new ServingError('INVALID_ARGUMENT', `${origin}: ${(cause as Error).message}`, { cause });
  }
}

function parseCertificate(pem: Pem): X509Certificate {
  if (pem.text.trim() === '') fail(pem, 'is empty, wanted a certificate in PEM');
  try {
    return new X509Certificate(pem.text);
  } catch (cause) {
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem.text);
    return fail(pem, `${isKey ? 'a private key' : 'no PEM'}, wanted a certificate`, cause);
  }
}

function parseKey(pem: Pem): KeyObject {
  if (pem.text.trim() === '') fail(pem, 'is empty, wanted a private key in PEM');
  try {
    return createPrivateKey(pem.text);
  } catch (cause) {
    if (/ENCRYPTED/.test(pem.text)) {
      fail(pem, 'the key has a passphrase, wanted one without', cause);
    }
    const isCertificate = /-----BEGIN CERTIFICATE-----/.test(pem.text);
    return fail(pem, `${isCertificate ? 'a certificate' : 'no PEM'}, wanted a private key`, cause);
  }
}

function fail({ origin }: Pem, what: string, cause?: unknown): never {
  throw new ServingError('INVALID_ARGUMENT', `${origin}: ${what}`, { cause });
}
