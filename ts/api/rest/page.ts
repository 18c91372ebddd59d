import type { Answered } from './exchange.js';

/** Answers what is no page of this server. */
export function sendNotFound(method: string, reply: Answered): void {
  if (method === 'TRACE') sendNotImplemented(reply);
  else sendPage(reply, 404, htmlPage('404 Not Found', 'Not Found'));
}

/** Answers a method that nothing here has. */
export function sendNotImplemented(reply: Answered): void {
  sendPage(reply, 501, NOT_IMPLEMENTED);
}

/** The page the reference's HTTP library sends. */
function htmlPage(title: string, heading: string): string {
  return `<HTML><HEAD>\n<TITLE>${title}</TITLE>\n</HEAD><BODY>\n<H1>${heading}</H1>\n</BODY></HTML>\n`;
}

/** The page of status 501. */
export const NOT_IMPLEMENTED = htmlPage('501 Not Implemented', 'Not Implemented');

function sendPage(reply: Answered, status: number, page: string): void {
  reply.statusCode = status;
  reply.header('content-type', 'text/html');
  reply.header('connection', 'close');
  reply.send(Buffer.from(page));
}
