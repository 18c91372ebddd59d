import type { FromServing, Inheritance, ToServing } from './messages.js';
import { SUPERVISED } from './messages.js';

/** A serving process' end of the line to its supervisor. */
export interface SupervisorLink {
  /** Resolves to what the supervisor hands down. */
  readonly inheritance: Promise<Inheritance>;
  /** Called when the supervisor says so, or has gone: nothing else would end this process then. */
  onStop(stop: (now: boolean) => void): void;
  say(message: FromServing): void;
}

/** The line to the supervisor; null for a process that has none. Takes the mark out of the environment, which children inherit. */
export function supervisorLink(
  it: Pick<NodeJS.Process, 'env' | 'send' | 'on' | 'connected'> = process,
): SupervisorLink | null {
  const marked = it.env[SUPERVISED] !== undefined;
  delete it.env[SUPERVISED];
  if (!marked || it.send === undefined) return null;
  let stop: ((now: boolean) => void) | null = null;
  let told: boolean | null = null;
  const stopping = (now: boolean): void => {
    told = now || told === true;
    stop?.(now);
  };
  const inheritance = new Promise<Inheritance>((resolve) => {
    it.on('message', (message) => {
      const told = message as ToServing;
      if (told.kind === 'start') resolve(told.inheritance);
      else stopping(told.now);
    });
  });
  it.on('disconnect', () => stopping(false));
  return {
    inheritance,
    onStop(given) {
      stop = given;
      if (told !== null) given(told);
    },
    say(message) {
      // A supervisor that has gone needs no news.
      if (it.connected) it.send?.(message, undefined, {}, () => undefined);
    },
  };
}
