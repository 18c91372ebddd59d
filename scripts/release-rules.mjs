// The rules of a release, pure: each function returns the problems it found, one sentence each.
import { parse } from 'yaml';
import { addonPackage, INSTALL_SCRIPTS, PLATFORMS } from './package-layout.mjs';

/** A workflow parses, grants nothing by default, states each job's permissions and pins every action to a commit. */
export function checkWorkflow(text) {
  let workflow;
  try {
    workflow = parse(text);
  } catch (error) {
    return [`not YAML: ${error.message}`];
  }
  const problems = [];
  const granted = workflow.permissions;
  if (granted === null || typeof granted !== 'object' || Object.keys(granted).length > 0) {
    problems.push('the workflow must say "permissions: {}"');
  }
  for (const [name, job] of Object.entries(workflow.jobs ?? {})) {
    if (job.permissions === null || typeof job.permissions !== 'object')
      problems.push(`job ${name}: states no permissions`);
    if (job['timeout-minutes'] === undefined) problems.push(`job ${name}: has no timeout-minutes`);
    for (const step of [job, ...(job.steps ?? [])]) {
      const uses = step.uses;
      if (uses === undefined || uses.startsWith('./')) continue;
      if (!/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(uses))
        problems.push(`job ${name}: ${uses} is not pinned to a commit`);
      else if (!new RegExp(`${uses}\\s+# v\\d+(\\.\\d+)*\\s*$`, 'm').test(text)) {
        problems.push(`job ${name}: ${uses} does not say which tag it is`);
      }
    }
  }
  if (Object.keys(workflow.jobs ?? {}).length === 0) problems.push('no job');
  return problems;
}

/** A published manifest runs nothing when it is installed and agrees with the repository's version. */
export function checkManifest(manifest, root) {
  const problems = [];
  for (const script of INSTALL_SCRIPTS) {
    if (manifest.scripts?.[script] !== undefined) problems.push(`has a ${script} script`);
  }
  if (manifest.gypfile !== false)
    problems.push('gypfile must be false: npm would run node-gyp otherwise');
  if (manifest.devDependencies !== undefined) problems.push('has devDependencies');
  if (manifest.version !== root.version)
    problems.push(`is version ${manifest.version}, the repository is ${root.version}`);
  if (manifest.license !== 'Apache-2.0') problems.push(`license is ${manifest.license}`);
  if (manifest.name === root.name) {
    for (const platform of PLATFORMS) {
      const wanted = manifest.optionalDependencies?.[addonPackage(platform)];
      if (wanted !== root.version)
        problems.push(`${addonPackage(platform)} is ${wanted}, wanted ${root.version}`);
    }
  } else {
    const platform = PLATFORMS.find((one) => addonPackage(one) === manifest.name);
    if (platform === undefined) problems.push(`${manifest.name} is not a platform's addon`);
    for (const [field, wanted] of Object.entries(platform?.limits ?? {})) {
      if (JSON.stringify(manifest[field]) !== JSON.stringify(wanted))
        problems.push(`${field} is not ${wanted}`);
    }
  }
  return problems;
}

const MAIN_NEEDS = [
  'package.json',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli.js',
  'models/demo/1/saved_model.pb',
  'models/demo/1/variables/variables.index',
  'models/demo/labels.txt',
];

/** A tarball holds what its users need and nothing of the repository's own. */
export function checkFiles(kind, files) {
  const problems = [];
  if (kind === 'addon') {
    if (files.filter((file) => file.endsWith('.node')).length !== 1)
      problems.push('does not hold exactly one .node file');
    for (const file of files) {
      if (!/^(package\.json|LICENSE|README\.md|servable\.[\w-]+\.node)$/.test(file))
        problems.push(`holds ${file}`);
    }
    return problems;
  }
  for (const file of MAIN_NEEDS) if (!files.includes(file)) problems.push(`lacks ${file}`);
  for (const file of files) {
    if (
      !/^(dist|protos|models\/demo)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/.test(file)
    )
      problems.push(`holds ${file}`);
    if (
      /(^|\/)(binding\.gyp|Cargo\.toml|node_modules|__pycache__|\.env)(\/|$)|\.(node|rs|so|tgz|log)$/.test(
        file,
      )
    ) {
      problems.push(`holds ${file}, which must not ship`);
    }
  }
  return problems;
}
