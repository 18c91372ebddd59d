// A server in this process on an addon that panics on demand. Prints one JSON line a point: how often it panicked, and whether
// the server answered right before and after. Not a test.
import { createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';

const { DIST, MODELS, SERVABLE_ADDON, POINTS } = process.env;
const dist = (path) => import(pathToFileURL(join(DIST, path)).href);
const { createServer, SavedModel, tensor } = await dist('index.js');
const { addon } = await dist('native/load.js');
const { messageType } = await dist('codec/messages.js');
const { silentLogger } = await dist('logger.js');
const library = process.env.SERVABLE_TENSORFLOW_LIBRARY;
const model = (name, version) => join(MODELS, name, String(version));
const uncaught = [];
process.on('uncaughtExceptionMonitor', (error) => uncaught.push(error.message));

const listening = () =>
  new Promise((resolve, reject) => {
    const probe = createNetServer().once('error', reject);
    probe.listen(0, () => resolve(probe));
  });

/** Two ports that nothing listens on; both are held until both are known, so that they differ. */
async function freePorts() {
  const probes = [await listening(), await listening()];
  const ports = probes.map((probe) => probe.address().port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

/** What a call that hangs resolves to, and one that fails. */
async function outcome(work, ms = 5000) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, 'hangs');
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
  }
}

async function start() {
  const [port, restApiPort] = await freePorts();
  const server = createServer({
    host: '127.0.0.1',
    port,
    restApiPort,
    tensorflowLibrary: library,
    modelName: 'half_plus_two',
    modelBasePath: join(MODELS, 'half_plus_two'),
    fileSystemPollWaitSeconds: 1,
    maxNumLoadRetries: 0,
    drainTimeoutSeconds: 1,
    logger: silentLogger,
  });
  return { server, port, restApiPort };
}

const floats = (x) => ({ dtype: 1, tensorShape: { dim: [{ size: BigInt(x.length) }] }, floatVal: x });

function grpc(port, service, method, request) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const identity = (bytes) => bytes;
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 4000 };
    client.makeUnaryRequest(
      `/tensorflow.serving.${service}/${method}`,
      identity,
      identity,
      request,
      options,
      (error, reply) => {
        client.close();
        if (error) reject(error);
        else resolve(reply);
      },
    );
  });
}

const predictRequest = (x) =>
  messageType('tensorflow.serving.PredictRequest').encode({
    modelSpec: { name: 'half_plus_two' },
    inputs: { x: floats(x) },
  });

async function rest(restApiPort, path, init) {
  const response = await fetch(`http://127.0.0.1:${restApiPort}${path}`, {
    ...init,
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(4000),
  });
  return response.json();
}

const post = (body) => ({ method: 'POST', body });

/** Right over both protocols? */
async function answers({ port, restApiPort }) {
  const document = await outcome(() =>
    rest(restApiPort, '/v1/models/half_plus_two:predict', post('{"instances": [1]}')),
  );
  const reply = await outcome(() => grpc(port, 'PredictionService', 'Predict', predictRequest([2])));
  if (!Buffer.isBuffer(reply)) return String(reply);
  const { outputs } = messageType('tensorflow.serving.PredictResponse').decode(reply);
  const right = document?.predictions?.[0] === 2.5 && outputs.y.floatVal[0] === 3;
  return right ? 'right' : JSON.stringify(document);
}

