/** What clients must show. `optional`: a certificate they show is checked, one that does not pass counts for nothing. */
export type ClientVerify = 'off' | 'optional' | 'required';

/** Where keys and certificates are. */
export interface TlsFiles {
  /** Text SSLConfig, as TensorFlow Serving's `--ssl_config_file`; empty where the paths say. */
  readonly configFile: string;
  readonly certPath: string;
  readonly keyPath: string;
  /** Authorities of client certificates; empty for none. */
  readonly clientCaPath: string;
  /** `auto` asks for certificates where there is an authority for them. */
  readonly clientVerify: ClientVerify | 'auto';
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** Whether TLS is on. */
export function usesTls(files: TlsFiles): boolean {
  return files.configFile !== '' || files.certPath !== '' || files.keyPath !== '';
}

/** The files that change when certificates are renewed. */
export function tlsPaths(files: TlsFiles): readonly string[] {
  const { configFile, certPath, keyPath, clientCaPath } = files;
  return [configFile, certPath, keyPath, clientCaPath].filter((path) => path !== '');
}
