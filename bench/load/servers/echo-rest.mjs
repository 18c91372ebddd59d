// A baseline: fastify that sends back the body it got, and nothing else. Prints `listening PORT` once it answers.
//
// Plain JavaScript, as all of bench/load/servers: no compiler lives in a process whose memory and CPU are measured.
import fastify from 'fastify';

const app = fastify({ bodyLimit: 1 << 28 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/v1/models/:name(^[^/:]+)::predict', (request, reply) => {
  reply.header('content-type', 'application/json').send(request.body);
});
const address = await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`listening ${new URL(address).port}\n`);
process.on('SIGTERM', () => process.exit(0));