/** Everything a server and the library do, one after another; failures are expected. */
async function activity({ port, restApiPort }) {
  const large = JSON.stringify({ instances: new Array(40_000).fill(1.5) });
  const examples = '{"signature_name": "classify_scores", "examples": [{"x": 4.0}]}';
  const path = '/v1/models/half_plus_two';
  const spec = { modelSpec: { name: 'half_plus_two' } };
  const status = messageType('tensorflow.serving.GetModelStatusRequest').encode(spec);
  const metadata = messageType('tensorflow.serving.GetModelMetadataRequest').encode({
    ...spec,
    metadataField: ['signature_def'],
  });
  await Promise.all([
    outcome(() => rest(restApiPort, `${path}:predict`, post('{"instances": [1]}'))),
    outcome(() => rest(restApiPort, `${path}:predict`, post('{"instances": ["no"]}'))),
    outcome(() => rest(restApiPort, `${path}:predict`, post(large))),
    outcome(() => rest(restApiPort, `${path}:classify`, post(examples))),
    outcome(() => rest(restApiPort, path)),
    outcome(() => rest(restApiPort, `${path}/metadata`)),
    outcome(() => rest(restApiPort, '/v1/models')),
    outcome(() => rest(restApiPort, '/healthz/ready')),
    outcome(() => rest(restApiPort, '/monitoring/prometheus/metrics')),
    outcome(() => grpc(port, 'PredictionService', 'Predict', predictRequest([2]))),
    outcome(() =>
      grpc(port, 'PredictionService', 'Predict', predictRequest(new Array(200_000).fill(2))),
    ),
    outcome(() => grpc(port, 'PredictionService', 'GetModelMetadata', metadata)),
    outcome(() => grpc(port, 'ModelService', 'GetModelStatus', status)),
    outcome(() => leaveEarly(restApiPort, path)),
  ]);
  await outcome(useLibrary, 10_000);
}

