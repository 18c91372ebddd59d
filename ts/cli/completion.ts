import { Argument, type Command, type Option } from 'commander';
import { OPTION_NAMES, OPTIONS, type OptionSpec } from '../options/options.js';
import { bashScript } from './completion-bash.js';
import { fishScript } from './completion-fish.js';
import { zshScript } from './completion-zsh.js';

/** Shells there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of `SHELLS`. */
export type Shell = (typeof SHELLS)[number];

/** What may stand for a value: nothing, anything, a folder, a file, or one of a list. */
export type ValueHint = 'none' | 'any' | 'folder' | 'file' | readonly string[];

/** One option with all its spellings (`--port`, `-p`). */
export interface CompletedOption {
  readonly flags: readonly string[];
  readonly doc: string;
  readonly value: ValueHint;
  /** The value may be left out. */
  readonly optional: boolean;
}

/** One command; `path` is the words that lead to it, the program's name first. */
export interface CompletedCommand {
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly doc: string }[];
  readonly options: readonly CompletedOption[];
  /** What its arguments may be. */
  readonly argument: ValueHint;
}

function hintOfName(name: string): ValueHint {
  if (/(^|_)(dir|folder)$|base_path$/i.test(name)) return 'folder';
  return /(^|[_|])(file|path|wheel|library|image)/i.test(name) ? 'file' : 'any';
}

function hintOfOption(option: Option): ValueHint {
  if (!option.required && !option.optional) return 'none';
  if (option.argChoices !== undefined) return option.argChoices;
  const placeholder = /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? '';
  const words = placeholder.split('|');
  if (words.length > 1) return words.map(hintOfName).find((hint) => hint !== 'any') ?? words;
  return hintOfName(placeholder);
}

function ofOption(option: Option): CompletedOption {
  const flags = [option.long, option.short].filter((flag): flag is string => Boolean(flag));
  const { description: doc, optional } = option;
  return { flags, doc, value: hintOfOption(option), optional };
}

function hintOfArgument(argument: Argument | undefined): ValueHint {
  if (argument === undefined) return 'none';
  if (argument.argChoices !== undefined) return argument.argChoices;
  const names = argument.name().split('|');
  return names.map(hintOfName).find((hint) => hint !== 'any') ?? 'any';
}

/** The server's flags: `serve` reads them itself, so commander does not know them. */
function serverOptions(): CompletedOption[] {
  return OPTION_NAMES.map((name) => {
    const spec: OptionSpec = OPTIONS[name];
    const { doc } = spec;
    const flags = [`--${name}`];
    if (spec.kind === 'boolean') return { flags, doc, value: 'none', optional: false };
    const value = spec.kind === 'choice' ? spec.choices : hintOfName(name);
    return { flags, doc, value, optional: false };
  });
}

/** Lists a program's commands, parents first. */
export function completedCommands(program: Command): CompletedCommand[] {
  const listed: CompletedCommand[] = [];
  const walk = (command: Command, path: string): void => {
    const help = command.createHelp();
    const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
    const own = help.visibleOptions(command).map(ofOption);
    const isServer = command.parent === program && ['serve', 'demo'].includes(command.name());
    const known = new Set(own.flatMap(({ flags }) => flags));
    const added = isServer
      ? serverOptions().filter(({ flags }) => !flags.some((f) => known.has(f)))
      : [];
    listed.push({
      path,
      commands: children.map((child) => ({ name: child.name(), doc: child.description() })),
      options: [...own, ...added],
      argument: hintOfArgument(command.registeredArguments[0]),
    });
    for (const child of children) walk(child, `${path} ${child.name()}`);
  };
  walk(program, program.name());
  return listed;
}

/**
 * The completion script of a program for one shell.
 *
 * The script is made of the command tree as it is now and asks nothing at run time: completing starts no process.
 */
export function completionScript(shell: Shell, program: Command): string {
  const name = program.name();
  const commands = completedCommands(program);
  switch (shell) {
    case 'bash':
      return bashScript(name, commands);
    case 'zsh':
      return zshScript(name, commands);
    case 'fish':
      return fishScript(name, commands);
  }
}

const HELP = `
To load it now and in every later shell:
  bash  echo 'source <(servable completion bash)' >> ~/.bashrc
  zsh   echo 'source <(servable completion zsh)' >> ~/.zshrc   (after compinit)
  fish  servable completion fish > ~/.config/fish/completions/servable.fish`;

/** Adds `servable completion`. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, program));
    });
}
