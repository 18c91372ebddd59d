"""The reference Python client against a running server: each check prints one JSON line.

usage: client.py --rest URL --grpc HOST:PORT --config FILE [CHECK ...]

Servers under test serve the models of test/fixtures: half_plus_two (versions 1 and 2, labels stable and canary), half_plus_three, multi, strings,
from the ModelServerConfig in FILE.
"""
import argparse
import gzip
import json
import os
import sys
import urllib.error
import urllib.request

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

TIMEOUT_S = 30.0
AUTHORIZATION = (("authorization", "Bearer of-no-consequence"),)


class Client:
    def __init__(self, rest, address, config):
        self.rest = rest
        self.config = config
        self.channel = grpc.insecure_channel(address)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)


def spec(message, name, signature="", version=None, label=None):
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def predict_request(name, inputs, **where):
    request = spec(predict_pb2.PredictRequest(), name, **where)
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


def example(**features):
    return tf.train.Example(
        features=tf.train.Features(
            feature={name: tf.train.Feature(float_list=tf.train.FloatList(value=values)) for name, values in features.items()}
        )
    )


def used(response):
    return {"name": response.model_spec.name, "version": response.model_spec.version.value, "signature": response.model_spec.signature_name}


def status_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return {"code": "OK", "details": ""}


# Predict ------------------------------------------------------------------------------------------------------------


def predict_numpy(client):
    request = predict_request("half_plus_two", {"x": np.array([1.0, 2.0, 5.0], np.float32)})
    response = client.prediction.Predict(request, TIMEOUT_S)
    array = tf.make_ndarray(response.outputs["y"])
    return {"y": array.tolist(), "dtype": str(array.dtype), "shape": list(array.shape), **used(response)}


def predict_content(client):
    """A large array travels as tensor_content, a scalar in the typed field."""
    values = np.arange(4096, dtype=np.float32)
    response = client.prediction.Predict(predict_request("half_plus_two", {"x": values}), TIMEOUT_S)
    return {"equal": bool(np.array_equal(tf.make_ndarray(response.outputs["y"]), values / 2 + 2))}


def predict_several_inputs(client):
    inputs = {"a": np.array([[1, 2], [3, 4]], np.float32), "b": np.array([10, 20], np.int32)}
    response = client.prediction.Predict(predict_request("multi", inputs), TIMEOUT_S)
    return {name: tf.make_ndarray(response.outputs[name]).tolist() for name in sorted(response.outputs)}


def predict_strings(client):
    response = client.prediction.Predict(predict_request("strings", {"text": np.array(["foo", "bär"], object)}), TIMEOUT_S)
    return {
        "upper": [text.decode() for text in tf.make_ndarray(response.outputs["upper"]).tolist()],
        "length": tf.make_ndarray(response.outputs["length"]).tolist(),
    }


def predict_output_filter(client):
    request = predict_request("multi", {"a": np.ones((1, 2), np.float32), "b": np.array([1], np.int32)})
    request.output_filter.append("b")
    return {"outputs": sorted(client.prediction.Predict(request, TIMEOUT_S).outputs)}


def predict_version(client):
    request = predict_request("half_plus_two", {"x": np.float32([0])}, version=1)
    return used(client.prediction.Predict(request, TIMEOUT_S))


def predict_label(client):
    answers = {}
    for label in ("stable", "canary"):
        request = predict_request("half_plus_two", {"x": np.float32([0])}, label=label)
        answers[label] = used(client.prediction.Predict(request, TIMEOUT_S))["version"]
    return answers


def predict_metadata_with_call(client):
    request = predict_request("half_plus_two", {"x": np.float32([4])})
    response, call = client.prediction.Predict.with_call(request, timeout=TIMEOUT_S, metadata=AUTHORIZATION)
    return {"y": tf.make_ndarray(response.outputs["y"]).tolist(), "code": call.code().name}


def predict_gzip(client):
    values = np.ones(10_000, np.float32)
    request = predict_request("half_plus_two", {"x": values})
    response, call = client.prediction.Predict.with_call(request, TIMEOUT_S, compression=grpc.Compression.Gzip)
    return {"equal": bool(np.array_equal(tf.make_ndarray(response.outputs["y"]), values / 2 + 2)), "code": call.code().name}


def predict_future(client):
    requests = [predict_request("half_plus_two", {"x": np.float32([i])}) for i in range(64)]
    futures = [client.prediction.Predict.future(request, TIMEOUT_S) for request in requests]
    return {"y": [float(tf.make_ndarray(future.result().outputs["y"])[0]) for future in futures]}


def predict_errors(client):
    good = np.float32([0])
    return {
        "model": status_of(lambda: client.prediction.Predict(predict_request("nobody", {"x": good}), TIMEOUT_S)),
        "version": status_of(lambda: client.prediction.Predict(predict_request("half_plus_two", {"x": good}, version=99), TIMEOUT_S)),
        "signature": status_of(lambda: client.prediction.Predict(predict_request("half_plus_two", {"x": good}, signature="none"), TIMEOUT_S)),
        "input": status_of(lambda: client.prediction.Predict(predict_request("half_plus_two", {"z": good}), TIMEOUT_S)),
        "dtype": status_of(lambda: client.prediction.Predict(predict_request("half_plus_two", {"x": np.int32([0])}), TIMEOUT_S)),
    }


# Metadata and status ------------------------------------------------------------------------------------------------


def metadata(client):
    request = spec(get_model_metadata_pb2.GetModelMetadataRequest(), "half_plus_two")
    request.metadata_field.append("signature_def")
    response = client.prediction.GetModelMetadata(request, TIMEOUT_S)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    default = signatures.signature_def["serving_default"]
    return {
        "version": response.model_spec.version.value,
        "signatures": sorted(signatures.signature_def),
        "method": default.method_name,
        "input": tf.dtypes.as_dtype(default.inputs["x"].dtype).name,
    }


