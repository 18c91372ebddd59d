import { Presets, SingleBar } from 'cli-progress';
import { megabytes } from './disk.js';
import type { InstallEvent } from './install-context.js';

/** Shows an install's events to a person, on stderr. */
export interface InstallReporter {
  readonly onEvent: (event: InstallEvent) => void;
  /** Ends the bar, whatever the outcome. */
  stop(): void;
}

/** Where the report goes. */
export interface ReportTarget {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Without a terminal a line is printed each time this share more has come. */
const PLAIN_STEP = 0.25;

function sentence(event: InstallEvent): string | null {
  switch (event.kind) {
    case 'waiting':
      return `another install (process ${event.pid}) is under way, waiting for it`;
    case 'index':
      return event.from === 'the default' ? null : `package index ${event.url} (${event.from})`;
    case 'download':
      return `fetching ${event.total > 0 ? `${megabytes(event.total)} of ` : ''}${event.name}`;
    case 'resume':
      return `${event.name}: continuing after ${megabytes(event.bytes)}`;
    case 'retry':
      return `${event.reason}; trying again`;
    case 'whole':
      return `${event.reason}: fetching the whole wheel`;
    case 'unpack':
      return `unpacking ${event.name}`;
    case 'progress':
      return null;
  }
}

/** A bar on a terminal, plain lines elsewhere. */
export function installReporter(target: ReportTarget = process.stderr): InstallReporter {
  const isTerminal = target.isTTY === true;
  let bar: SingleBar | null = null;
  let nextStep = PLAIN_STEP;
  let announced = 0;

  function stop(): void {
    bar?.stop();
    bar = null;
  }

  function drawBar(done: number, total: number): void {
    if (bar === null) {
      const format = '  {bar} {percentage}%  {mb} of {all}  {eta_formatted} left';
      const stream = target as NodeJS.WritableStream;
      bar = new SingleBar({ format, stream, hideCursor: true, fps: 10 }, Presets.shades_classic);
      bar.start(total, done, { mb: megabytes(done), all: megabytes(total) });
    }
    if (bar.getTotal() !== total) bar.setTotal(total);
    bar.update(done, { mb: megabytes(done), all: megabytes(total) });
  }

  function plainLine(done: number, total: number): void {
    if (total !== announced) {
      announced = total;
      nextStep = Math.floor(done / total / PLAIN_STEP) * PLAIN_STEP + PLAIN_STEP;
    }
    if (done / total < nextStep) return;
    nextStep = Math.floor(done / total / PLAIN_STEP) * PLAIN_STEP + PLAIN_STEP;
    target.write(`  ${megabytes(done)} of ${megabytes(total)}\n`);
  }

  return {
    onEvent(event) {
      if (event.kind === 'progress') {
        if (event.total <= 0) return;
        if (isTerminal) drawBar(event.done, event.total);
        else plainLine(event.done, event.total);
        return;
      }
      const text = sentence(event);
      if (text === null) return;
      stop();
      target.write(`${text}\n`);
    },
    stop,
  };
}
