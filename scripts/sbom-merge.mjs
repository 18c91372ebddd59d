// Makes one CycloneDX document of npm's and of cargo's metadata. Pure: the tests feed it both.

const ADDON = 'servable-addon';

/** The crates that end up in an addon, with the checksums of the lockfile: no build tools, no test dependencies. */
export function crateComponents(metadata, lockfile) {
  const packages = new Map(metadata.packages.map((each) => [each.id, each]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const start = metadata.packages.find((each) => each.name === ADDON);
  if (start === undefined) throw new Error(`${ADDON} is not in cargo's metadata`);
  const shipped = new Set();
  const visit = (id) => {
    if (shipped.has(id)) return;
    shipped.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id)?.deps ?? []) {
      if (kinds.some(({ kind }) => kind === null) && !isMacro(packages.get(pkg))) visit(pkg);
    }
  };
  visit(start.id);
  const sums = checksums(lockfile);
  return [...shipped]
    .map((id) => packages.get(id))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((each) => component(each, sums.get(`${each.name} ${each.version}`)));
}

/** One document: npm's, with the crates added and ourselves named as package.json does. */
export function mergeBom(bom, crates, manifest) {
  const main = bom.metadata.component;
  const root = main['bom-ref'];
  const own = crates.find(({ name }) => name === ADDON);
  const dependencies = bom.dependencies.map((entry) =>
    entry.ref === root ? { ...entry, dependsOn: [...entry.dependsOn, own['bom-ref']] } : entry,
  );
  return {
    ...bom,
    metadata: { ...bom.metadata, component: { ...main, name: manifest.name } },
    components: [...bom.components, ...crates],
    dependencies: [
      ...dependencies,
      {
        ref: own['bom-ref'],
        dependsOn: crates.filter((each) => each !== own).map((each) => each['bom-ref']),
      },
    ],
  };
}

const isMacro = (each) => each.targets.some(({ kind }) => kind.includes('proc-macro'));

function component({ name, version, license, description, repository }, checksum) {
  const purl = `pkg:cargo/${name}@${version}`;
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    scope: 'required',
    purl,
    ...(description ? { description: description.replace(/\s+/g, ' ').trim() } : {}),
    ...(license ? { licenses: [{ expression: license.replaceAll('/', ' OR ') }] } : {}),
    ...(checksum ? { hashes: [{ alg: 'SHA-256', content: checksum }] } : {}),
    ...(repository ? { externalReferences: [{ type: 'vcs', url: repository }] } : {}),
  };
}

/** `name version` to checksum, as Cargo.lock has them. */
function checksums(lockfile) {
  const entry = /name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"/g;
  return new Map(
    [...lockfile.matchAll(entry)].map(([, name, version, sum]) => [`${name} ${version}`, sum]),
  );
}
