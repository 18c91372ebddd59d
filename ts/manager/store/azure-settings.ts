import { ServingError } from '../../errors.js';
import { given, type SettingsSource, variable } from './settings-file.js';

/**
 * opendal's options for a container of Azure Blob Storage, from what the Azure tools read: `AZURE_STORAGE_CONNECTION_STRING`, or
 * `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`. Workload identity is left to opendal.
 *
 * `AZURE_STORAGE_ENDPOINT` leads to Azurite and private clouds.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` without an account, or for a connection string that has no account
 */
export function azureOptions(container: string, source: SettingsSource): Record<string, string> {
  const connection = connectionString(container, source);
  const account =
    connection.get('accountname') ??
    variable(source, 'AZURE_STORAGE_ACCOUNT', 'AZURE_STORAGE_ACCOUNT_NAME');
  const endpoint =
    variable(source, 'AZURE_STORAGE_ENDPOINT', 'AZURE_STORAGE_BLOB_ENDPOINT') ??
    connection.get('blobendpoint') ??
    serviceEndpoint(connection, account);
  if (endpoint === null) {
    throw new ServingError(
      'FAILED_PRECONDITION',
      `az://${container}: set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING`,
    );
  }
  const token =
    connection.get('sharedaccesssignature') ?? variable(source, 'AZURE_STORAGE_SAS_TOKEN');
  return given({
    container,
    root: '/',
    endpoint: endpoint.replace(/\/+$/, ''),
    account_name: account,
    account_key:
      connection.get('accountkey') ??
      variable(
        source,
        'AZURE_STORAGE_KEY',
        'AZURE_STORAGE_ACCESS_KEY',
        'AZURE_STORAGE_ACCOUNT_KEY',
      ),
    sas_token: token?.replace(/^\?/, '') ?? null,
  });
}

function serviceEndpoint(connection: ReadonlyMap<string, string>, account: string | null) {
  if (account === null) return null;
  const protocol = connection.get('defaultendpointsprotocol') ?? 'https';
  return `${protocol}://${account}.blob.${connection.get('endpointsuffix') ?? 'core.windows.net'}`;
}

function connectionString(container: string, source: SettingsSource): ReadonlyMap<string, string> {
  const text = variable(source, 'AZURE_STORAGE_CONNECTION_STRING');
  const parts = (text ?? '').split(';').filter((part) => part.includes('='));
  const values = new Map(
    parts.map((part): [string, string] => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
    }),
  );
  if (values.get('usedevelopmentstorage') === 'true') return new Map([...DEVELOPMENT, ...values]);
  if (text !== null && !values.has('accountname') && !values.has('blobendpoint')) {
    throw new ServingError(
      'FAILED_PRECONDITION',
      `az://${container}: AZURE_STORAGE_CONNECTION_STRING has neither AccountName nor BlobEndpoint`,
    );
  }
  return values;
}

/** The emulator's account and key, which Microsoft publishes for everybody. */
const DEVELOPMENT: ReadonlyMap<string, string> = new Map([
  ['accountname', 'devstoreaccount1'],
  [
    'accountkey',
    'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  ],
  ['blobendpoint', 'http://127.0.0.1:10000/devstoreaccount1'],
]);
