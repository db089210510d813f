"""Exports an SSD of TensorFlow's Object Detection API: python export_object_detection.py [--config PIPELINE --checkpoint FOLDER] [-o FILE.onnx]

In: a pipeline.config of the API with a checkpoint's folder. Without them it is SSD-MobileNet v2 for 90 classes, 300x300, with random weights (--seed). Out: the SavedModel that
the API's own exporter writes, in FILE.saved_model, and FILE.onnx, which tf2onnx makes of it. Who has a SavedModel needs tf2onnx alone.

The API is in the package tf-models-research-object-detection, which pins older packages than work together; this does (Python 3.11):

    pip install tensorflow-cpu tf-keras tf2onnx tf-slim lxml contextlib2 matplotlib pandas pillow pycocotools lvis scipy pyyaml
    pip install --no-deps tensorflow-io tensorflow-io-gcs-filesystem tf-models-official tf-models-research-object-detection
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The API is written for Keras 2, its messages for an older protobuf.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from object_detection import exporter_lib_v2
from object_detection.builders import model_builder
from object_detection.protos import pipeline_pb2

CONVOLUTIONS = """
    regularizer { l2_regularizer { weight: 0.00004 } }
    initializer { random_normal_initializer { stddev: 0.03 } }
    activation: RELU_6
    batch_norm { decay: 0.97 center: true scale: true epsilon: 0.001 }
"""
SSD_MOBILENET_V2 = f"""
model {{ ssd {{
  num_classes: 90
  image_resizer {{ fixed_shape_resizer {{ height: 300 width: 300 }} }}
  feature_extractor {{
    type: "ssd_mobilenet_v2_keras" depth_multiplier: 1.0 min_depth: 16
    conv_hyperparams {{ {CONVOLUTIONS} }}
    override_base_feature_extractor_hyperparams: true
  }}
  box_coder {{ faster_rcnn_box_coder {{ y_scale: 10.0 x_scale: 10.0 height_scale: 5.0 width_scale: 5.0 }} }}
  matcher {{ argmax_matcher {{ matched_threshold: 0.5 unmatched_threshold: 0.5 }} }}
  similarity_calculator {{ iou_similarity {{ }} }}
  box_predictor {{ convolutional_box_predictor {{
    conv_hyperparams {{ {CONVOLUTIONS} }}
    max_depth: 0 num_layers_before_predictor: 0 use_dropout: false kernel_size: 1
  }} }}
  anchor_generator {{ ssd_anchor_generator {{
    num_layers: 6 min_scale: 0.2 max_scale: 0.95
    aspect_ratios: 1.0 aspect_ratios: 2.0 aspect_ratios: 0.5 aspect_ratios: 3.0 aspect_ratios: 0.3333
  }} }}
  post_processing {{
    batch_non_max_suppression {{ score_threshold: 1e-8 iou_threshold: 0.6 max_detections_per_class: 100 max_total_detections: 100 }}
    score_converter: SIGMOID
  }}
  loss {{
    localization_loss {{ weighted_smooth_l1 {{ }} }}
    classification_loss {{ weighted_sigmoid {{ }} }}
  }}
  encode_background_as_zeros: true
}} }}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="pipeline.config of the API")
    parser.add_argument("--checkpoint", type=Path, help="folder of its checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("ssd_mobilenet_v2.onnx"))
    arguments = parser.parse_args()
    if (arguments.config is None) != (arguments.checkpoint is None):
        sys.exit("a pipeline.config and the folder of its checkpoint go together")
    config = arguments.config.read_text() if arguments.config else SSD_MOBILENET_V2
    pipeline = text_format.Merge(config, pipeline_pb2.TrainEvalPipelineConfig())
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.checkpoint or random_checkpoint(pipeline, arguments.seed, Path(folder) / "checkpoint")
        exporter_lib_v2.export_inference_graph("image_tensor", pipeline, str(checkpoint), str(Path(folder) / "exported"))
        saved = arguments.output.with_suffix(".saved_model")
        shutil.move(Path(folder) / "exported" / "saved_model", saved)
    convert = [sys.executable, "-m", "tf2onnx.convert", "--opset", "17"]
    subprocess.run([*convert, "--saved-model", str(saved), "--output", str(arguments.output)], check=True)


def random_checkpoint(pipeline, seed, folder):
    """A checkpoint of random weights through which a signal neither vanishes nor grows (He et al. 2015)."""
    model = model_builder.build(pipeline.model, is_training=False)
    size = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    # The variables are made by the first picture.
    model.predict(*model.preprocess(tf.zeros([1, size.height, size.width, 3])))
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) == 4:
            rows, columns, inputs, _ = variable.shape
            read = rows * columns * (1 if "depthwise" in variable.name else inputs)
            variable.assign(random.normal(scale=(2 / read) ** 0.5, size=variable.shape))
    tf.train.Checkpoint(model=model).save(str(folder / "ckpt"))
    return folder


if __name__ == "__main__":
    main()
