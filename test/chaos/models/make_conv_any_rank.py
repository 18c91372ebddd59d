"""Generate test/chaos/models/conv_any_rank: a Conv2D behind a signature of unknown rank.

usage: make_conv_any_rank.py OUT_DIR          (needs tensorflow-cpu 2.21 in the interpreter)

TensorFlow aborts the process when a tensor of rank 2 reaches the convolution; nothing in the signature says so.
"""
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf

v1 = tf.compat.v1
where = os.path.join(sys.argv[1], "conv_any_rank", "1")
shutil.rmtree(where, ignore_errors=True)
with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, name="x")
    y = tf.nn.conv2d(x, tf.ones([2, 2, 1, 1]), strides=1, padding="SAME", name="y")
    info = v1.saved_model.utils.build_tensor_info
    signature = v1.saved_model.signature_def_utils.build_signature_def({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict")
    builder = v1.saved_model.builder.SavedModelBuilder(where)
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map={"serving_default": signature}, strip_default_attrs=True)
    builder.save()
if os.path.isdir(os.path.join(where, "variables")):
    os.rmdir(os.path.join(where, "variables"))
