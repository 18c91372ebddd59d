"""Make the SavedModels that bench/load measures. Random weights: only their cost matters.

usage: make_models.py OUT_DIR [NAME ...]        (needs bench/load/requirements.txt in the interpreter)

Every model has one signature, serving_default: x -> y. OUT_DIR/NAME/1 is written whole or not at all.
"""
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import tensorflow as tf

keras.utils.set_random_seed(7)


def half_plus_two(out):
    """y = x / 2 + 2 as TensorFlow Serving's own example makes it: a TF1 graph with two variables, no function around it."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        a = v1.get_variable("a", initializer=0.5)
        b = v1.get_variable("b", initializer=2.0)
        x = v1.placeholder(tf.float32, [None], name="x")
        y = tf.add(tf.multiply(a, x), b, name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, out, {"x": x}, {"y": y})


def keras_model(model, shape):
    """Writer of a Keras model whose signature takes x and gives y."""

    def write(out):
        network = model()
        archive = keras.export.ExportArchive()
        archive.track(network)
        spec = tf.TensorSpec([None, *shape], tf.float32, name="x")
        archive.add_endpoint("serve", lambda x: {"y": network(x, training=False)}, [spec])
        archive.write_out(out, verbose=False)

    return write


def graph(function, shape):
    """Writer of a function of one float tensor."""

    def write(out):
        spec = tf.TensorSpec(shape, tf.float32, name="x")
        concrete = tf.function(lambda x: {"y": function(x)}).get_concrete_function(x=spec)
        tf.saved_model.save(tf.Module(), out, signatures=concrete)

    return write


def mnist():
    return keras.Sequential(
        [keras.Input([28, 28, 1]), keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )


def mlp2048():
    """A model worth batching: one row costs as much memory traffic as many."""
    return keras.Sequential(
        [keras.Input([784]), keras.layers.Dense(2048, activation="relu"), keras.layers.Dense(2048, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )


def busy(x):
    """As many 128 x 128 matrix products as the largest number in x, on one thread after the other: a model as slow as asked."""
    rounds = tf.cast(tf.reduce_max(x), tf.int32)
    start = tf.eye(128) * tf.cast(rounds, tf.float32)
    _, product = tf.while_loop(lambda i, _: i < rounds, lambda i, m: (i + 1, tf.matmul(m, m) * 0.0 + 1.0), [0, start], parallel_iterations=1)
    return x + tf.reduce_sum(product) * 0.0


MODELS = {
    "half_plus_two": half_plus_two,
    "mnist": keras_model(mnist, [28, 28, 1]),
    "mlp2048": keras_model(mlp2048, [784]),
    "sum224": graph(lambda x: tf.reduce_sum(x, axis=[1, 2, 3]), [None, 224, 224, 3]),
    "mobilenet_v2": keras_model(lambda: keras.applications.MobileNetV2(weights=None), [224, 224, 3]),
    "resnet50": keras_model(lambda: keras.applications.ResNet50(weights=None), [224, 224, 3]),
    "total": graph(tf.reduce_sum, None),
    "busy": graph(busy, [None]),
}


def main(out, names):
    for name in names or MODELS:
        final = os.path.join(out, name, "1")
        if os.path.exists(final):
            continue
        scratch = os.path.join(out, name, "making")
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        MODELS[name](scratch)
        os.rename(scratch, final)
        print("made", final, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
