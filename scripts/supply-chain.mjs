// Rules about what we depend on, pure: each function returns the problems it found, one sentence each.

/** Looked at: protobufjs only warns about version ranges. `npm install --ignore-scripts` works for all that we depend on. */
const HARMLESS_SCRIPTS = new Set(['protobufjs']);
const NPM = 'https://registry.npmjs.org/';

/** The licences that deny.toml allows. */
export function allowedLicences(denyToml) {
  const list = /^allow = \[([^\]]*)\]/m.exec(denyToml)?.[1] ?? '';
  return new Set([...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name));
}

/** Whether an SPDX expression can be satisfied by allowed licences: one side of OR, both of AND. */
export function isAllowed(expression, allowed) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const atom = () => {
    if (tokens[at] === '(') {
      at += 1;
      const inner = either();
      at += 1;
      return inner;
    }
    let name = tokens[at++] ?? '';
    if (tokens[at] === 'WITH') {
      name += ` WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return allowed.has(name);
  };
  const both = () => {
    let holds = atom();
    while (tokens[at] === 'AND') {
      at += 1;
      holds = atom() && holds;
    }
    return holds;
  };
  const either = () => {
    let holds = both();
    while (tokens[at] === 'OR') {
      at += 1;
      holds = both() || holds;
    }
    return holds;
  };
  return either() && at === tokens.length;
}

/** Crates come from crates.io with a checksum, and their licences are allowed. */
export function checkCrates(metadata, lockfile, allowed) {
  const problems = [];
  for (const { name, version, license, source } of metadata.packages) {
    if (!isAllowed(license ?? '', allowed)) {
      problems.push(`crate ${name} ${version}: licence ${license ?? 'unknown'} is not in deny.toml`);
    }
    if (source === null) continue;
    if (source !== 'registry+https://github.com/rust-lang/crates.io-index') {
      problems.push(`crate ${name} ${version}: comes from ${source}`);
    }
    const entry = `name = "${name}"\nversion = "${version}"\nsource = "${source}"\nchecksum = "`;
    if (!lockfile.includes(entry)) problems.push(`crate ${name} ${version}: has no checksum`);
  }
  return problems;
}

/** Packages come from npm's registry with an integrity hash, and what ships has an allowed licence. */
export function checkPackages(lock, allowed) {
  const problems = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '' || entry.link) continue;
    const name = path.replace(/^.*node_modules\//, '');
    // Without the field it is whatever registry npm uses; the hash is the same everywhere.
    if (!(entry.resolved ?? NPM).startsWith(NPM)) {
      problems.push(`package ${name}: comes from ${entry.resolved}`);
    }
    // Entries of platforms that the registry of the last update does not mirror: scripts/complete-lockfile.mjs.
    if (entry.optional && (entry.os || entry.cpu) && entry.integrity === undefined) continue;
    if (!/^sha512-/.test(entry.integrity ?? '')) problems.push(`package ${name}: has no SHA-512`);
    if (entry.dev || entry.devOptional) continue;
    if (!isAllowed(entry.license ?? '', allowed)) {
      problems.push(`package ${name}: licence ${entry.license ?? 'unknown'} is not in deny.toml`);
    }
    if (entry.hasInstallScript && !HARMLESS_SCRIPTS.has(name)) problems.push(`package ${name}: runs a script when it is installed`);
  }
  return problems;
}

/** What CycloneDX 1.5 demands of the parts we use, and that references resolve. */
export function checkBom(bom) {
  const problems = [];
  if (bom.bomFormat !== 'CycloneDX') problems.push(`bomFormat is ${bom.bomFormat}`);
  if (bom.specVersion !== '1.5') problems.push(`specVersion is ${bom.specVersion}`);
  if (!Number.isInteger(bom.version) || bom.version < 1) problems.push(`version is ${bom.version}`);
  if (!/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(bom.serialNumber ?? '')) {
    problems.push(`serialNumber is ${bom.serialNumber}`);
  }
  const refs = new Set([bom.metadata?.component?.['bom-ref']]);
  for (const component of bom.components ?? []) {
    const { type, name, version, purl, licenses = [], hashes = [] } = component;
    const what = `component ${name}`;
    if (type !== 'library') problems.push(`${what}: type is ${type}`);
    if (!name || !version) problems.push(`${what}: has no name or version`);
    if (!/^pkg:(npm|cargo)\//.test(purl ?? '')) problems.push(`${what}: purl is ${purl}`);
    if (refs.has(component['bom-ref'])) problems.push(`${what}: its bom-ref is not its own`);
    refs.add(component['bom-ref']);
    for (const each of licenses) {
      if (!each.expression && !each.license?.id && !each.license?.name) {
        problems.push(`${what}: a licence without a name`);
      }
    }
    for (const { alg, content } of hashes) {
      const length = { 'SHA-256': 64, 'SHA-512': 128, 'SHA-1': 40 }[alg];
      if (content?.length !== length) problems.push(`${what}: ${alg} of ${content?.length} digits`);
    }
  }
  for (const { ref, dependsOn = [] } of bom.dependencies ?? []) {
    for (const each of [ref, ...dependsOn]) {
      if (!refs.has(each)) problems.push(`dependencies: ${each} is no component`);
    }
  }
  return problems;
}
