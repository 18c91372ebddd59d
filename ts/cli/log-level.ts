import { type Command, Option } from 'commander';
import { LEVEL_NAMES } from '../log-level.js';
import { ADMIN_HELP, ask } from './models.js';

interface LogLevelOptions {
  readonly server?: string;
  readonly component?: string;
}

/** Adds `servable log-level`. */
export function registerLogLevel(program: Command): void {
  program
    .command('log-level')
    .description('see or change how much a running server logs')
    .argument('[level]', `one of ${LEVEL_NAMES.join(', ')}`)
    .addOption(
      new Option('--component <name>', 'change the level of this alone').choices([
        'servable',
        'tensorflow',
      ]),
    )
    .option('--server <address>', 'where the admin API answers')
    .addHelpText('after', ADMIN_HELP)
    .action(async (level: string | undefined, { server, component }: LogLevelOptions) => {
      const document =
        level === undefined
          ? await ask(server, 'GET', '/admin/log_level')
          : await ask(server, 'PUT', '/admin/log_level', { level, component });
      const { levels } = document as { levels: Record<string, string> };
      const lines = Object.entries(levels).map(([name, its]) => `${name.padEnd(12)}${its}\n`);
      process.stdout.write(lines.join(''));
    });
}
