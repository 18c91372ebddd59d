import type { Init, ServerReflectionResponse } from '../../codec/messages.js';
import { Code, toServingError } from '../../errors.js';
import { type Service, toStatus } from './rpc.js';
import type { Call } from './transport/call.js';
import type { StreamReader } from './transport/method.js';

type Answer = Init<ServerReflectionResponse>;

/** The files and the messages, loaded when somebody asks. */
interface Sources {
  readonly protoFiles: typeof import('../../codec/generated/files.js').protoFiles;
  readonly messageType: typeof import('../../codec/messages.js').messageType;
}

async function sources(): Promise<Sources> {
  const [{ protoFiles }, { messageType }] = await Promise.all([
    import('../../codec/generated/files.js'),
    import('../../codec/messages.js'),
  ]);
  return { protoFiles, messageType };
}

/** The reflection services of both versions; their messages are the same on the wire. */
export function reflectionServices(listed: readonly string[]): readonly Service[] {
  return ['grpc.reflection.v1', 'grpc.reflection.v1alpha'].map((scope) => ({
    name: `${scope}.ServerReflection`,
    rpcs: [{ name: 'ServerReflectionInfo', kind: 'bidiStream', open: reflect(listed) }],
  }));
}

function reflect(listed: readonly string[]): (call: Call) => StreamReader {
  return (call) => ({
    message: (request) => {
      sources()
        .then((loaded) => call.write(answer(loaded, request, listed), () => call.next()))
        .catch((error: unknown) => call.fail(toStatus(toServingError(error))));
    },
    end: () => call.end(),
  });
}

function answer(loaded: Sources, bytes: Buffer, listed: readonly string[]): Buffer {
  const { protoFiles, messageType } = loaded;
  const request = messageType('grpc.reflection.v1.ServerReflectionRequest').decode(bytes);
  const { host, fileByFilename, fileContainingSymbol, listServices } = request;
  const common = { validHost: host, originalRequest: request };
  let response: Answer;
  if (listServices !== null) {
    response = { listServicesResponse: { service: listed.map((name) => ({ name })) } };
  } else if (fileByFilename !== null) {
    response = filesFrom(loaded, Object.hasOwn(protoFiles, fileByFilename) ? fileByFilename : null);
  } else if (fileContainingSymbol !== null) {
    response = filesFrom(loaded, fileOf(loaded, fileContainingSymbol));
  } else if (request.allExtensionNumbersOfType !== null) {
    // No message here can be extended.
    response = { allExtensionNumbersResponse: { baseTypeName: request.allExtensionNumbersOfType } };
  } else {
    response = filesFrom(loaded, null);
  }
  return messageType('grpc.reflection.v1.ServerReflectionResponse').encode({
    ...common,
    ...response,
  });
}

/** The file that declares a symbol, or the message or service around it. */
function fileOf({ protoFiles }: Sources, symbol: string): string | null {
  for (let name = symbol; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    for (const [path, file] of Object.entries(protoFiles)) {
      if (file.symbols.includes(name)) return path;
    }
  }
  return null;
}

/** A file and everything it imports. */
function filesFrom({ protoFiles }: Sources, path: string | null): Answer {
  if (path === null) {
    return { errorResponse: { errorCode: Code.NOT_FOUND, errorMessage: 'not found' } };
  }
  const wanted = new Set([path]);
  for (const name of wanted) {
    for (const dependency of protoFiles[name]?.dependencies ?? []) wanted.add(dependency);
  }
  const fileDescriptorProto = [...wanted].map((name) =>
    Buffer.from(protoFiles[name]?.base64 ?? '', 'base64'),
  );
  return { fileDescriptorResponse: { fileDescriptorProto } };
}
