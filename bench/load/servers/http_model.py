"""A baseline: a SavedModel behind FastAPI and uvicorn, as a Python team would serve it.

usage: http_model.py tensorflow|openvino MODEL_DIR

Fastest parts that install from PyPI: uvloop, httptools, orjson, no access log. Speaks TensorFlow Serving's row format for a
model with one input, and takes an npy body as application/x-npy. Prints `listening PORT` once it answers.
"""
import io
import os
import socket
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response


def tensorflow_model(directory):
    import tensorflow as tf

    loaded = tf.saved_model.load(directory)
    function = loaded.signatures["serving_default"]
    # The signature's variables live as long as what was loaded.
    function.keep = loaded
    return lambda x: function(x=tf.constant(x))["y"].numpy()


def openvino_model(directory):
    import openvino as ov

    # float32 as in TensorFlow: OpenVINO would take bfloat16 where the processor has it, and answer something else.
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(ov.convert_model(directory), "CPU", options)
    request = compiled.create_infer_request()
    return lambda x: request.infer([x])[compiled.output(0)]


def application(predict):
    app = FastAPI(openapi_url=None)

    @app.post("/v1/models/{name}:predict")
    async def answer(request: Request):
        body = await request.body()
        if request.headers.get("content-type") == "application/x-npy":
            reply = io.BytesIO()
            np.save(reply, predict(np.load(io.BytesIO(body), allow_pickle=False)))
            return Response(reply.getvalue(), media_type="application/x-npy")
        x = np.asarray(orjson.loads(body)["instances"], np.float32)
        reply = orjson.dumps({"predictions": predict(x)}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(reply, media_type="application/json")

    return app


def main(engine, directory):
    predict = {"tensorflow": tensorflow_model, "openvino": openvino_model}[engine](directory)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(application(predict), loop="uvloop", http="httptools", log_level="warning", access_log=False)
    print("listening", listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
