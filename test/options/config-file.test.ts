import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkFile } from '../../ts/cli/config.js';
import { parseConfigFile, problemLine, readConfigFile } from '../../ts/options/config-file.js';
import { environmentOptions, variableOf } from '../../ts/options/environment.js';
import { optionSchema, optionSchemaText } from '../../ts/options/option-schema.js';
import {
  OPTION_NAMES,
  OPTIONS,
  type OptionSpec,
  resolveOptions,
} from '../../ts/options/options.js';
import { ROOT } from '../support/paths.js';

function file(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'servable-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const problems = (text: string) =>
  parseConfigFile(text).problems.map((problem) => problemLine('f', problem));

describe('a configuration file', () => {
  it('says in YAML and in JSON what flags say', () => {
    const yaml = `# server
$schema: ./servable.schema.json
rest_api_port: 9000
listen_after_load: true
saved_model_tags: [serve, gpu]
per_process_gpu_memory_fraction: 0.5
transition_policy: resource_preserving
`;
    const json = `{"rest_api_port": 9000, "listen_after_load": true, "saved_model_tags": ["serve", "gpu"],
      "per_process_gpu_memory_fraction": 0.5, "transition_policy": "resource_preserving"}`;
    const values = {
      restApiPort: 9000,
      listenAfterLoad: true,
      savedModelTags: ['serve', 'gpu'],
      perProcessGpuMemoryFraction: 0.5,
      transitionPolicy: 'resource_preserving',
    };
    expect(parseConfigFile(yaml)).toEqual({ values, problems: [] });
    expect(parseConfigFile(json)).toEqual({ values, problems: [] });
    expect(parseConfigFile('# nothing\n')).toEqual({ values: {}, problems: [] });
  });

  it.each([
    ['port: 8500\nport: 8501\n', ['f:2:1: Map keys must be unique']],
    ['port: [1\n', ['f:2:1: Flow sequence in block collection must be sufficiently indented']],
    [
      'model_nmae: m\nport: x\n',
      [
        'f:1:1: unknown option "model_nmae": did you mean model_name?',
        'f:2:7: port: got "x", wanted a whole number from 0 to 65535',
      ],
    ],
    ['restApiPort: 1', ['f:1:1: unknown option "restApiPort": did you mean rest_api_port?']],
    ['\n  port:   70000', ['f:2:11: port: got 70000, wanted a whole number from 0 to 65535']],
    ['port:', ['f:1:6: port: got null, wanted a whole number from 0 to 65535']],
    ['saved_model_tags: serve', ['f:1:19: saved_model_tags: got "serve", wanted a list of texts']],
    ['enable_batching: yes', ['f:1:18: enable_batching: got "yes", wanted true or false']],
    ['model_name: {a: 1}', ['f:1:13: model_name: got {"a":1}, wanted text']],
    ['- port', ['f:1:1: got no keys, wanted one option a line, such as "rest_api_port: 8501"']],
  ])('%j names line and column', (text, wanted) => {
    const found = problems(text);
    expect(found.map((it, i) => it.slice(0, wanted[i]?.length))).toEqual(wanted);
  });

  it('that is bad keeps the server from starting, with the first problem', () => {
    const path = file('servable.yaml', 'prt: 1\nport: x\n');
    expect(() => readConfigFile(path)).toThrow(
      `${path}:1:1: unknown option "prt": did you mean port? (and 1 more: servable config check ${path})`,
    );
    expect(() => readConfigFile('/nowhere/servable.yaml')).toThrow(
      '/nowhere/servable.yaml: cannot be read: ENOENT',
    );
  });

  it('aliases that would grow without end are refused', () => {
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let i = 0; i < 6; i += 1) {
      const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
      lines.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
    }
    expect(problems(lines.join('\n'))[0]).toContain('Excessive alias count');
  });
});

