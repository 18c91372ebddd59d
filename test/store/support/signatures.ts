import { createHash, createHmac } from 'node:crypto';

/** The parts of a request that its signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The hex signature of AWS Signature Version 4 for a request, from its own `x-amz-*` headers. */
export function signatureV4(
  request: SignedRequest,
  { secret, region, signedHeaders }: { secret: string; region: string; signedHeaders: string[] },
): string {
  const url = new URL(request.url, 'http://host');
  const query = [...url.searchParams]
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [
    request.method,
    url.pathname
      .split('/')
      .map((it) => percentEncoded(decodeURIComponent(it)))
      .join('/'),
    query,
    headers.join(''),
    signedHeaders.join(';'),
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const time = String(request.headers['x-amz-date']);
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', time, scope, hash].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer | string>((from, part) => hmac('sha256', from, part), `AWS4${secret}`);
  return hmac('sha256', key, text).toString('hex');
}

/** The base64 signature of OSS (version 1) for a request to a bucket's own host. */
export function signatureOss(
  { method, url, headers }: SignedRequest,
  { bucket, secret }: { bucket: string; secret: string },
): string {
  const { pathname, searchParams } = new URL(url, 'http://host');
  const signed = [...searchParams].filter(([name]) => OSS_SIGNED.includes(name)).sort();
  const query = signed.map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join('&');
  const own = Object.keys(headers)
    .filter((name) => name.startsWith('x-oss-'))
    .sort()
    .map((name) => `${name}:${headers[name]}\n`)
    .join('');
  const path = `/${bucket}${decodeURIComponent(pathname)}`;
  const text = [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    headers.date ?? headers['x-oss-date'] ?? '',
    `${own}${path}${query === '' ? '' : `?${query}`}`,
  ].join('\n');
  return hmac('sha1', secret, text).toString('base64');
}

const OSS_SIGNED = ['continuation-token', 'security-token', 'versionId'];

function hmac(algorithm: string, key: Buffer | string, text: string): Buffer {
  return createHmac(algorithm, key).update(text).digest();
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
