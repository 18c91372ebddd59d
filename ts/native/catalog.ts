import { codeName } from '../errors.js';
import { completions } from './completions.js';
import { addon, call } from './load.js';
import { type LoadedModel, nativeModel } from './model.js';

/** The states of a version, in TensorFlow Serving's words. */
export type State = 'START' | 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';

/** What a status answer says of one version. */
export interface VersionStatus {
  version: bigint;
  state: State;
  /** Canonical code number; 0 unless its load failed. */
  code: number;
  message: string;
}

/** What status answers say of one model. */
export interface ModelStatus {
  name: string;
  /** Descending. */
  versions: VersionStatus[];
  labels: { label: string; version: bigint }[];
}

/** What is known of where a model's versions come from. */
export interface SourceStatus {
  /** Its versions wait for the first request: START means that a request is welcome. */
  onDemand: boolean;
  /** Canonical code number of what is wrong with its base path; 0: nothing. */
  code: number;
  /** What is wrong with it; else empty. */
  message: string;
}

/** Which version of a model: by number, by label, or (both `null`) the newest that is available. */
export interface VersionChoice {
  name: string;
  version: bigint | null;
  label: string | null;
}

/**
 * The process-wide catalog of servables, readable from every thread without a lock.
 *
 * The manager writes it on the main thread; the state lives in the addon, so workers see it at once.
 */
export interface Catalog {
  /**
   * From now on requests find this version. The catalog owns the model until it is withdrawn.
   *
   * A model that was published as this version before is replaced: no request in between finds nothing. Its `close` tells when it is gone.
   */
  publish(name: string, version: bigint, model: LoadedModel): void;
  /** No new request finds the version at once; resolves after its last lease ended and its session is closed. */
  withdraw(name: string, version: bigint): Promise<void>;
  /** Replaces the model's label map. */
  setLabels(name: string, labels: readonly { label: string; version: bigint }[]): void;
  /** Replaces what status answers say of the model. */
  setStatus(name: string, versions: readonly VersionStatus[]): void;
  /** Replaces what is known of a model's source. */
  setSource(name: string, source: SourceStatus): void;
  /** What is known of a model's source, or `null` when the catalog has never heard of it. */
  source(name: string): SourceStatus | null;
  /** Forgets a model's statuses and labels. Its published versions must have been withdrawn. */
  remove(name: string): void;
  /** One model's status, or `null` when the catalog has never heard of it. */
  status(name: string): ModelStatus | null;
  /** Every model's status, sorted by name. */
  list(): ModelStatus[];
  /**
   * The signatures of a version, as a serialized `tensorflow.serving.SignatureDefMap`.
   *
   * @throws {ServingError} with TensorFlow Serving's texts
   */
  metadata(choice: VersionChoice): { version: bigint; signatureDefMap: Buffer };
  /** Whether this process should receive requests; false until set. */
  setReady(ready: boolean): void;
  ready(): boolean;
}

/** The catalog of this process. */
export const catalog: Catalog = {
  publish(name, version, model) {
    call(() => addon().catalogPublish(name, version, nativeModel(model)));
  },
  async withdraw(name, version) {
    await completions().promise((loop, ticket) => loop.catalogWithdraw(ticket, name, version));
  },
  setLabels(name, labels) {
    call(() => addon().catalogSetLabels(name, [...labels]));
  },
  setStatus(name, versions) {
    call(() => addon().catalogSetStatus(name, [...versions]));
  },
  setSource(name, source) {
    call(() => addon().catalogSetSource(name, source));
  },
  source(name) {
    return call(() => addon().catalogSource(name));
  },
  remove(name) {
    call(() => addon().catalogRemove(name));
  },
  status(name) {
    return call(() => addon().catalogStatus(name)) as ModelStatus | null;
  },
  list() {
    return call(() => addon().catalogList()) as ModelStatus[];
  },
  metadata(choice) {
    return call(() => addon().catalogMetadata(choice.name, choice.version, choice.label));
  },
  setReady(ready) {
    call(() => addon().catalogSetReady(ready));
  },
  ready() {
    return call(() => addon().catalogReady());
  },
};

/** The name of a failed version's code, for logs and status documents. */
export function statusCodeName(status: VersionStatus): string {
  return codeName(status.code);
}
