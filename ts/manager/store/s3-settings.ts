import { join } from 'node:path';
import { given, iniSection, type SettingsSource, settingsText, variable } from './settings-file.js';

/**
 * opendal's options for an S3 bucket, from what the AWS tools read: `AWS_*`, then the profile in `~/.aws/credentials` and
 * `~/.aws/config`. Roles by web identity and of the machine are left to opendal, which asks for them itself.
 *
 * `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or TensorFlow's `S3_ENDPOINT` lead to MinIO and the like.
 */
export function s3Options(bucket: string, source: SettingsSource): Record<string, string> {
  const profile = awsProfile(source);
  const endpoint = s3Endpoint(source) ?? profile.get('endpoint_url') ?? null;
  const own = variable(source, 'AWS_ACCESS_KEY_ID') !== null;
  const key = (name: string) =>
    own ? variable(source, name.toUpperCase()) : (profile.get(name) ?? null);
  return given({
    bucket,
    root: '/',
    endpoint,
    region:
      variable(source, 'AWS_REGION', 'AWS_DEFAULT_REGION', 'S3_REGION') ??
      profile.get('region') ??
      'us-east-1',
    access_key_id: key('aws_access_key_id'),
    secret_access_key: key('aws_secret_access_key'),
    session_token: key('aws_session_token'),
    role_arn: profile.get('role_arn') ?? null,
    // Amazon wants the bucket in the host name; certificates do not cover names with dots, and other stores rarely have such names.
    enable_virtual_host_style: virtualHost(source, bucket, endpoint) ? 'true' : null,
    disable_ec2_metadata:
      variable(source, 'AWS_EC2_METADATA_DISABLED')?.toLowerCase() === 'true' ? 'true' : null,
    // Without any credentials a request goes unsigned, which public buckets answer.
    allow_anonymous: 'true',
  });
}

function s3Endpoint(source: SettingsSource): string | null {
  const endpoint = variable(source, 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'S3_ENDPOINT');
  if (endpoint === null || endpoint.includes('://')) return endpoint;
  const plain = ['0', 'false', 'no'].includes(variable(source, 'S3_USE_HTTPS') ?? '');
  return `${plain ? 'http' : 'https'}://${endpoint}`;
}

function virtualHost(source: SettingsSource, bucket: string, endpoint: string | null): boolean {
  const wanted = variable(source, 'S3_USE_VIRTUAL_BUCKET', 'S3_USE_VIRTUAL_HOST');
  if (wanted !== null) return ['1', 'true', 'yes'].includes(wanted.toLowerCase());
  return endpoint === null && !bucket.includes('.');
}

function awsProfile(source: SettingsSource): ReadonlyMap<string, string> {
  const name = variable(source, 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE') ?? 'default';
  const folder = join(source.home, '.aws');
  const config = settingsText(variable(source, 'AWS_CONFIG_FILE') ?? join(folder, 'config')) ?? '';
  const credentials =
    settingsText(variable(source, 'AWS_SHARED_CREDENTIALS_FILE') ?? join(folder, 'credentials')) ??
    '';
  const section = name === 'default' ? 'default' : `profile ${name}`;
  return new Map([...iniSection(config, section), ...iniSection(credentials, name)]);
}
