import { choice, int, list, type OptionSpec, text } from './option-spec.js';

const MIB = 1024 * 1024;

/** Who is let in, over what connections. */
export const SECURITY_OPTIONS = {
  auth_tokens_file: text(
    'Security',
    '',
    'tokens that let clients in, as `servable token` writes them; read again when it changes',
  ),
  auth_jwks: text(
    'Security',
    '',
    'URL or file of the keys (JWKS) that sign JSON Web Tokens which let clients in',
  ),
  auth_jwt_issuer: text('Security', '', 'what iss of a JSON Web Token must be'),
  auth_jwt_audience: list(
    'Security',
    [],
    'one of these must be in aud of a JSON Web Token, comma separated',
  ),
  auth_jwt_algorithms: list(
    'Security',
    ['RS256', 'PS256', 'ES256', 'EdDSA'],
    'signature algorithms of JSON Web Tokens that are accepted, comma separated',
  ),
  auth_jwt_scope_claim: text(
    'Security',
    'scope',
    'claim of a JSON Web Token whose words are scopes; a.b is b in a',
  ),
  auth_jwt_scope_map: list(
    'Security',
    [],
    'CLAIM VALUE SCOPE, comma separated: who has the value in the claim gets the scope',
  ),
  auth_open_paths: list(
    'Security',
    ['/healthz/*', '/grpc.health.v1.Health/*'],
    'pages and gRPC methods that need no credentials, comma separated; * is any text',
  ),
  ssl_config_file: text(
    'Security',
    '',
    'SSLConfig in text format: TLS for every port of --ssl_listeners',
  ),
  ssl_cert_path: text('Security', '', 'certificate chain in PEM, instead of --ssl_config_file'),
  ssl_key_path: text('Security', '', 'private key of the certificate in PEM'),
  ssl_client_ca_path: text(
    'Security',
    '',
    'authorities in PEM that client certificates must come from',
  ),
  ssl_client_verify: choice(
    'Security',
    'auto',
    ['auto', 'off', 'optional', 'required'],
    'ask clients for certificates; auto is required where there is an authority for them',
  ),
  ssl_min_version: choice(
    'Security',
    'TLSv1.2',
    ['TLSv1.2', 'TLSv1.3'],
    'oldest TLS that is spoken',
  ),
  ssl_listeners: list(
    'Security',
    ['grpc', 'rest', 'admin'],
    'ports that speak TLS where it is on, comma separated; metrics are on the REST port, Unix sockets never do',
  ),
  security_poll_wait_seconds: int(
    'Security',
    5,
    'time between looks for changed tokens, keys and certificates, besides what the system tells',
    { min: 1, unit: 's' },
  ),
  trusted_proxies: list(
    'Security',
    [],
    'addresses and networks whose X-Forwarded-For is believed, comma separated',
  ),
} as const satisfies Record<string, OptionSpec>;

/** How much at once, how much a request, how long. */
export const LIMIT_OPTIONS = {
  max_body_bytes: int('Limits', 256 * MIB, 'largest REST body, also after expansion', {
    min: 1,
    max: 2 ** 32,
    unit: 'bytes',
  }),
  max_body_expansion: int(
    'Limits',
    200,
    'largest ratio of a gzip body above 16 MiB to its compressed size',
    { min: 1 },
  ),
  grpc_max_message_bytes: int('Limits', 256 * MIB, 'largest gRPC message', {
    min: 1,
    unit: 'bytes',
  }),
  max_header_bytes: int(
    'Limits',
    16_384,
    'largest headers of a REST request; gRPC metadata is limited to 65535',
    {
      min: 1024,
      max: MIB,
      unit: 'bytes',
    },
  ),
  max_json_depth: int('Limits', 256, 'deepest nesting of a JSON value that is used', {
    min: 1,
    max: 10_000,
  }),
  max_tensor_elements: int('Limits', 2 ** 28, 'most elements of a tensor in a request', {
    min: 1,
  }),
  max_in_flight_requests: int(
    'Limits',
    0,
    'inference requests under way, more are refused with 503; 0 is --max_queued_requests and 64',
  ),
  max_in_flight_requests_per_model: int(
    'Limits',
    0,
    'inference requests for one model under way, more are refused with 503; 0 is no limit',
  ),
  max_queued_requests: int('Limits', 4096, 'requests that may wait for an inference thread', {
    min: 1,
    max: 1_000_000,
  }),
  max_queue_time_in_ms: int(
    'Limits',
    2000,
    'longest time a request is expected to wait for an inference thread, else it is refused; half of it where a queue has lasted so long; 0 is no limit',
    { unit: 'ms' },
  ),
  max_connections: int(
    'Limits',
    0,
    'connections of all ports; 0 is what the limit of open files leaves room for',
  ),
  grpc_max_concurrent_streams: int('Limits', 1000, 'gRPC calls under way on one connection', {
    min: 1,
  }),
  request_header_timeout_seconds: int(
    'Limits',
    20,
    'time a REST client gets to send the headers of a request',
    { min: 1, max: 86_400, unit: 's' },
  ),
  request_timeout_seconds: int('Limits', 300, 'time a REST client gets to send a whole request', {
    min: 1,
    max: 86_400,
    unit: 's',
  }),
  idle_timeout_seconds: int(
    'Limits',
    75,
    'time a REST connection may idle between requests, or one that sends or takes nothing may stay',
    { min: 1, max: 86_400, unit: 's' },
  ),
  grpc_idle_timeout_seconds: int(
    'Limits',
    3600,
    'time a gRPC connection may stay without a call; 0 is no limit',
    { max: 86_400, unit: 's' },
  ),
  rate_limit_requests_per_second: int(
    'Limits',
    0,
    'inference requests a second for one client, more are refused with 429; 0 is no limit',
    { fraction: true },
  ),
  rate_limit_burst: int(
    'Limits',
    0,
    'requests of one client that may come at once; 0 is a second’s',
    {
      max: 1_000_000,
    },
  ),
  rate_limit_by: choice(
    'Limits',
    'auto',
    ['auto', 'address'],
    'what a client is for --rate_limit_requests_per_second: auto is its token where it has one, else its address',
  ),
} as const satisfies Record<string, OptionSpec>;
