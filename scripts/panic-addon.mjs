// Builds an addon whose every entry can be told to panic: target/panics/servable.node.
//
// The sources are copied to target/panics and changed there, so that nothing of this is in what users get. Each function that
// #[napi(catch_unwind)] exports, and what it hands to other threads, begins with a point; `injectPanic(name)` arms one of them and
// `panicPoints()` tells how often each was reached while armed.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instrumentEntries, instrumentFunctions, NATIVE_POINTS } from './panic-points.mjs';
import { capture, ROOT } from './lib.mjs';

const FOLDER = join(ROOT, 'target', 'panics');
const COPY = join(FOLDER, 'src');

/** In the lowest crate, where all others can reach it. */
const CODEC_MODULE = `
/// Panics on demand, for the robustness suite alone.
pub mod chaos {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    static ARMED: Mutex<Option<String>> = Mutex::new(None);
    static REACHED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

    /// Arms one point, or none.
    pub fn arm(name: Option<String>) {
        *ARMED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = name;
    }

    /// How often each point was reached while armed.
    pub fn reached() -> BTreeMap<String, u32> {
        REACHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Panics where this point is armed.
    pub fn point(name: &str) {
        let is_armed = ARMED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .as_deref()
            == Some(name);
        if is_armed {
            let mut reached = REACHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *reached.entry(name.to_owned()).or_default() += 1;
            drop(reached);
            panic!("injected at {name}");
        }
    }
}
`;

const ADDON_MODULE = `
mod chaos {
    use std::collections::HashMap;
    use napi_derive::napi;

    #[napi]
    pub fn inject_panic(name: Option<String>) {
        servable_codec::chaos::arm(name);
    }

    #[napi]
    pub fn panic_points() -> HashMap<String, u32> {
        servable_codec::chaos::reached().into_iter().collect()
    }
}
`;

rmSync(COPY, { recursive: true, force: true });
mkdirSync(COPY, { recursive: true });
for (const path of ['Cargo.toml', 'Cargo.lock', 'crates', 'rust-toolchain.toml']) {
  cpSync(join(ROOT, path), join(COPY, path), { recursive: true });
}
const source = (crate, ...path) => join(COPY, 'crates', crate, 'src', ...path);
const names = [];
const change = (file, edit) => {
  const { text, names: found } = edit(readFileSync(file, 'utf8'));
  names.push(...found);
  writeFileSync(file, text);
};
for (const file of readdirSync(source('addon')).filter((name) => name.endsWith('.rs'))) {
  change(source('addon', file), (text) => instrumentEntries(text));
}
for (const { crate, file, functions } of NATIVE_POINTS) {
  change(source(crate, ...file.split('/')), (text) => instrumentFunctions(text, crate, functions));
}
const append = (file, text) => writeFileSync(file, readFileSync(file, 'utf8') + text);
append(source('codec', 'lib.rs'), CODEC_MODULE);
append(source('addon', 'lib.rs'), ADDON_MODULE);

// Speed does not matter here: a quick build does.
capture(
  process.execPath,
  [join(ROOT, 'scripts', 'build-addon.mjs'), join(FOLDER, 'servable.node'), '--root', COPY],
  {
    env: {
      ...process.env,
      CARGO_TARGET_DIR: join(FOLDER, 'target'),
      CARGO_PROFILE_RELEASE_LTO: 'off',
      CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
writeFileSync(join(FOLDER, 'points.json'), JSON.stringify(names));
if (!existsSync(join(FOLDER, 'servable.node'))) throw new Error('no addon was built');
console.log(`${names.length} points: ${names.join(', ')}`);
