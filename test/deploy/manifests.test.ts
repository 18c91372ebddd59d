import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { readModelConfigFile } from '../../ts/manager/source/model-config.js';
import { parseFlags } from '../../ts/options/flags.js';
import { OPTIONS, type Options, resolveOptions } from '../../ts/options/options.js';
import {
  at,
  changed,
  DEPLOY,
  deployFiles,
  deployText,
  installed,
  listAt,
  textAt,
  yamlDocuments,
} from './support.js';

/** The flags on a command line of words, checked as the server would check them. */
function acceptedFlags(words: readonly unknown[]): Partial<Options> {
  const { values } = parseFlags(words.map((word) => String(word).replaceAll('{{.Name}}', 'name')));
  resolveOptions(values);
  return values;
}

const DRAIN_SECONDS = OPTIONS.drain_timeout_seconds.default;

describe('Alibaba PAI EAS', () => {
  const schema = JSON.parse(deployText('eas/schema.json')) as object;
  const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false });
  const validate = ajv.compile(schema);
  const services = deployFiles('.json').filter(
    (file) => file.startsWith('eas/') && file !== 'eas/schema.json',
  );
  const read = (file: string): unknown => JSON.parse(deployText(file));

  it('has a service of one model, of a config file and of gRPC', () => {
    expect(services).toEqual(['eas/grpc.json', 'eas/multi-model.json', 'eas/single-model.json']);
  });

  it.each(services)('%s fits the schema', (file) => {
    validate(read(file));
    expect(validate.errors).toBeNull();
  });

  it.each(services)('%s starts the entry script with flags that the server has', (file) => {
    const service = read(file);
    const [script, ...flags] = textAt(service, 'containers', 0, 'script').split(/\s+/);
    expect(script).toBe('/usr/bin/tf_serving_entrypoint.sh');
    acceptedFlags(flags);
    expect(at(service, 'storage', 0)).toMatchObject({
      mount_path: '/models',
      oss: { readOnly: true },
    });
    expect(at(service, 'metadata', 'eas', 'termination_grace_period')).toBeGreaterThan(
      DRAIN_SECONDS,
    );
    expect(at(service, 'containers', 0, 'startup_check', 'http_get')).toEqual({
      path: '/healthz/ready',
      port: 8501,
    });
  });

  it('the services are the two usual commands, and gRPC at the root of the gateway', () => {
    const script = '/usr/bin/tf_serving_entrypoint.sh';
    const multi = `${script} --model_config_file=/models/model_config.pbtxt --model_config_file_poll_wait_seconds=30`;
    expect(read('eas/single-model.json')).toMatchObject({ containers: [{ script, port: 8501 }] });
    expect(read('eas/multi-model.json')).toMatchObject({
      containers: [{ script: multi, port: 8501 }],
    });
    expect(read('eas/grpc.json')).toMatchObject({
      containers: [{ script: multi, port: 8500 }],
      networking: { path: '/' },
      metadata: { enable_grpc: true },
    });
  });

  it.each<[string, (string | number)[], unknown]>([
    ['a name with capitals', ['metadata', 'name'], 'Servable'],
    ['no name', ['metadata', 'name'], undefined],
    ['no containers', ['containers'], []],
    ['an untagged image', ['containers', 0, 'image'], 'registry/servable'],
    ['the image latest', ['containers', 0, 'image'], 'registry/servable:latest'],
    ["a port of EAS's own", ['containers', 0, 'port'], 8080],
    ['a port as text', ['containers', 0, 'port'], '8501'],
    ['a mount that is not absolute', ['storage', 0, 'mount_path'], 'models'],
    ['an OSS path without bucket', ['storage', 0, 'oss', 'path'], '/models'],
    ['a mount of nothing', ['storage', 0, 'oss'], undefined],
    ['a gateway path that is not absolute', ['networking'], { path: 'x' }],
    ['a misspelt name', ['networking'], { paths: '/' }],
    ['a probe of nothing', ['containers', 0, 'startup_check', 'http_get'], undefined],
  ])('the schema refuses %s', (_, path, value) => {
    expect(validate(changed(read('eas/single-model.json'), path, value))).toBe(false);
  });
});

