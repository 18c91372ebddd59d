import { type Format, type Input, oneDigit, onePhoto, repeated, threeFloats } from './bodies.js';
import type { ServerName } from './servers.js';

/** One line of work: every contender that can do it gets the same body. */
export interface Work {
  readonly model: string;
  /** What a request holds, for the table. */
  readonly what: string;
  readonly input: Input;
  readonly protocol: 'REST' | 'gRPC' | 'in process';
  readonly format: Format;
  readonly servers: readonly ServerName[];
  /** Sent by the client that waits for every answer: a round has too few requests for wrk, which leaves the last ones. */
  readonly heavy: boolean;
  /** The bound of design.md section 5: Servable's CPU time against this contender's. */
  readonly target?: { readonly against: ServerName; readonly ratio: number };
}

const OTHERS: readonly ServerName[] = [
  'tfjs-node + fastify',
  'TensorFlow + FastAPI',
  'OpenVINO + FastAPI',
];
const PYTHON: readonly ServerName[] = ['TensorFlow + FastAPI', 'OpenVINO + FastAPI'];

type Part = Pick<Work, 'model' | 'what' | 'input' | 'heavy'>;
type Target = Work['target'];

function rest(part: Part, format: Format, target?: Target): Work {
  // The others have no protobuf bodies; tfjs-node reads no npy.
  const others = { json: OTHERS, npy: PYTHON, protobuf: [] }[format];
  const servers: ServerName[] = ['fastify echo', 'servable', ...others];
  return { ...part, protocol: 'REST', format, servers, ...(target && { target }) };
}

function grpc(part: Part, target?: Target): Work {
  const servers: ServerName[] = ['grpc-js echo', 'servable'];
  return { ...part, protocol: 'gRPC', format: 'protobuf', servers, ...(target && { target }) };
}

function bare(part: Part): Work {
  const servers: ServerName[] = ['library, bare run'];
  return { ...part, protocol: 'in process', format: 'npy', servers };
}

/** JSON.parse of the body in a process of its own: the measure of the 1.6 MB target. */
function parse(part: Part): Work {
  return { ...part, protocol: 'in process', format: 'json', servers: ['library, bare run'] };
}

const floats: Part = {
  model: 'half_plus_two',
  what: '3 floats',
  input: threeFloats,
  heavy: false,
};
const digit: Part = { model: 'mnist', what: '1 image', input: oneDigit, heavy: false };
const digits: Part = {
  model: 'mnist',
  what: '32 images',
  input: repeated(oneDigit, 32),
  heavy: true,
};
const photo = (model: string): Part => ({ model, what: '1 image', input: onePhoto, heavy: true });
const photos = (model: string): Part => ({
  model,
  what: '32 images',
  input: repeated(onePhoto, 32),
  heavy: true,
});

/** All work, model by model. Rows of one list are interleaved with each other. */
export function plan(): Work[][] {
  const echo = (ratio: number): Target => ({ against: 'fastify echo', ratio });
  const call = (ratio: number): Target => ({ against: 'grpc-js echo', ratio });
  const sum = photo('sum224');
  const network = (model: string): Work[][] => [
    [bare(photo(model)), rest(photo(model), 'json')],
    [rest(photo(model), 'npy')],
    [rest(photo(model), 'protobuf'), grpc(photo(model))],
  ];
  return [
    [bare(floats), rest(floats, 'json', echo(1.5))],
    [rest(floats, 'npy'), rest(floats, 'protobuf')],
    [grpc(floats, call(1.2))],
    [bare(digit), rest(digit, 'json', echo(2.2))],
    [rest(digit, 'npy'), rest(digit, 'protobuf')],
    [grpc(digit, call(1.3))],
    [bare(digits), rest(digits, 'json')],
    [rest(digits, 'npy'), rest(digits, 'protobuf'), grpc(digits)],
    [bare(sum), parse(sum), rest(sum, 'json', { against: 'library, bare run', ratio: 0.4 })],
    [rest(sum, 'npy'), rest(sum, 'protobuf'), grpc(sum)],
    ...network('mobilenet_v2'),
    [
      bare(photos('mobilenet_v2')),
      rest(photos('mobilenet_v2'), 'npy'),
      grpc(photos('mobilenet_v2')),
    ],
    ...network('resnet50'),
  ];
}
