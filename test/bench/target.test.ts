import { expect, test } from 'vitest';
import { isUrl, parseTarget, restPath, shownTarget } from '../../ts/bench/target.js';

test.each([
  ['http://h:1/v1/models/m', 'http://h:1/v1/models/m:predict'],
  ['http://h/v1/models/m:classify', 'http://h:8501/v1/models/m:classify'],
  ['https://h/v1/models/m/versions/7:predict', 'https://h:8501/v1/models/m/versions/7:predict'],
  [
    'http://[::1]:5/v1/models/a%20b/labels/stable',
    'http://[::1]:5/v1/models/a%20b/labels/stable:predict',
  ],
  ['grpc://h/m', 'grpc://h:8500/m'],
  ['grpcs://h:9/v1/models/m:predict', 'grpcs://h:9/m'],
])('%s is %s', (text, wanted) => {
  expect(shownTarget(parseTarget(text, null))).toBe(wanted);
});

test('a URL without a model takes the one that was named apart', () => {
  const target = parseTarget('http://h:1', 'm');
  expect(restPath(target, '/metadata')).toBe('/v1/models/m/metadata');
  expect(() => parseTarget('http://h:1', null)).toThrow('names no model (see --model)');
});

test.each(['http://h/predict', 'http://h/v1/models/m:explain', 'http://'])(
  '%s is refused with what a URL looks like',
  (text) => {
    expect(() => parseTarget(text, null)).toThrow('wanted http://HOST:8501/v1/models/MODEL');
  },
);

test('a folder is no URL', () => {
  expect(isUrl('./model')).toBe(false);
  expect(isUrl('C:/model')).toBe(false);
  expect(isUrl('grpc://h/m')).toBe(true);
});
