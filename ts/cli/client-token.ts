/**
 * The header of commands that ask a server, with the token in `SERVABLE_TOKEN`. No flag takes one: command lines can be read by everybody on
 * the machine.
 */
export function tokenHeader(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const token = env.SERVABLE_TOKEN ?? '';
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
