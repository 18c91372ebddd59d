/** Names in a folder of a web server. */
export interface IndexNames {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** Links of an index page are looked for in this many characters. */
const MAX_CHARACTERS = 4 * 1024 * 1024;
const LINK = /<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))/gi;

/**
 * Reads the index a web server prints for a folder: HTML as of nginx, Apache, Caddy and `python -m http.server`, or nginx's JSON.
 *
 * @param url the folder's address, ending in a slash
 * @returns `null` when the text is no index
 */
export function parseIndex(text: string, contentType: string, url: string): IndexNames | null {
  if (/[/+]json/i.test(contentType)) return fromJson(text);
  if (!/html/i.test(contentType)) return null;
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const match of text.slice(0, MAX_CHARACTERS).matchAll(LINK)) {
    const href = (match[1] ?? match[2] ?? match[3] ?? '').replaceAll('&amp;', '&');
    const name = childName(href, url);
    if (name === null) continue;
    if (name.endsWith('/')) folders.add(name.slice(0, -1));
    else files.add(name);
  }
  return { files: [...files], folders: [...folders] };
}

/** The name a link has in its folder, decoded, with a slash at the end of a folder's; `null` for links elsewhere and for sorting. */
function childName(href: string, url: string): string | null {
  const base = new URL(url);
  if (!URL.canParse(href, url)) return null;
  const target = new URL(href, base);
  if (target.origin !== base.origin || target.search !== '' || target.hash !== '') return null;
  const { pathname } = target;
  if (!pathname.startsWith(base.pathname) || pathname === base.pathname) return null;
  const name = decoded(pathname.slice(base.pathname.length));
  return name === null || name.slice(0, -1).includes('/') ? null : name;
}

function fromJson(text: string): IndexNames | null {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (!Array.isArray(entries)) return null;
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries as unknown[]) {
    const { name, type } = (entry ?? {}) as { name?: unknown; type?: unknown };
    if (typeof name !== 'string' || name === '' || name.includes('/')) continue;
    if (type === 'directory') folders.push(name);
    else if (type === 'file') files.push(name);
  }
  return { files, folders };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
