import { BlockList, isIP, isIPv4 } from 'node:net';
import { ServingError } from '../errors.js';

/** Whom requests come from, where proxies may stand between. */
export class ClientAddresses {
  /** Null where no proxy is trusted, which is the usual case. */
  readonly #trusted: BlockList | null;

  /**
   * @param trusted addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed
   * @throws {ServingError} `INVALID_ARGUMENT` text that is neither
   */
  constructor(trusted: readonly string[]) {
    this.#trusted = trusted.length === 0 ? null : new BlockList();
    for (const text of trusted) add(this.#trusted as BlockList, text);
  }

  /**
   * The address a request comes from: the connection's, or behind trusted proxies the last one they name that is none of them.
   *
   * What a client itself writes into `X-Forwarded-For` stands before that and is never believed.
   *
   * @param peer the other end of the connection; undefined for a Unix socket, which counts as trusted
   */
  of(peer: string | undefined, forwarded: string | undefined): string {
    const connection = plain(peer ?? '');
    if (this.#trusted === null || forwarded === undefined) return connection;
    let client = connection;
    const hops = forwarded.split(',');
    while (this.#isTrusted(client)) {
      const hop = plain((hops.pop() ?? '').trim());
      if (isIP(hop) === 0) break;
      client = hop;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    if (address === '') return true;
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    return this.#trusted?.check(address, family) ?? false;
  }
}

/**
 * What stands for a client when requests are counted by address: an IPv4 address, or the 64 bits of IPv6 that are one customer's.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array<string>(zeros).fill('0'), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** Without the form in which IPv6 sockets show IPv4, a port (`1.2.3.4:5`) or brackets. */
function plain(address: string): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7);
  const match = /^(\d+\.\d+\.\d+\.\d+):\d+$|^\[([^\]]+)\](?::\d+)?$/.exec(address);
  return match?.[1] ?? match?.[2] ?? address;
}

function add(list: BlockList, text: string): void {
  const [address = '', length, more] = text.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= most);
  if (isIP(address) === 0 || !isLength || more !== undefined) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `--trusted_proxies: got "${text}", wanted an address or a network such as 10.0.0.0/8`,
    );
  }
  if (length === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(length), family);
}
