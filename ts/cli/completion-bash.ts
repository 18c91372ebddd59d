import type { CompletedCommand, ValueHint } from './completion.js';

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The statement that offers values for a hint; `$cur` is what stands there so far. */
function offer(hint: ValueHint): string {
  if (hint === 'folder') return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))';
  if (hint === 'file') return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))';
  if (hint === 'any' || hint === 'none') return 'COMPREPLY=()';
  // One a line: while values are offered, only line ends part words.
  return `COMPREPLY=($(compgen -W ${quote(hint.join('\n'))} -- "$cur"))`;
}

function valueCases(commands: readonly CompletedCommand[]): string[] {
  return commands.flatMap(({ path, options }) =>
    options
      .filter(({ value, optional }) => value !== 'none' && !(optional && value === 'any'))
      .map(({ flags, value }) => {
        const patterns = flags.map((flag) => quote(`${path} ${flag}`)).join('|');
        return `    ${patterns}) ${offer(value)}; return ;;`;
      }),
  );
}

function wordCases(commands: readonly CompletedCommand[]): string[] {
  return commands.map(({ path, commands: children, options, argument }) => {
    const flags = options.flatMap((option) => option.flags).join(' ');
    const names = children.map(({ name }) => name);
    const words = names.length > 0 ? offer(names) : offer(argument);
    return [
      `    ${quote(path)})`,
      `      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W ${quote(flags)} -- "$cur"))`,
      `      else ${words}; fi ;;`,
    ].join('\n');
  });
}

/** The completion script for bash 4 and newer. */
export function bashScript(name: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.slice(1).map(({ path }) => quote(path));
  return `# ${name} completion for bash. Load it with: source <(${name} completion bash)
_${name}() {
  local IFS=$' \\t\\n' cur=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD-1]} path=${name} word
  # bash splits --flag=value at the "=" into three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $flag == '=' ]]; then
    flag=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
      ${paths.join('|')}) path="$path $word" ;;
    esac
  done
  IFS=$'\\n'
  case "$path $flag" in
${valueCases(commands).join('\n')}
  esac
  IFS=$' \\t\\n'
  case "$path" in
${wordCases(commands).join('\n')}
  esac
}
complete -F _${name} ${name}
`;
}
