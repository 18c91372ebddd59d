import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { azureOptions } from '../../ts/manager/store/azure-settings.js';
import { gcsOptions } from '../../ts/manager/store/gcs-settings.js';
import { childUri, isArchive, parseRemote, shown } from '../../ts/manager/store/location.js';
import { ossOptions } from '../../ts/manager/store/oss-settings.js';
import { s3Options } from '../../ts/manager/store/s3-settings.js';
import { FakeWeb } from './support/fake-web.js';
import { temporaryFolder } from './support/store-bench.js';

function home(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test('S3 reads the environment first, then the profile', () => {
  const folder = home({
    '.aws/config':
      '[default]\nregion = eu-west-1\n[profile work]\nregion=ap-1 # far\nendpoint_url = http://minio:9000\ns3 =\n  region = nested\n',
    '.aws/credentials':
      '[work]\naws_access_key_id = id\naws_secret_access_key = key\naws_session_token=token\n',
  });
  expect(s3Options('b', { env: {}, home: folder })).toEqual({
    bucket: 'b',
    root: '/',
    region: 'eu-west-1',
    enable_virtual_host_style: 'true',
    allow_anonymous: 'true',
  });
  expect(s3Options('b', { env: { AWS_PROFILE: 'work' }, home: folder })).toMatchObject({
    region: 'ap-1',
    endpoint: 'http://minio:9000',
    access_key_id: 'id',
    secret_access_key: 'key',
    session_token: 'token',
  });
  const env = {
    AWS_PROFILE: 'work',
    AWS_REGION: 'us-2',
    AWS_ACCESS_KEY_ID: 'own',
    AWS_SECRET_ACCESS_KEY: 'own key',
    S3_ENDPOINT: 'host:1',
    S3_USE_HTTPS: '0',
  };
  const options = s3Options('b.with.dots', { env, home: folder });
  expect(options).toMatchObject({
    region: 'us-2',
    endpoint: 'http://host:1',
    access_key_id: 'own',
  });
  // The profile's token belongs to the profile's key.
  expect(options).not.toHaveProperty('session_token');
  expect(options).not.toHaveProperty('enable_virtual_host_style');
});

test('OSS makes the endpoint of a region, and reads the files of its tools', () => {
  const util = home({
    '.ossutilconfig':
      '[Credentials]\nlanguage=EN\nendpoint=oss-cn-beijing.aliyuncs.com\naccessKeyID=id\naccessKeySecret=key\n',
  });
  expect(ossOptions('b', { env: {}, home: util })).toMatchObject({
    endpoint: 'https://oss-cn-beijing.aliyuncs.com',
    access_key_id: 'id',
    access_key_secret: 'key',
  });
  const cli = home({
    '.aliyun/config.json': JSON.stringify({
      current: 'p',
      profiles: [
        { name: 'p', mode: 'AK', access_key_id: 'id', access_key_secret: 'key', region_id: 'cn-1' },
      ],
    }),
  });
  expect(ossOptions('b', { env: {}, home: cli })).toMatchObject({
    endpoint: 'https://oss-cn-1.aliyuncs.com',
    access_key_id: 'id',
  });
  const env = {
    OSS_REGION: 'oss-cn-2',
    ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/x',
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc/x',
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/token',
  };
  expect(ossOptions('b', { env, home: home({}) })).toMatchObject({
    endpoint: 'https://oss-cn-2.aliyuncs.com',
    role_arn: 'acs:ram::1:role/x',
    oidc_token_file: '/token',
  });
});

test('OSS settings that cannot work say what to set', () => {
  const empty = home({});
  const options = (env: Record<string, string>) => () => ossOptions('b', { env, home: empty });
  expect(options({})).toThrow('oss://b: set OSS_ENDPOINT (such as');
  expect(options({ OSS_REGION: 'r', OSS_SESSION_TOKEN: 't' })).toThrow('set these three');
  expect(options({ OSS_REGION: 'r', OSS_ADDRESSING_STYLE: 'path' })).toThrow(
    'oss://b: OSS_ADDRESSING_STYLE: got "path", wanted virtual or cname',
  );
  const broken = home({ '.aliyun/config.json': '{' });
  expect(() => ossOptions('b', { env: {}, home: broken })).toThrow('config.json: is not JSON');
});

test('Azure reads a connection string, or account and key or token', () => {
  const options = (env: Record<string, string>) => azureOptions('c', { env, home: '/nowhere' });
  expect(
    options({
      AZURE_STORAGE_CONNECTION_STRING:
        'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PT0=;EndpointSuffix=core.test',
    }),
  ).toEqual({
    container: 'c',
    root: '/',
    endpoint: 'https://acc.blob.core.test',
    account_name: 'acc',
    account_key: 'a2V5PT0=',
  });
  expect(options({ AZURE_STORAGE_ACCOUNT: 'acc', AZURE_STORAGE_SAS_TOKEN: '?sv=1&sig=2' })).toEqual(
    {
      container: 'c',
      root: '/',
      endpoint: 'https://acc.blob.core.windows.net',
      account_name: 'acc',
      sas_token: 'sv=1&sig=2',
    },
  );
  expect(options({ AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' }).endpoint).toBe(
    'http://127.0.0.1:10000/devstoreaccount1',
  );
  expect(() => options({})).toThrow('az://c: set AZURE_STORAGE_ACCOUNT');
  expect(() => options({ AZURE_STORAGE_CONNECTION_STRING: 'nonsense=1' })).toThrow(
    'has neither AccountName nor BlobEndpoint',
  );
});

test('Google exchanges a user login for a token, and leaves workload identity to opendal', async () => {
  const web = await FakeWeb.start();
  let form = '';
  web.interfere = (request, response) => {
    request.on('data', (chunk: Buffer) => {
      form += chunk.toString();
    });
    request.on('end', () => response.end('{"access_token":"t","expires_in":3600}'));
    return true;
  };
  const user = {
    type: 'authorized_user',
    client_id: 'c',
    client_secret: 's',
    refresh_token: 'r',
    token_uri: `${web.url}/token`,
  };
  const folder = home({
    '.config/gcloud/application_default_credentials.json': JSON.stringify(user),
    'external.json': JSON.stringify({ type: 'external_account' }),
    'broken.json': '{',
  });
  const read = (env: Record<string, string>) => gcsOptions('b', { env, home: folder }, 1000);
  expect((await read({})).options).toMatchObject({ bucket: 'b', token: 't' });
  expect(form).toBe('grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r');
  const path = join(folder, 'external.json');
  expect((await read({ GOOGLE_APPLICATION_CREDENTIALS: path })).options).toMatchObject({
    credential_path: path,
  });
  await expect(
    read({ GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'broken.json') }),
  ).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await expect(read({ GOOGLE_APPLICATION_CREDENTIALS: '/gone' })).rejects.toThrow(
    'GOOGLE_APPLICATION_CREDENTIALS: /gone cannot be read',
  );
});

test('locations are taken apart and put together', () => {
  expect(parseRemote('s3://bucket/a b/c?d#e/')).toMatchObject({
    bucket: 'bucket',
    path: 'a b/c?d#e',
    query: '',
  });
  expect(parseRemote('HTTPS://u:p@host:1/a%20b/?q=1')).toEqual({
    scheme: 'https',
    bucket: 'host:1',
    path: 'a%20b',
    query: '?q=1',
    login: 'u:p',
  });
  expect(childUri('gs://b/m/', '1')).toBe('gs://b/m/1');
  expect(childUri('https://h/m?q', '1 x.zip')).toBe('https://h/m/1%20x.zip?q');
  expect(shown('https://u:p@h/m?q')).toBe('https://h/m');
  expect(isArchive('https://h/m.zip?x=.txt')).toBe(true);
  expect(isArchive('s3://b/m.tar')).toBe(false);
});
