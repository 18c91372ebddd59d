"""Train the bundled model: a small convolutional classifier of the Fashion-MNIST images.

usage: train.py [--data DIR] [--out DIR]      train, export OUT/1, write samples and labels, print the test accuracy
       train.py --evaluate [--out DIR]        measure the exported SavedModel on the 10 000 test images

Needs tensorflow-cpu 2.21 (Keras 3) and the images of Debian's package dataset-fashion-mnist (or the same four idx .gz files in DIR).
The seed is fixed; the last digits still depend on the machine's vector instructions.
"""
import argparse
import gzip
import json
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf

LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
EPOCHS = 24
BATCH = 128
SEED = 7


def read_images(path):
    """uint8 [n, 28, 28] from a gzipped idx3 file."""
    with gzip.open(path) as file:
        header = np.frombuffer(file.read(16), ">i4")
        assert header[0] == 0x803, f"{path}: not an idx3 file of bytes"
        return np.frombuffer(file.read(), np.uint8).reshape(header[1], header[2], header[3])


def read_labels(path):
    """uint8 [n] from a gzipped idx1 file."""
    with gzip.open(path) as file:
        header = np.frombuffer(file.read(8), ">i4")
        assert header[0] == 0x801, f"{path}: not an idx1 file of bytes"
        return np.frombuffer(file.read(), np.uint8)


def load(data, part):
    """Images as float32 [n, 28, 28, 1] from 0 to 1, labels as int64 [n]; part is train or t10k."""
    images = read_images(data / f"{part}-images-idx3-ubyte.gz")
    labels = read_labels(data / f"{part}-labels-idx1-ubyte.gz")
    return (images.astype(np.float32) / 255.0)[..., np.newaxis], labels.astype(np.int64)


def build():
    # Strides instead of pooling: two operations fewer a run. The width is chosen by cost, see README.md.
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="keras_tensor"),
            keras.layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
            keras.layers.Conv2D(24, 3, strides=2, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(len(LABELS), activation="softmax"),
        ]
    )


def train(data, out):
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    images, labels = load(data, "train")
    model = build()
    steps = EPOCHS * -(-len(images) // BATCH)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # The learning rate is fixed beforehand and no epoch is picked by the test images: they are looked at once, by --evaluate.
    model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    version = out / "1"
    shutil.rmtree(version, ignore_errors=True)
    model.export(str(version), verbose=False)


def predict(out, images):
    """Probabilities float32 [n, 10] through the exported SavedModel's signature, as a server runs it."""
    signature = tf.saved_model.load(str(out / "1")).signatures["serving_default"]
    ((name, _),) = signature.structured_outputs.items()
    parts = [signature(keras_tensor=tf.constant(images[i : i + 500]))[name] for i in range(0, len(images), 500)]
    return np.concatenate([part.numpy() for part in parts])


def evaluate(data, out):
    images, labels = load(data, "t10k")
    probabilities = predict(out, images)
    accuracy = float(np.mean(np.argmax(probabilities, axis=1) == labels))
    print(f"test accuracy: {accuracy:.4f} on {len(labels)} images")


def write_samples(data, out):
    """One test image of each class as a request body, and all ten as a batch. The first of each class: none is picked."""
    images, labels = load(data, "t10k")
    folder = out / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    firsts = [int(np.argmax(labels == label)) for label in range(len(LABELS))]
    for label, index in enumerate(firsts):
        name = LABELS[label].lower().replace("/", "-").replace(" ", "-")
        write_request(folder / f"{name}.json", images[index : index + 1])
    write_request(folder / "batch-of-ten.json", images[firsts])
    (out / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))


def write_request(path, images):
    # Three decimals tell all 256 grey levels apart and keep a body readable.
    rows = [[[[round(float(value), 3)] for value in row] for row in image[..., 0]] for image in images]
    path.write_text(json.dumps({"instances": rows}, separators=(",", ":")) + "\n")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--out", type=pathlib.Path, default=here)
    parser.add_argument("--evaluate", action="store_true")
    args = parser.parse_args()
    if not args.evaluate:
        train(args.data, args.out)
        write_samples(args.data, args.out)
    evaluate(args.data, args.out)


main()
