import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { OWN_DEFINITIONS } from '../../ts/observe/definitions.js';
import { gpuMetrics } from '../../ts/observe/gpu-metrics.js';
import { modelDir, ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const FOLDER = join(ROOT, 'deploy', 'grafana');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const dashboard = JSON.parse(readFileSync(join(FOLDER, 'servable.json'), 'utf8')) as Dashboard;
const rules = (
  parse(readFileSync(join(FOLDER, 'alerts.yaml'), 'utf8')) as {
    groups: { name: string; rules: Rule[] }[];
  }
).groups.flatMap((group) => group.rules);

const PANELS = dashboard.panels.filter(({ type }) => type !== 'row');
const EXPRESSIONS = [
  ...PANELS.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
  ...rules.map(({ expr }) => expr),
];

/** Names of metrics and, with them, the labels that their selectors ask for. */
function used(expression: string): { name: string; labels: string[] }[] {
  const found = expression.matchAll(
    /(?<![\w:])((?:servable_|:tensorflow:)[\w:]+)(?:\{([^}]*)\})?/g,
  );
  return [...found].map(([, name = '', selector = '']) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label ?? ''),
  }));
}

/** Labels that Prometheus itself adds. */
const SCRAPED = ['job', 'instance'];
let server: RunningServer;
/** Labels by the name of each series that the page has or can have. */
const exported = new Map<string, Set<string>>();

function add(series: string, labels: readonly string[]): void {
  const known = exported.get(series) ?? new Set<string>();
  for (const label of labels) known.add(label);
  exported.set(series, known);
}

beforeAll(async () => {
  server = await startServer({
    args: ['--model_name=half_plus_two', `--model_base_path=${modelDir('half_plus_two')}`],
    models: ['half_plus_two'],
  });
  await fetch(`${server.rest}/v1/models/half_plus_two:predict`, {
    method: 'POST',
    body: '{"instances": [1]}',
  });
  const page = await (await fetch(`${server.rest}/monitoring/prometheus/metrics`)).text();
  for (const line of page.split('\n').filter((it) => it !== '' && !it.startsWith('#'))) {
    const [, name = '', labels = ''] = /^([\w:]+)(?:\{(.*)\})? /.exec(line) ?? [];
    add(
      name,
      [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label ?? ''),
    );
  }
  // What this machine or this minute gave no reason for.
  for (const { name, labels } of OWN_DEFINITIONS) add(name, labels);
  const figures = { utilization: 1, memoryUsed: 1, memoryTotal: 1, temperature: 1, power: 1 };
  for (const { name } of gpuMetrics([{ index: 0, name: '', uuid: '', ...figures }])) {
    add(name, ['gpu', 'name', 'uuid']);
  }
}, 60_000);

afterAll(async () => {
  await server.stop();
});

describe('the dashboard and the alerts', () => {
  it('use only names and labels that the server exports', () => {
    const wrong = EXPRESSIONS.flatMap(used).flatMap(({ name, labels }) => {
      const known = exported.get(name);
      if (known === undefined) return [`${name}: not exported`];
      const unknown = labels.filter((it) => !known.has(it) && !SCRAPED.includes(it));
      return unknown.map((label) => `${name}: no label ${label}`);
    });
    expect(wrong).toEqual([]);
    expect(EXPRESSIONS.flatMap(used).length).toBeGreaterThan(40);
  });

  it('would notice a name that is not there', () => {
    const [found] = used('rate(servable_no_such_total{nothing="1"}[5m])');
    expect(found).toEqual({ name: 'servable_no_such_total', labels: ['nothing'] });
    expect(exported.has('servable_no_such_total')).toBe(false);
  });

  it('have balanced expressions', () => {
    for (const expression of EXPRESSIONS) {
      for (const [open, close] of ['()', '{}', '[]']) {
        const count = (it = ''): number => expression.split(it).length - 1;
        expect(count(open), expression).toBe(count(close));
      }
    }
  });
});

describe('the dashboard', () => {
  it('has panels with ids of their own, within the grid, each with a query', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, gridPos, targets = [] } of PANELS) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      expect(targets.length, title).toBeGreaterThan(0);
    }
  });
});

describe('the alert rules', () => {
  it('have what Prometheus wants of a rule, and names of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) {
      const known = ['alert', 'expr', 'for', 'labels', 'annotations'];
      expect(Object.keys(rule).filter((key) => !known.includes(key))).toEqual([]);
      expect(rule.alert).toMatch(/^Servable[A-Za-z]+$/);
      expect(rule.for ?? '0s').toMatch(/^\d+[smh]$/);
      expect(['warning', 'critical']).toContain(rule.labels.severity);
      expect(rule.annotations.summary.length).toBeGreaterThan(10);
    }
  });
});