def status(client):
    response = client.models.GetModelStatus(spec(get_model_status_pb2.GetModelStatusRequest(), "half_plus_two"), TIMEOUT_S)
    state = get_model_status_pb2.ModelVersionStatus.State
    return {"versions": {str(each.version): state.Name(each.state) for each in response.model_version_status}}


def reload(client):
    """The configuration that is in force, once more: nothing changes, and every model still answers."""
    request = model_management_pb2.ReloadConfigRequest()
    with open(client.config) as file:
        text_format.Parse(file.read(), request.config)
    response = client.models.HandleReloadConfigRequest(request, TIMEOUT_S)
    request.config.model_config_list.config[0].base_path = "relative"
    refused = status_of(lambda: client.models.HandleReloadConfigRequest(request, TIMEOUT_S))
    return {"code": response.status.error_code, "refused": refused["code"], "after": predict_version(client)["version"]}


# Classify, Regress, MultiInference ----------------------------------------------------------------------------------


def classify(client):
    request = spec(classification_pb2.ClassificationRequest(), "half_plus_two", "classify_labels")
    request.input.example_list.examples.extend([example(x=[1.0]), example(x=[2.0])])
    response = client.prediction.Classify(request, TIMEOUT_S)
    rows = [[{"label": each.label, "score": each.score} for each in row.classes] for row in response.result.classifications]
    return {"rows": rows, **used(response)}


def regress(client):
    request = spec(regression_pb2.RegressionRequest(), "half_plus_two", "regress_x_to_y")
    request.input.example_list.examples.extend([example(x=[1.0]), example(x=[2.0])])
    response = client.prediction.Regress(request, TIMEOUT_S)
    return {"values": [each.value for each in response.result.regressions], **used(response)}


def regress_context(client):
    request = spec(regression_pb2.RegressionRequest(), "half_plus_two", "regress_x_to_y")
    request.input.example_list_with_context.context.CopyFrom(example(x=[6.0]))
    request.input.example_list_with_context.examples.extend([example(x2=[0.0]), example(x2=[1.0])])
    return {"values": [each.value for each in client.prediction.Regress(request, TIMEOUT_S).result.regressions]}


def multi_inference(client):
    request = inference_pb2.MultiInferenceRequest()
    for signature, method in (("regress_x_to_y", "regress"), ("classify_labels", "classify")):
        task = spec(request.tasks.add(), "half_plus_two", signature)
        task.method_name = f"tensorflow/serving/{method}"
    request.input.example_list.examples.extend([example(x=[1.0])])
    response = client.prediction.MultiInference(request, TIMEOUT_S)
    return {"results": [result.WhichOneof("result") for result in response.results], "value": response.results[0].regression_result.regressions[0].value}


# REST through urllib ------------------------------------------------------------------------------------------------


def fetch(client, path, document=None, encode=bytes, headers={}):
    data = None if document is None else encode(json.dumps(document).encode())
    try:
        # urllib names a form type of its own where no content type is given: the server must not mind.
        request = urllib.request.Request(client.rest + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return {"status": response.status, "body": json.loads(response.read())}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": json.loads(error.read())}


def rest_predict(client):
    return fetch(client, "/v1/models/half_plus_two:predict", {"instances": [1.0, 2.0, 5.0]})


def rest_version(client):
    return fetch(client, "/v1/models/half_plus_two/versions/1:predict", {"inputs": {"x": [1.0]}})


def rest_label(client):
    return fetch(client, "/v1/models/half_plus_two/labels/stable:predict", {"instances": [1.0]})


def rest_gzip(client):
    return fetch(client, "/v1/models/half_plus_two:predict", {"instances": [1.0]}, gzip.compress, {"Content-Encoding": "gzip"})


def rest_classify(client):
    document = {"signature_name": "classify_labels", "examples": [{"x": 1.0}]}
    return fetch(client, "/v1/models/half_plus_two:classify", document)


def rest_regress(client):
    document = {"signature_name": "regress_x_to_y", "context": {"x": 2.0}, "examples": [{"x": [1.0]}, {"x2": 0.0}]}
    return fetch(client, "/v1/models/half_plus_two:regress", document)


def rest_status(client):
    return fetch(client, "/v1/models/half_plus_three")


def rest_metadata(client):
    answer = fetch(client, "/v1/models/half_plus_three/metadata")
    return {"status": answer["status"], "signatures": sorted(answer["body"]["metadata"]["signature_def"]["signature_def"])}


def rest_unknown(client):
    return fetch(client, "/v1/models/nobody:predict", {"instances": [1.0]})


CHECKS = {
    check.__name__: check
    for check in (
        predict_numpy, predict_content, predict_several_inputs, predict_strings, predict_output_filter, predict_version, predict_label,
        predict_metadata_with_call, predict_gzip, predict_future, predict_errors, metadata, status, reload, classify, regress,
        regress_context, multi_inference, rest_predict, rest_version, rest_label, rest_gzip, rest_classify, rest_regress, rest_status,
        rest_metadata, rest_unknown,
    )
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rest", required=True)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("checks", nargs="*", metavar="CHECK")
    args = parser.parse_args()
    client = Client(args.rest, args.grpc, args.config)
    for name in args.checks or CHECKS:
        try:
            line = {"check": name, "answer": CHECKS[name](client)}
        except Exception as error:  # the line is the report: the driver shows it beside the check's name
            line = {"check": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)


sys.exit(main())
