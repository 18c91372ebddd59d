import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { runtimeLibrary } from './runtime.js';

/** The op that {@link buildOpLibrary} registers: three times its input of floats. */
export const CUSTOM_OP = 'ServableTestTriple';

/** An op and its kernel through TensorFlow's C API; what is declared here is what its headers say. */
const SOURCE = `
#include <stddef.h>
#include <stdint.h>
typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;
typedef struct TF_KernelBuilder TF_KernelBuilder;
typedef struct TF_OpKernelContext TF_OpKernelContext;
TF_Status* TF_NewStatus(void);
void TF_DeleteStatus(TF_Status*);
TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char*);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char*);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char*);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*));
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*, TF_Status*);
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);
TF_KernelBuilder* TF_NewKernelBuilder(const char*, const char*, void* (*)(void*), void (*)(void*, TF_OpKernelContext*), void (*)(void*));
void TF_RegisterKernelBuilder(const char*, TF_KernelBuilder*, TF_Status*);
void TF_GetInput(TF_OpKernelContext*, int, TF_Tensor**, TF_Status*);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext*, int, int, const int64_t*, int, size_t, TF_Status*);
int TF_NumDims(const TF_Tensor*);
int64_t TF_Dim(const TF_Tensor*, int);
size_t TF_TensorByteSize(const TF_Tensor*);
void* TF_TensorData(const TF_Tensor*);
void TF_DeleteTensor(TF_Tensor*);

static void compute(void* kernel, TF_OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* in;
  TF_GetInput(context, 0, &in, status);
  int64_t dims[8];
  int rank = TF_NumDims(in);
  for (int i = 0; i < rank && i < 8; ++i) dims[i] = TF_Dim(in, i);
  size_t bytes = TF_TensorByteSize(in);
  TF_Tensor* out = TF_AllocateOutput(context, 0, 1, dims, rank, bytes, status);
  const float* from = TF_TensorData(in);
  float* to = TF_TensorData(out);
  for (size_t i = 0; i < bytes / sizeof(float); ++i) to[i] = 3 * from[i];
  TF_DeleteTensor(out);
  TF_DeleteTensor(in);
  TF_DeleteStatus(status);
}

__attribute__((constructor)) static void begin(void) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder("${CUSTOM_OP}");
  TF_OpDefinitionBuilderAddInput(op, "x: float");
  TF_OpDefinitionBuilderAddOutput(op, "y: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, TF_ShapeInferenceContextSetUnknownShape);
  TF_RegisterOpDefinition(op, status);
  TF_RegisterKernelBuilder("${CUSTOM_OP}", TF_NewKernelBuilder("${CUSTOM_OP}", "CPU", 0, compute, 0), status);
  TF_DeleteStatus(status);
}
`;

/**
 * Compiles a library of one op into `folder` with the C compiler that Rust links with.
 *
 * Such libraries depend on the part of TensorFlow that holds the registry. The linker only writes its name down, so an empty stand-in of
 * that name does: the installed runtime has no section table to link by.
 */
export function buildOpLibrary(folder: string): string {
  const cc = (output: string, source: string, ...more: string[]): string => {
    const path = join(folder, output);
    writeFileSync(`${path}.c`, source);
    const args = ['-shared', '-fPIC', '-O1', '-o', path, `${path}.c`, ...more];
    execFileSync('cc', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    return path;
  };
  const registry = join(dirname(runtimeLibrary()), 'libtensorflow_framework.so.2');
  const standIn = cc('stand-in.so', '', '-Wl,-soname,libtensorflow_framework.so.2');
  return cc('triple.so', SOURCE, '-Wl,--no-as-needed', standIn, `-Wl,-rpath,${dirname(registry)}`);
}

const PROTOS = protobuf.parse(`
syntax = "proto3";
package made;
message Dim { int64 size = 1; }
message Shape { repeated Dim dim = 2; }
message Attr { int32 type = 6; Shape shape = 7; }
message Node { string name = 1; string op = 2; repeated string input = 3; map<string, Attr> attr = 5; }
message Versions { int32 producer = 1; }
message Graph { repeated Node node = 1; Versions versions = 4; }
message Info { string name = 1; int32 dtype = 2; Shape tensor_shape = 3; }
message Signature { map<string, Info> inputs = 1; map<string, Info> outputs = 2; string method_name = 3; }
message Meta { repeated string tags = 4; string tensorflow_version = 5; }
message MetaGraph { Meta meta_info_def = 1; Graph graph_def = 2; map<string, Signature> signature_def = 5; }
message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraph meta_graphs = 2; }
`).root;

/** DT_FLOAT. */
const FLOAT = 1;

/** Writes a SavedModel whose signature takes floats `x` through the custom op and gives `y`. */
export function writeCustomOpModel(versionFolder: string): void {
  const anyRows = { dim: [{ size: -1 }] };
  const info = (name: string) => ({ name: `${name}:0`, dtype: FLOAT, tensorShape: anyRows });
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: { type: FLOAT }, shape: { shape: anyRows } } },
    { name: 'y', op: CUSTOM_OP, input: ['x'] },
  ];
  const signature = {
    inputs: { x: info('x') },
    outputs: { y: info('y') },
    methodName: 'tensorflow/serving/predict',
  };
  const model = {
    savedModelSchemaVersion: 1,
    metaGraphs: [
      {
        metaInfoDef: { tags: ['serve'], tensorflowVersion: '2.21.0' },
        graphDef: { node, versions: { producer: 1800 } },
        signatureDef: { serving_default: signature },
      },
    ],
  };
  const type = PROTOS.lookupType('made.SavedModel');
  mkdirSync(join(versionFolder, 'variables'), { recursive: true });
  writeFileSync(
    join(versionFolder, 'saved_model.pb'),
    type.encode(type.fromObject(model)).finish(),
  );
}
