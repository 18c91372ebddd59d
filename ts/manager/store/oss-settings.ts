import { join } from 'node:path';
import { ServingError } from '../../errors.js';
import { given, iniSection, type SettingsSource, settingsText, variable } from './settings-file.js';

interface OssCredentials {
  readonly id: string | null;
  readonly secret: string | null;
  /** Endpoint or region that stands beside the keys. */
  readonly endpoint: string | null;
  readonly region: string | null;
}

/**
 * opendal's options for a bucket of Alibaba Cloud's OSS: `OSS_*` and `ALIBABA_CLOUD_*`, then `~/.ossutilconfig`, then
 * `~/.aliyun/config.json`. Roles by OIDC (RRSA) are left to opendal, as are the temporary keys' security tokens.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` without endpoint and region
 */
export function ossOptions(bucket: string, source: SettingsSource): Record<string, string> {
  const stored = storedCredentials(source);
  const id = variable(source, 'OSS_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_ID');
  const secret = variable(source, 'OSS_ACCESS_KEY_SECRET', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET');
  const keys = id !== null && secret !== null ? { id, secret } : stored;
  const token = variable(
    source,
    'OSS_SESSION_TOKEN',
    'OSS_SECURITY_TOKEN',
    'ALIBABA_CLOUD_SECURITY_TOKEN',
  );
  if (token !== null && variable(source, 'ALIBABA_CLOUD_SECURITY_TOKEN') === null) {
    throw new ServingError(
      'FAILED_PRECONDITION',
      `oss://${bucket}: temporary keys are read from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_SECURITY_TOKEN; set these three`,
    );
  }
  // opendal takes a security token only together with the keys it finds in the environment itself.
  const fromEnvironment = token !== null;
  return given({
    bucket,
    root: '/',
    endpoint: ossEndpoint(bucket, source, stored),
    addressing_style: addressing(bucket, source),
    access_key_id: fromEnvironment ? null : keys.id,
    access_key_secret: fromEnvironment ? null : keys.secret,
    role_arn: variable(source, 'ALIBABA_CLOUD_ROLE_ARN'),
    role_session_name: variable(source, 'ALIBABA_CLOUD_ROLE_SESSION_NAME'),
    oidc_provider_arn: variable(source, 'ALIBABA_CLOUD_OIDC_PROVIDER_ARN'),
    oidc_token_file: variable(source, 'ALIBABA_CLOUD_OIDC_TOKEN_FILE'),
    allow_anonymous: 'true',
  });
}

function ossEndpoint(bucket: string, source: SettingsSource, stored: OssCredentials): string {
  const endpoint =
    variable(source, 'OSS_ENDPOINT', 'ALIBABA_CLOUD_OSS_ENDPOINT') ?? stored.endpoint;
  if (endpoint !== null) return endpoint.includes('://') ? endpoint : `https://${endpoint}`;
  const region =
    variable(source, 'OSS_REGION', 'ALIBABA_CLOUD_REGION_ID', 'ALIBABA_CLOUD_REGION') ??
    stored.region;
  if (region !== null) return `https://oss-${region.replace(/^oss-/, '')}.aliyuncs.com`;
  throw new ServingError(
    'FAILED_PRECONDITION',
    `oss://${bucket}: set OSS_ENDPOINT (such as https://oss-cn-hangzhou.aliyuncs.com) or OSS_REGION`,
  );
}

/**
 * How the bucket is addressed: in front of the endpoint's host unless the endpoint is a domain of the bucket's own.
 *
 * opendal signs addresses with the bucket in the path wrongly (seen with 0.49.2), so that style is not offered.
 */
function addressing(bucket: string, source: SettingsSource): string | null {
  const style = variable(source, 'OSS_ADDRESSING_STYLE')?.toLowerCase() ?? 'virtual';
  if (style === 'virtual') return null;
  if (style === 'cname') return style;
  throw new ServingError(
    'FAILED_PRECONDITION',
    `oss://${bucket}: OSS_ADDRESSING_STYLE: got "${style}", wanted virtual or cname`,
  );
}

function storedCredentials(source: SettingsSource): OssCredentials {
  const util = iniSection(settingsText(join(source.home, '.ossutilconfig')) ?? '', 'Credentials');
  const utilId = util.get('accesskeyid');
  if (utilId !== undefined) {
    return {
      id: utilId,
      secret: util.get('accesskeysecret') ?? null,
      endpoint: util.get('endpoint') ?? null,
      region: util.get('region') ?? null,
    };
  }
  return aliyunProfile(source);
}

function aliyunProfile(source: SettingsSource): OssCredentials {
  const none = { id: null, secret: null, endpoint: null, region: null };
  const path = join(source.home, '.aliyun', 'config.json');
  const text = settingsText(path);
  if (text === null) return none;
  try {
    const config = JSON.parse(text) as { current?: string; profiles?: Record<string, string>[] };
    const name = variable(source, 'ALIBABA_CLOUD_PROFILE') ?? config.current ?? 'default';
    const profile = config.profiles?.find((it) => it.name === name);
    if (profile?.mode !== undefined && profile.mode !== 'AK') return none;
    return {
      id: profile?.access_key_id ?? null,
      secret: profile?.access_key_secret ?? null,
      endpoint: null,
      region: profile?.region_id ?? null,
    };
  } catch (cause) {
    throw new ServingError('FAILED_PRECONDITION', `${path}: is not JSON`, { cause });
  }
}
