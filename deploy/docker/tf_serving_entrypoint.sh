#!/bin/sh
# The entry point of TensorFlow Serving's image, for the same arguments and variables: serves
# MODEL_BASE_PATH/MODEL_NAME (default /models/model) on 8500 (gRPC) and 8501 (REST).
#
# Arguments come last, so they win; --model_config_file replaces the single model. Writes nothing,
# needs no particular user. exec: the server gets this process id, and with it the signals.
set -eu

name=${MODEL_NAME:-model}
base=${MODEL_BASE_PATH:-/models}

exec tensorflow_model_server \
  --port=8500 \
  --rest_api_port=8501 \
  "--model_name=$name" \
  "--model_base_path=${base%/}/$name" \
  "$@"
