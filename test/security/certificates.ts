import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate with its key: paths, and the PEM texts. */
export interface Pair {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

/** What is in a certificate. */
export interface Subject {
  readonly name: string;
  /** Such as `DNS:localhost,IP:127.0.0.1`. */
  readonly alternative?: string;
  /** Ended years ago. */
  readonly expired?: boolean;
}

/** An authority that makes certificates with the openssl command, in a folder of its own. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'servable-certificates-'));
  readonly pair: Pair;
  #made = 0;

  constructor(name = 'Test authority') {
    const key = this.#key('ca');
    const certPath = join(this.folder, 'ca.pem');
    const subject = ['-subj', `/CN=${name}`, '-days', '30'];
    openssl(['req', '-x509', '-new', '-key', key, '-out', certPath, ...subject]);
    this.pair = read(certPath, key);
    writeFileSync(join(this.folder, 'ca.cnf'), config(this.folder, certPath, key));
    writeFileSync(join(this.folder, 'index.txt'), '');
    writeFileSync(join(this.folder, 'serial'), '1000');
  }

  /** A certificate for one name, signed by this authority. */
  issue({ name, alternative = 'DNS:localhost,IP:127.0.0.1', expired = false }: Subject): Pair {
    this.#made += 1;
    const base = join(this.folder, `pair${this.#made}`);
    const key = this.#key(`pair${this.#made}`);
    const request = ['req', '-new', '-key', key, '-out', `${base}.csr`, '-subj', `/CN=${name}`];
    openssl(request);
    writeFileSync(`${base}.ext`, `subjectAltName=${alternative}\n`);
    const [from, to] = expired
      ? ['20200101000000Z', '20200201000000Z']
      : ['20200101000000Z', '20490101000000Z'];
    const times = ['-startdate', from, '-enddate', to, '-extfile', `${base}.ext`];
    const files = ['-in', `${base}.csr`, '-out', `${base}.pem`, '-notext'];
    openssl(['ca', '-batch', '-config', join(this.folder, 'ca.cnf'), ...times, ...files]);
    return read(`${base}.pem`, key);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #key(name: string): string {
    const path = join(this.folder, `${name}.key`);
    openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path]);
    return path;
  }
}

/** Runs the openssl command, which Debian has and these tests need. */
export function openssl(args: readonly string[]): void {
  try {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    const reason =
      code === 'ENOENT' ? 'is not installed (apt-get install openssl)' : `failed: ${stderr}`;
    throw new Error(`the openssl command ${reason}`);
  }
}

function read(certPath: string, keyPath: string): Pair {
  return {
    certPath,
    keyPath,
    cert: readFileSync(certPath, 'utf8'),
    key: readFileSync(keyPath, 'utf8'),
  };
}

function config(folder: string, certificate: string, key: string): string {
  return `[ca]
default_ca = main
[main]
database = ${join(folder, 'index.txt')}
serial = ${join(folder, 'serial')}
new_certs_dir = ${folder}
certificate = ${certificate}
private_key = ${key}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
`;
}
