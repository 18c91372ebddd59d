// What the published packages look like. Pure: the release check and the tests read it too.

/** The platforms an addon is published for; `target` is Rust's name. */
export const PLATFORMS = [
  {
    name: 'linux-x64-gnu',
    target: 'x86_64-unknown-linux-gnu',
    limits: { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    words: 'Linux x64 (glibc)',
  },
  {
    name: 'linux-arm64-gnu',
    target: 'aarch64-unknown-linux-gnu',
    limits: { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
    words: 'Linux arm64 (glibc)',
  },
  {
    name: 'darwin-arm64',
    target: 'aarch64-apple-darwin',
    limits: { os: ['darwin'], cpu: ['arm64'] },
    words: 'macOS arm64',
  },
];

/** What the main package holds beside its compiled JavaScript and its manifest. */
export const MAIN_FILES = [
  'protos',
  'models/demo',
  'servable.schema.json',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
];

/** Manifest fields of the main package that are the repository's own, word for word. */
const KEPT = [
  'name',
  'version',
  'description',
  'license',
  'type',
  'engines',
  'bin',
  'main',
  'types',
  'exports',
  'keywords',
  'dependencies',
];

/** Scripts that npm runs when a package is installed: the published packages have none. */
export const INSTALL_SCRIPTS = [
  'preinstall',
  'install',
  'postinstall',
  'prepare',
  'prepublish',
  'prepublishOnly',
];

/** The name of a platform's addon, as the loader looks for it. */
export const addonPackage = (platform) => `@servable/addon-${platform.name}`;

/** The file name of a platform's addon, as `napi build --platform` writes it. */
export const addonFile = (platform) => `servable.${platform.name}.node`;

/** The main package's manifest: no scripts, no development dependencies, every addon optional and of the same version. */
export function mainManifest(root, env) {
  const manifest = Object.fromEntries(
    KEPT.filter((key) => root[key] !== undefined).map((key) => [key, root[key]]),
  );
  return {
    ...manifest,
    ...repository(env),
    gypfile: false,
    files: ['dist', ...MAIN_FILES],
    optionalDependencies: {
      ...root.optionalDependencies,
      ...Object.fromEntries(PLATFORMS.map((platform) => [addonPackage(platform), root.version])),
    },
    publishConfig: { access: 'public' },
  };
}

/** The manifest of one platform's addon. */
export function addonManifest(root, platform, env) {
  return {
    name: addonPackage(platform),
    version: root.version,
    description: `Native part of servable for ${platform.words}`,
    license: root.license,
    engines: root.engines,
    ...platform.limits,
    ...repository(env),
    main: addonFile(platform),
    files: [addonFile(platform)],
    gypfile: false,
    publishConfig: { access: 'public' },
  };
}

// Provenance ties a package to the repository that built it: npm refuses one whose manifest names another or none.
function repository(env) {
  return env.GITHUB_REPOSITORY
    ? { repository: { type: 'git', url: `git+https://github.com/${env.GITHUB_REPOSITORY}.git` } }
    : {};
}
