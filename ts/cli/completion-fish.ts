import type { CompletedCommand, ValueHint } from './completion.js';

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function offer(hint: ValueHint, optional: boolean): string {
  if (hint === 'none' || (optional && hint === 'any')) return '';
  if (hint === 'folder') return " -x -a '(__fish_complete_directories)'";
  if (hint === 'file') return ' -r -F';
  if (hint === 'any') return ' -x';
  return ` -x -a ${quote(hint.join(' '))}`;
}

/** fish names options without their dashes. */
function spelling(flag: string): string {
  return flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}

function lines(name: string, command: CompletedCommand): string[] {
  const start = `complete -c ${name} -n ${quote(`__${name}_at "${command.path}"`)}`;
  const { argument } = command;
  const places =
    argument === 'folder'
      ? [`${start} -a '(__fish_complete_directories)'`]
      : argument === 'file'
        ? [`${start} -F`]
        : typeof argument === 'object'
          ? [`${start} -a ${quote(argument.join(' '))}`]
          : [];
  return [
    ...command.commands.map((child) => `${start} -a ${child.name} -d ${quote(child.doc)}`),
    ...places,
    ...command.options.map(({ flags, doc, value, optional }) => {
      const spelled = flags.map(spelling).join(' ');
      return `${start} ${spelled} -d ${quote(doc)}${offer(value, optional)}`;
    }),
  ];
}

/** The completion script for fish. */
export function fishScript(name: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.slice(1).map(({ path }) => quote(path));
  return `# ${name} completion for fish. Load it with: ${name} completion fish | source
function __${name}_at
    set -l path ${name}
    for word in (commandline -opc)[2..-1]
        switch "$path $word"
            case ${paths.join(' ')}
                set path "$path $word"
        end
    end
    test "$path" = "$argv[1]"
end
complete -c ${name} -f
${commands.flatMap((command) => lines(name, command)).join('\n')}
`;
}
