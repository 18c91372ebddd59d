import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { completionScript, registerCompletion, SHELLS } from '../../ts/cli/completion.js';
import { registerDoctor } from '../../ts/cli/doctor.js';
import { registerRuntime } from '../../ts/cli/runtime.js';

function program(): Command {
  const command = new Command('servable').version('0.0.0');
  command.command('serve').description('serve models').allowUnknownOption();
  registerRuntime(command);
  registerDoctor(command);
  registerCompletion(command);
  return command;
}

function has(shell: string): boolean {
  const found = spawnSync(shell, ['-c', 'true']).status === 0;
  if (!found) process.stderr.write(`skipped: ${shell} completion, no ${shell} on this system\n`);
  return found;
}

/** What bash offers for the last word of a line. */
function bashOffers(...words: string[]): string[] {
  const script = `
compopt() { :; }
${completionScript('bash', program())}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _servable
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  return output.split('\n').filter((line) => line !== '');
}

test.skipIf(!has('bash'))('bash completes commands, options and values', () => {
  expect(bashOffers('servable', 'ru')).toEqual(['runtime']);
  expect(bashOffers('servable', 'runtime', 'in')).toEqual(['install']);
  expect(bashOffers('servable', 'runtime', 'install', '--if')).toEqual(['--if-missing']);
  expect(bashOffers('servable', 'completion', '')).toEqual([...SHELLS]);
  expect(bashOffers('servable', 'doctor', '--model', '/et')).toEqual(['/etc']);
  expect(bashOffers('servable', 'doctor', '--model', '=', '/et')).toEqual(['/etc']);
  expect(bashOffers('servable', 'serve', '--model_base')).toEqual(['--model_base_path']);
  expect(bashOffers('servable', 'serve', '--input_shape_check', '')).toContain('auto');
});

test.skipIf(!has('zsh'))('zsh reads its script', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servable-zsh-'));
  const script = join(folder, '_servable');
  writeFileSync(script, completionScript('zsh', program()));
  try {
    execFileSync('zsh', ['-n', script]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(!has('fish'))('fish completes commands and values', () => {
  const ask = (line: string) => {
    const script = `${completionScript('fish', program())}\ncomplete -C ${JSON.stringify(line)}`;
    return execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' });
  };
  expect(ask('servable runtime ve')).toMatch(/^verify\t/);
  expect(ask('servable completion ')).toBe('bash\nfish\nzsh\n');
});

test('every command and option is in every script', () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell, program());
    for (const word of ['runtime', 'install', 'verify', 'doctor', 'if-missing', 'rest_api_port']) {
      expect(script).toContain(word);
    }
  }
});
