import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

// Written out here instead of read from protos/: a wrong number there must not be right in its own test.
const MESSAGES = protobuf.parse(`
syntax = "proto3";
package wire;
message Int64Value { int64 value = 1; }
message ModelSpec { string name = 1; Int64Value version = 2; string signature_name = 3; string version_label = 4; }
message Dim { int64 size = 1; string name = 2; }
message TensorShape { repeated Dim dim = 2; bool unknown_rank = 3; }
message TensorProto {
  int32 dtype = 1; TensorShape tensor_shape = 2; int32 version_number = 3; bytes tensor_content = 4;
  repeated float float_val = 5; repeated double double_val = 6; repeated int32 int_val = 7; repeated bytes string_val = 8;
  repeated int64 int64_val = 10; repeated bool bool_val = 11;
}
message PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; repeated string output_filter = 3; }
message PredictResponse { map<string, TensorProto> outputs = 1; ModelSpec model_spec = 2; }
`).root;

const Request = MESSAGES.lookupType('wire.PredictRequest');
const Response = MESSAGES.lookupType('wire.PredictResponse');

/** TensorFlow's number of a float. */
const DT_FLOAT = 1;

/** One float tensor as it comes off the wire. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** What a Predict call of floats needs. */
export interface PredictCall {
  /** `host:port`. */
  readonly address: string;
  readonly model: string;
  readonly inputs: Readonly<Record<string, FloatTensor>>;
}

interface WireTensor {
  dtype: number;
  tensorShape?: { dim?: { size: number }[] };
  tensorContent?: Uint8Array;
  floatVal?: number[];
}

/**
 * Calls PredictionService/Predict with float tensors and returns the float outputs.
 *
 * @throws {ServiceError} with the gRPC code and text of the answer.
 */
export async function predictFloats(call: PredictCall): Promise<Record<string, FloatTensor>> {
  const inputs = Object.fromEntries(
    Object.entries(call.inputs).map(([alias, { shape, values }]) => [
      alias,
      {
        dtype: DT_FLOAT,
        tensorShape: { dim: shape.map((size) => ({ size })) },
        floatVal: [...values],
      },
    ]),
  );
  const body = Buffer.from(
    Request.encode(Request.create({ modelSpec: { name: call.model }, inputs })).finish(),
  );
  const client = new Client(call.address, credentials.createInsecure());
  try {
    const reply = await unary(client, '/tensorflow.serving.PredictionService/Predict', body);
    const { outputs } = Response.toObject(Response.decode(reply), {
      longs: Number,
      arrays: true,
    }) as { outputs: Record<string, WireTensor> };
    return Object.fromEntries(
      Object.entries(outputs).map(([alias, tensor]) => [alias, floats(tensor)]),
    );
  } finally {
    client.close();
  }
}

function floats(tensor: WireTensor): FloatTensor {
  if (tensor.dtype !== DT_FLOAT) throw new Error(`dtype ${tensor.dtype}, wanted float`);
  const shape = (tensor.tensorShape?.dim ?? []).map((dim) => dim.size);
  const content = Buffer.from(tensor.tensorContent ?? []);
  const values =
    content.length > 0
      ? Array.from({ length: content.length / 4 }, (_, index) => content.readFloatLE(index * 4))
      : (tensor.floatVal ?? []);
  return { shape, values };
}

function unary(client: Client, path: string, body: Buffer): Promise<Buffer> {
  const identity = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      identity,
      identity,
      body,
      { deadline: Date.now() + 30_000 } as never,
      (error: ServiceError | null, reply?: Buffer) => {
        if (error !== null) reject(error);
        else if (reply === undefined) reject(new Error('no reply'));
        else resolve(reply);
      },
    );
  });
}