describe('servable config check', () => {
  it('finds nothing in a good file', async () => {
    expect(await checkFile(file('a.yaml', 'port: 8500\n'))).toEqual([]);
    const models =
      'model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow" } }';
    expect(await checkFile(file('models.pbtxt', models))).toEqual([]);
  });

  it('finds what only fails together', async () => {
    const path = file('a.yaml', 'port: 8501\n');
    expect(await checkFile(path)).toEqual([
      `${path}: --port and --rest_api_port are both 8501: they must differ`,
    ]);
  });

  it('checks model config files in every format, and the one a configuration file names', async () => {
    const text = file('a.config', 'model_config_list {\n  config { nam: "a" }\n}\n');
    const wrong = `${text}:2:14: tensorflow.serving.ModelConfig: unknown field 'nam'`;
    expect(await checkFile(text)).toEqual([wrong]);
    expect(await checkFile(file('a.yaml', `model_config_file: ${text}\n`))).toEqual([wrong]);
    const yaml = file('a.yaml', 'model_config_list:\n  config:\n    - nam: a\n');
    expect(await checkFile(yaml)).toEqual([
      `${yaml}:3:7: tensorflow.serving.ModelConfig: unknown field: "nam"`,
    ]);
    const relative = file(
      'a.json',
      '{"model_config_list": {"config": [{"name": "a", "base_path": "b", "model_platform": "tensorflow"}]}}',
    );
    expect(await checkFile(relative)).toEqual([
      `${relative}: Expected model a to have an absolute path or URI; got base_path()=b`,
    ]);
  });
});

describe('the environment', () => {
  const warnings = (env: Record<string, string>) => environmentOptions(env).warnings;

  it('sets any option', () => {
    const env = {
      SERVABLE_REST_API_PORT: '9000',
      SERVABLE_LISTEN_AFTER_LOAD: 'true',
      SERVABLE_SAVED_MODEL_TAGS: 'serve,gpu',
      SERVABLE_MODEL_NAME: 'a b',
      SERVABLE_MODEL_BASE_PATH: '',
      PORT: '1',
    };
    expect(environmentOptions(env)).toEqual({
      values: {
        restApiPort: 9000,
        listenAfterLoad: true,
        savedModelTags: ['serve', 'gpu'],
        modelName: 'a b',
      },
      warnings: [],
    });
    expect(new Set(OPTION_NAMES.map(variableOf)).size).toBe(OPTION_NAMES.length);
  });

  it('names the variable that is wrong', () => {
    expect(() => environmentOptions({ SERVABLE_PORT: 'x' })).toThrow(
      'SERVABLE_PORT: got "x", wanted a number',
    );
    expect(() => environmentOptions({ SERVABLE_ENABLE_BATCHING: 'maybe' })).toThrow(
      'SERVABLE_ENABLE_BATCHING: got "maybe", wanted true or false',
    );
  });

  it('warns of a name that is nearly an option, and of nothing else', () => {
    expect(warnings({ SERVABLE_REST_API_PRT: '1' })).toEqual([
      'SERVABLE_REST_API_PRT is ignored: did you mean SERVABLE_REST_API_PORT?',
    ]);
    expect(warnings({ SERVABLE_ADDON: '/x', SERVABLE_SOMETHING_QUITE_DIFFERENT: '1' })).toEqual([]);
  });

  it('is not misled by what Kubernetes sets for a Service called servable', () => {
    const env = {
      SERVABLE_SERVICE_HOST: '10.0.0.1',
      SERVABLE_SERVICE_PORT: '8500',
      SERVABLE_PORT: 'tcp://10.0.0.1:8500',
      SERVABLE_PORT_8500_TCP: 'tcp://10.0.0.1:8500',
      SERVABLE_PORT_8500_TCP_ADDR: '10.0.0.1',
    };
    expect(environmentOptions(env)).toEqual({
      values: {},
      warnings: [
        "SERVABLE_PORT=tcp://10.0.0.1:8500 is ignored: it is Kubernetes' address of a Service",
      ],
    });
  });
});

describe('the schema', () => {
  it('in the package is that of the options: node dist/cli.js config schema > servable.schema.json', () => {
    expect(readFileSync(join(ROOT, 'servable.schema.json'), 'utf8')).toBe(optionSchemaText());
  });

  it('accepts every default and refuses what the server refuses', () => {
    const validate = new Ajv({ strict: false }).compile(optionSchema());
    const defaults = Object.fromEntries(
      OPTION_NAMES.map((name) => {
        const spec: OptionSpec = OPTIONS[name];
        return [name, spec.default];
      }),
    );
    expect(validate(defaults), JSON.stringify(validate.errors)).toBe(true);
    for (const bad of [{ port: 70_000 }, { port: 1.5 }, { zzz: 1 }, { model_loading: 'lazy' }]) {
      expect(validate(bad)).toBe(false);
      expect(parseConfigFile(JSON.stringify(bad)).problems).toHaveLength(1);
    }
    expect(() => resolveOptions(parseConfigFile(JSON.stringify(defaults)).values)).not.toThrow();
  });
});
