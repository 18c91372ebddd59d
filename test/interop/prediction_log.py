"""Read a TFRecord file of PredictionLog with TensorFlow; print one JSON line a record.

usage: prediction_log.py FILE
"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


def tensors(protos):
    shown = {}
    for name, proto in protos.items():
        array = tf.make_ndarray(proto)
        values = [v.decode() if isinstance(v, bytes) else v for v in array.flatten().tolist()]
        shown[name] = {"dtype": tf.dtypes.as_dtype(proto.dtype).name, "shape": list(array.shape), "values": values}
    return shown


for bytes_ in tf.data.TFRecordDataset(sys.argv[1]).as_numpy_iterator():
    log = prediction_log_pb2.PredictionLog.FromString(bytes_)
    spec = log.log_metadata.model_spec
    line = {
        "kind": log.WhichOneof("log_type"),
        "model": [spec.name, spec.version.value, spec.signature_name],
        "rate": log.log_metadata.sampling_config.sampling_rate,
        "tags": list(log.log_metadata.saved_model_tags),
    }
    if line["kind"] == "predict_log":
        line["inputs"] = tensors(log.predict_log.request.inputs)
        line["outputs"] = tensors(log.predict_log.response.outputs)
    if line["kind"] == "classify_log":
        line["examples"] = len(log.classify_log.request.input.example_list.examples)
        classes = log.classify_log.response.result.classifications
        line["classes"] = [[[c.label, c.score] for c in each.classes] for each in classes]
    print(json.dumps(line), flush=True)
