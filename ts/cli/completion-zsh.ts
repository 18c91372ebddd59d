import type { CompletedCommand, ValueHint } from './completion.js';

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** An item of `_describe`: name and explanation, the colon between them escaped inside both. */
function item(name: string, doc: string): string {
  return quote(`${name.replaceAll(':', '\\:')}:${doc.replaceAll(':', '\\:')}`);
}

function offer(hint: ValueHint): string {
  if (hint === 'folder') return '_files -/';
  if (hint === 'file') return '_files';
  if (hint === 'any' || hint === 'none') return "_message 'value'";
  return `compadd -- ${hint.map(quote).join(' ')}`;
}

function valueCases(commands: readonly CompletedCommand[]): string[] {
  return commands.flatMap(({ path, options }) =>
    options
      .filter(({ value, optional }) => value !== 'none' && !(optional && value === 'any'))
      .map(({ flags, value }) => {
        const patterns = flags.map((flag) => quote(`${path} ${flag}`)).join('|');
        return `    (${patterns}) ${offer(value)}; return ;;`;
      }),
  );
}

function wordCases(commands: readonly CompletedCommand[]): string[] {
  return commands.map(({ path, commands: children, options, argument }) => {
    const flags = options.flatMap((option) => option.flags.map((flag) => item(flag, option.doc)));
    const names = children.map(({ name, doc }) => item(name, doc));
    const words =
      names.length > 0
        ? `items=(${names.join(' ')}); _describe command items`
        : argument === 'none'
          ? ':'
          : offer(argument);
    return [
      `    (${quote(path)})`,
      `      if [[ $cur == -* ]]; then items=(${flags.join(' ')}); _describe option items`,
      `      else ${words}; fi ;;`,
    ].join('\n');
  });
}

/** The completion script for zsh: to be sourced after compinit, or to be put on fpath as `_NAME`. */
export function zshScript(name: string, commands: readonly CompletedCommand[]): string {
  const paths = commands.slice(1).map(({ path }) => quote(path));
  return `#compdef ${name}
# ${name} completion for zsh. Load it with: source <(${name} completion zsh)
_${name}() {
  local cur=\${words[CURRENT]} flag=\${words[CURRENT-1]} at=${name} word
  local -a items
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      (${paths.join('|')}) at="$at $word" ;;
    esac
  done
  if [[ $cur == --*=* ]]; then
    flag=\${cur%%=*}
    compset -P '*='
  fi
  case "$at $flag" in
${valueCases(commands).join('\n')}
  esac
  case "$at" in
${wordCases(commands).join('\n')}
  esac
}
if [[ \${funcstack[1]} == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}