it.each(['eas/model_config.pbtxt', 'k8s/models.config', 'systemd/models.config'])(
  '%s is a config that the server reads',
  async (file) => {
    const configs = await readModelConfigFile(join(DEPLOY, file));
    expect(configs.length).toBeGreaterThan(0);
  },
);

it('every YAML file parses', () => {
  const files = [...deployFiles('.yaml'), ...deployFiles('.yml')];
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(yamlDocuments(file).length, file).toBeGreaterThan(0);
});

/** What Kubernetes' restricted Pod Security Standard asks of a container, and a read-only root. */
function expectRestricted(container: unknown, pod: unknown): void {
  const of = (what: unknown): object => at(what, 'securityContext') as object;
  expect({ ...of(pod), ...of(container) }).toMatchObject({
    runAsNonRoot: true,
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(at(container, 'resources', 'requests')).toHaveProperty('memory');
  expect(at(container, 'resources', 'limits')).toHaveProperty('memory');
}

describe('Kubernetes', () => {
  const [deployment] = yamlDocuments('k8s/deployment.yaml');
  const services = yamlDocuments('k8s/service.yaml');
  const [kustomization] = yamlDocuments('k8s/kustomization.yaml');
  const template = at(deployment, 'spec', 'template');
  const pod = at(template, 'spec');
  const container = at(pod, 'containers', 0);
  const args = listAt(container, 'args');
  const ports = new Map(
    listAt(container, 'ports').map((port) => [at(port, 'name'), at(port, 'containerPort')]),
  );

  it('the container is restricted and writes nothing', () => {
    expectRestricted(container, pod);
  });

  it('the selectors find the pods, and the ports have names that exist', () => {
    const labels = at(template, 'metadata', 'labels');
    expect(labels).toEqual(at(deployment, 'spec', 'selector', 'matchLabels'));
    for (const service of services) {
      expect(labels).toEqual(at(service, 'spec', 'selector'));
      for (const port of listAt(service, 'spec', 'ports')) {
        expect(ports.get(at(port, 'targetPort'))).toBe(at(port, 'port'));
      }
    }
    expect([...ports]).toEqual([
      ['grpc', 8500],
      ['http', 8501],
    ]);
  });

  it('the probes ask the health pages', () => {
    const path = (probe: string): unknown => at(container, `${probe}Probe`, 'httpGet', 'path');
    expect(path('readiness')).toBe('/healthz/ready');
    expect(path('liveness')).toBe('/healthz/live');
    expect(path('startup')).toBe('/healthz/live');
  });

  it('a pod that stops has time to drain', () => {
    const { drainDelaySeconds: wait = 0, drainTimeoutSeconds: drain = 0 } = acceptedFlags(args);
    expect(wait).toBeGreaterThan(0);
    expect(at(pod, 'terminationGracePeriodSeconds')).toBeGreaterThan(wait + drain);
  });

  it('the config map that kustomize makes is the one that is mounted', () => {
    const generated = at(kustomization, 'configMapGenerator', 0);
    const volume = listAt(pod, 'volumes').find((one) => at(one, 'configMap') !== undefined);
    expect(at(volume, 'configMap', 'name')).toBe(at(generated, 'name'));
    const mount = listAt(container, 'volumeMounts').find(
      (one) => at(one, 'name') === at(volume, 'name'),
    );
    expect(acceptedFlags(args).modelConfigFile).toBe(
      `${textAt(mount, 'mountPath')}/${textAt(generated, 'files', 0)}`,
    );
  });

  it('kustomize names what is there, and an image with a version', () => {
    for (const file of listAt(kustomization, 'resources')) {
      expect(yamlDocuments(`k8s/${file}`).length).toBeGreaterThan(0);
    }
    expect(at(kustomization, 'images', 0, 'name')).toBe(at(container, 'image'));
    expect(at(kustomization, 'images', 0, 'newTag')).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('KServe', () => {
  const [runtime] = yamlDocuments('kserve/cluster-serving-runtime.yaml');
  const services = yamlDocuments('kserve/inference-service.yaml');
  const container = at(runtime, 'spec', 'containers', 0);

  it("the runtime takes KServe's ports and paths", () => {
    expect(runtime).toMatchObject({
      apiVersion: 'serving.kserve.io/v1alpha1',
      kind: 'ClusterServingRuntime',
    });
    expect(container).toMatchObject({
      name: 'kserve-container',
      command: ['/usr/bin/tensorflow_model_server'],
    });
    expect(at(container, 'image')).toMatch(/:\d+\.\d+\.\d+$/);
    expect(acceptedFlags(listAt(container, 'args'))).toMatchObject({
      modelName: 'name',
      modelBasePath: '/mnt/models',
      port: 9000,
      restApiPort: 8080,
      listenAfterLoad: true,
    });
    expectRestricted(container, {});
  });

  it('the examples name the runtime, its formats and its protocols', () => {
    expect(services).toHaveLength(2);
    for (const service of services) {
      expect(service).toMatchObject({
        apiVersion: 'serving.kserve.io/v1beta1',
        kind: 'InferenceService',
      });
      const model = at(service, 'spec', 'predictor', 'model');
      expect(at(model, 'runtime')).toBe(at(runtime, 'metadata', 'name'));
      expect(at(runtime, 'spec', 'supportedModelFormats')).toContainEqual(at(model, 'modelFormat'));
      expect(at(runtime, 'spec', 'protocolVersions')).toContain(at(model, 'protocolVersion'));
    }
  });
});

it.each(['servable', 'servable-gpu'])(
  'compose service %s is read-only, drops every capability and drains',
  (name) => {
    const service = at(yamlDocuments('docker/compose.yaml')[0], 'services', name);
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      ports: ['8500:8500', '8501:8501'],
    });
    expect(at(service, 'volumes', 0)).toMatch(/:\/models:ro$/);
    const seconds = Number.parseInt(textAt(service, 'stop_grace_period'), 10);
    expect(seconds).toBeGreaterThan(DRAIN_SECONDS);
  },
);

describe('systemd', () => {
  const unit = deployText('systemd/servable.service');
  const setting = (name: string): string[] =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string);

  it('waits for READY=1 from the process that sends it, and stops with time to drain', () => {
    expect(setting('Type')).toEqual(['notify']);
    expect(setting('NotifyAccess')).toEqual(['all']);
    expect(Number.parseInt(setting('TimeoutStopSec')[0] ?? '', 10)).toBeGreaterThan(DRAIN_SECONDS);
  });

  it('starts the server with flags that it has', () => {
    const words = (setting('ExecStart')[0] ?? '').split(' ');
    expect(words.slice(0, 2)).toEqual(['servable', 'serve']);
    expect(words.at(-1)).toBe('$SERVABLE_ARGS');
    acceptedFlags(words.slice(2, -1));
    const [, more = ''] = /^SERVABLE_ARGS=(.*)$/m.exec(deployText('systemd/servable.env')) ?? [];
    acceptedFlags(more.split(' '));
  });

  it('leaves V8 the memory that it compiles to', () => {
    expect(setting('MemoryDenyWriteExecute')).toEqual([]);
  });

  const analyze = installed('systemd-analyze');
  if (!analyze) console.log('skipped: no systemd-analyze on this machine (Debian: systemd)');
  it.skipIf(!analyze)('systemd-analyze accepts the unit and its drop-in', () => {
    const folder = mkdtempSync(join(tmpdir(), 'servable-unit-'));
    // verify wants the program to exist.
    const runnable = unit.replace('ExecStart=servable', `ExecStart=${process.execPath}`);
    const dropIn = deployText('systemd/servable.service.d/gpu.conf');
    for (const [name, text] of Object.entries({ plain: runnable, gpu: `${runnable}\n${dropIn}` })) {
      const file = join(folder, `servable-${name}.service`);
      writeFileSync(file, text);
      const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
      expect(`${verified.stdout}${verified.stderr}`, name).toBe('');
      expect(verified.status, name).toBe(0);
    }
  });
});
