import { Command, Option } from 'commander';
import { CONFIG_DOC, flagsHelp } from '../options/flags.js';
import { OPTION_NAMES, OPTIONS, type OptionSpec } from '../options/options.js';
import { registerBench } from './bench.js';
import { registerCompletion } from './completion.js';
import { registerConfig } from './config.js';
import { registerDoctor } from './doctor.js';
import { registerInspect } from './inspect.js';
import { registerLogLevel } from './log-level.js';
import { registerModels } from './models.js';
import { registerPredict } from './predict.js';
import { registerReplay } from './replay.js';
import { registerRuntime } from './runtime.js';
import { registerToken } from './token.js';
import { registerTune } from './tune.js';
import { registerWarmup } from './warmup.js';

/** The whole command tree, for help, completion and every command but the server's. */
export function makeProgram(): Command {
  const program = new Command('servable')
    .description('Serves TensorFlow SavedModels over REST and gRPC, as TensorFlow Serving does.')
    .usage('<command> [options]')
    .option('-V, --version', 'print the versions of Servable and of the TensorFlow library')
    .showHelpAfterError('(see servable --help)')
    .addHelpText(
      'after',
      '\nWithout a command, flags of serve are taken: servable --model_base_path=DIR',
    );
  registerServer(program, 'serve', 'serve models over REST and gRPC', async (argv) => {
    const { runServe } = await import('./serve.js');
    await runServe(argv);
  });
  registerServer(program, 'demo', 'serve the bundled model as modelA', async (argv) => {
    const { runDemo } = await import('./demo.js');
    await runDemo(argv);
  });
  registerInspect(program);
  registerPredict(program);
  registerBench(program);
  registerTune(program);
  registerModels(program);
  registerLogLevel(program);
  registerConfig(program);
  registerWarmup(program);
  registerReplay(program);
  registerToken(program);
  registerRuntime(program);
  registerDoctor(program);
  registerCompletion(program);
  return program;
}

/** Parses the command line and runs its command. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const program = makeProgram();
  if (argv.length === 0) {
    program.outputHelp();
    process.exitCode = 1;
    return;
  }
  await program.parseAsync([...argv], { from: 'user' });
}

/** The server's flags are parsed in `flags.ts`; here they are listed for help and completion. */
function registerServer(
  program: Command,
  name: string,
  description: string,
  run: (argv: readonly string[]) => Promise<void>,
): void {
  const command = program
    .command(name)
    .description(description)
    .allowUnknownOption()
    .allowExcessArguments()
    .configureHelp({ visibleOptions: () => [] })
    .addHelpText('after', `\n${flagsHelp()}`)
    .action(() => run(program.args.slice(1)));
  command.addOption(new Option('--config <file>', CONFIG_DOC));
  for (const option of OPTION_NAMES) {
    const spec: OptionSpec = OPTIONS[option];
    const value = spec.kind === 'boolean' ? '[boolean]' : '<value>';
    const entry = new Option(`--${option} ${value}`, spec.doc);
    if (spec.kind === 'choice') entry.choices([...spec.choices]);
    command.addOption(entry);
  }
}
