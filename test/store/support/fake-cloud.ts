import type { Backend } from './backend.js';
import { type Authorize, FakeBucket } from './fake-bucket.js';
import { signatureOss, signatureV4 } from './signatures.js';

const BUCKET = 'test-bucket';
const NO_BUCKET = 'no-such-bucket';
const KEY = 'test-key';
const SECRET = 'test-secret';

/** A fake bucket as a backend of the common suite, with the fake itself for faults. */
export interface FakeBackend extends Backend {
  readonly bucket: FakeBucket;
}

/** An S3 bucket in memory that checks AWS Signature Version 4. */
export async function fakeS3(): Promise<FakeBackend> {
  const bucket = await FakeBucket.start(BUCKET, checkV4);
  const env = {
    AWS_ENDPOINT_URL_S3: bucket.endpoint,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'eu-test-1',
  };
  return backend('s3', bucket, env, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong-secret' });
}

/** An OSS bucket in memory that checks OSS signatures. */
export async function fakeOss(): Promise<FakeBackend> {
  const bucket = await FakeBucket.start(BUCKET, checkOss);
  const env = {
    OSS_ENDPOINT: bucket.endpoint,
    // A loopback address cannot have the bucket in front of it.
    OSS_ADDRESSING_STYLE: 'cname',
    OSS_ACCESS_KEY_ID: KEY,
    OSS_ACCESS_KEY_SECRET: SECRET,
  };
  return backend('oss', bucket, env, { ...env, OSS_ACCESS_KEY_SECRET: 'wrong-secret' });
}

function backend(
  scheme: string,
  bucket: FakeBucket,
  env: Record<string, string>,
  strangerEnv: Record<string, string>,
): FakeBackend {
  return {
    bucket,
    env,
    strangerEnv,
    uri: (path) => `${scheme}://${BUCKET}/${path}`,
    missingUri: (path) => `${scheme}://${NO_BUCKET}/${path}`,
    put: async (path, content) => void bucket.objects.set(path, Buffer.from(content)),
    remove: async (path) => void bucket.objects.delete(path),
    outage: () => bucket.stop(),
  };
}

const checkV4: Authorize = ({ method = '', url = '', headers }) => {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (parts === null) return { refusal: 'not signed' };
  const [, key, region = '', signed = '', signature] = parts;
  const signedHeaders = signed.split(';');
  if (!['host', 'x-amz-date', 'x-amz-content-sha256'].every((it) => signedHeaders.includes(it))) {
    return { refusal: 'too few headers are signed' };
  }
  const expected = signatureV4({ method, url, headers }, { secret: SECRET, region, signedHeaders });
  if (key !== KEY || signature !== expected) return { refusal: 'the signature does not match' };
  const path = decodeURIComponent(new URL(url, 'http://host').pathname).slice(1);
  const slash = path.includes('/') ? path.indexOf('/') : path.length;
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
};

/** The bucket stands in the host name and in what is signed, not in the path. */
const checkOss: Authorize = ({ method = '', url = '', headers }) => {
  if (Math.abs(Date.parse(String(headers.date)) - Date.now()) > 900_000) {
    return { refusal: 'wrong time' };
  }
  const key = decodeURIComponent(new URL(url, 'http://host').pathname).slice(1);
  for (const bucket of [BUCKET, NO_BUCKET]) {
    const signature = signatureOss({ method, url, headers }, { bucket, secret: SECRET });
    if (headers.authorization === `OSS ${KEY}:${signature}`) return { bucket, key };
  }
  return { refusal: 'the signature does not match' };
};