/** A client that goes away while its request runs. */
async function leaveEarly(restApiPort, path) {
  const controller = new AbortController();
  const body = JSON.stringify({ instances: new Array(30_000).fill(2) });
  const asked = fetch(`http://127.0.0.1:${restApiPort}${path}:predict`, {
    ...post(body),
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 2);
  await asked;
}

async function useLibrary() {
  const loaded = await SavedModel.load(model('half_plus_two', 1), { runtime: library });
  try {
    await outcome(() => loaded.predict({ x: tensor([1, 2]) }));
    await outcome(() => loaded.classify([{ x: 4 }], { signature: 'classify_scores' }));
    await outcome(() => loaded.regress([{ x: 4 }], { signature: 'regress_x_to_y' }));
  } finally {
    await outcome(() => loaded.close());
  }
}

const BATCHING = {
  maxBatchSize: 2,
  batchTimeoutMicros: null,
  maxEnqueuedBatches: null,
  numBatchThreads: null,
  allowedBatchSizes: [],
  padVariableLengthInputs: false,
  enableLargeBatchSplitting: false,
  maxExecutionBatchSize: null,
  autoShare: null,
};
const TARGET = {
  method: 'rest.predict',
  name: 'none',
  version: null,
  label: null,
  nonFinite: 'token',
  body: 'json',
  signatureName: '',
  npyReply: false,
};

async function withModel(name, use) {
  const { loadModel } = await dist('native/model.js');
  const loaded = await loadModel({
    exportDir: model(name, 1),
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  await outcome(() => use(loaded));
  await loaded.close();
}

/** Entries that a server in good order never calls, or only before it starts. */
function callDirectly() {
  const native = addon();
  const empty = Buffer.alloc(0);
  const queue = (use) => async () => {
    const { completions } = await dist('native/completions.js');
    return use(
      new native.NativeQueue(completions().loop, {
        maxInlineBodyBytes: 1,
        turnBudgetUs: 1,
        asTensorContent: false,
        checkMethodName: false,
        onDemand: false,
        maxJsonDepth: 10,
        maxTensorElements: 10,
      }),
    );
  };
  const calls = {
    configure_pool: () => native.configurePool(null, null),
    pool_info: () => native.poolInfo(),
    copy_counters: () => native.copyCounters(),
    latency_bounds_us: () => native.latencyBoundsUs(),
    runtime_info: () => native.runtimeInfo(),
    open_runtime: () => native.openRuntime(library),
    open_runtime_aside: () => native.openRuntimeAside(library),
    load_op_library: () => native.loadOpLibrary('/none.so'),
    leaving: () => native.leaving(0),
    decode_examples: () => native.decodeExamples(Buffer.from('{"examples": []}')),
    decode_predict: () => native.decodePredict(Buffer.from('{}'), { name: '', inputs: [] }, 10),
    decode_tensor_proto: () => native.decodeTensorProto('x', empty),
    encode_classifications: () =>
      native.encodeClassifications({ batch: 0, classes: 0 }, null, null, 'token'),
    encode_predict: () => native.encodePredict(false, [], 'token'),
    encode_regressions: () => native.encodeRegressions(empty, 'token'),
    encode_tensor_proto: () => native.encodeTensorProto([], false),
    catalog_source: () => native.catalogSource('none'),
    catalog_remove: () => native.catalogRemove('none'),
    free_array_buffer: () => native.freeArrayBuffer(new ArrayBuffer(8)),
    dup_fd: () => native.dupFd(0),
    bind_unix_listener: () => native.bindUnixListener('/nowhere/socket', 1, null),
    check_batching: () => native.checkBatching(BATCHING),
    set_timed: async () => (await dist('native/completions.js')).completions().loop.setTimed(),
    request_counts: () => native.requestCounts(),
    subject_name: () => native.subjectName(0),
    named_observe: () => native.namedObserve('none', '[]', [0, 1], 0, '[]'),
    route_stderr: () => native.routeStderr(false),
    real_stderr: () => native.realStderr(),
    set_native_log_level: () => native.setNativeLogLevel(0),
    record_predict: () => native.recordPredict(TARGET, 1n, empty, empty),
    masked_crc32c: () => native.maskedCrc32C(empty),
    count_logged: () => native.countLogged('none', 0, 1),
    close_fd: () => native.closeFd(-1),
    warmup_counters: () => native.warmupCounters(),
    flight_bytes: () => native.flightBytes(),
    open_flight: () => native.openFlight(-1, [], []),
    clear_suspect: () => native.clearSuspect(1n),
    is_full: queue((it) => it.isFull(0)),
    cancel: queue((it) => it.cancel(1, 0, 0, 0)),
    flush: queue((it) => it.flush()),
    refuse: queue((it) => it.refuse(0, 8)),
    drop_target: queue((it) => it.dropTarget(0)),
    read_body: queue((it) => it.readBody(0)),
    take_reply: queue((it) => it.takeReply()),
    take_error: queue((it) => it.takeError()),
    take_version: queue((it) => it.takeVersion()),
    signature_def_map: () => withModel('half_plus_two', (loaded) => loaded.signatureDefMap()),
    // half_plus_two has no shapes to make up requests from.
    'engine::answer_from': () =>
      withModel('image', async (loaded) => {
        const { warmUp } = await dist('native/warmup.js');
        const how = { iterations: 1, auto: true, batchSizes: [1], checkMethodName: false };
        await warmUp(loaded, how);
      }),
  };
  return calls[armed];
}

let armed = '';
const points = JSON.parse(POINTS);
let running = await start();
await running.server.start();
for (const name of points) {
  armed = name;
  const before = addon().panicPoints()[name] ?? 0;
  const wasRight = await answers(running);
  addon().injectPanic(name);
  await activity(running);
  const direct = callDirectly();
  if (direct !== undefined) await outcome(direct);
  // A server that starts and stops while this panics may fail to, but not end the process; the next one is in good order.
  await outcome(() => running.server.stop(), 8000);
  const attempt = await start();
  await outcome(() => attempt.server.start(), 8000);
  await outcome(() => attempt.server.stop(), 8000);
  addon().injectPanic(null);
  running = await start();
  const started = await outcome(() => running.server.start(), 20_000);
  const isRight = started instanceof Error ? started.message : await answers(running);
  const panics = (addon().panicPoints()[name] ?? 0) - before;
  process.stdout.write(`${JSON.stringify({ name, panics, wasRight, isRight, uncaught })}\n`);
}
await outcome(() => running.server.stop(), 8000);
process.stdout.write(`${JSON.stringify({ addon: SERVABLE_ADDON, done: points.length })}\n`);
process.exit(0);
